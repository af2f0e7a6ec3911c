"""What of a run's attempts is worth a line in its report: how it was put together, and what was set aside."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.core.text import Text, plural
from orchestrator.report.labels import label
from orchestrator.run.records.history import read_history

if TYPE_CHECKING:
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Language
    from orchestrator.run.records.history import Attempt, History

MOST_NAMED = 6


def about_attempts(rundir: RunDir) -> tuple[Text, ...]:
    """Return a line on several attempts and one on what was set aside; nothing for a run that went through in one."""
    try:
        history = read_history(rundir)
    except OSError:
        return ()
    return (*_several(history), *_set_aside(history))


def _several(history: History) -> list[Text]:
    attempts = history.attempts
    if len(attempts) < 2:
        return []
    shown = attempts if len(attempts) <= MOST_NAMED else (*attempts[:2], *attempts[2 - MOST_NAMED :])
    en = "; ".join(_one(attempt, "en") for attempt in shown)
    zh = "；".join(_one(attempt, "zh") for attempt in shown)
    left = len(attempts) - len(shown)
    more = Text(f", {left} of them not named", f"，其中 {left} 次未列出") if left else Text("", "")
    return [
        Text(
            f"Trained in {len(attempts)} attempts{more.en}: {en}. All figures are of the whole run.",
            f"共 {len(attempts)} 次尝试{more.zh}：{zh}。所有数字都是整个训练的。",
        )
    ]


def _one(attempt: Attempt, language: Language) -> str:
    first, last = attempt.first_step + 1, attempt.last_step
    ending = _ending(attempt).to(language)
    if last < first:
        return Text(f"no step ({ending})", f"未训练（{ending}）").to(language)
    return Text(f"steps {first} to {last} ({ending})", f"第 {first} 到 {last} 步（{ending}）").to(language)


def _ending(attempt: Attempt) -> Text:
    if not attempt.ending:
        return Text("cut off", "意外中断")
    key = f"ending_{attempt.ending}"
    return Text(label(key, "en"), label(key, "zh"))


def _set_aside(history: History) -> list[Text]:
    if not history.quarantined:
        return []
    items = list(history.quarantined.items())
    named = "; ".join(f"{PurePosixPath(file).name} ({reason})" for file, reason in items[:MOST_NAMED])
    more = " ..." if len(items) > MOST_NAMED else ""
    count = plural(len(items), "file", "files")
    return [
        Text(
            f"Set aside in quarantine/, and used for nothing: {count}: {named}{more}",
            f"已隔离到 quarantine/、不作任何使用的文件 {len(items)} 个：{named}{more}",
        )
    ]
