"""What the verbs about many runs, and about one that was stopped or left alone, say."""

from __future__ import annotations

import contextlib
import datetime as dt
import shlex
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import EXIT_OK
from orchestrator.core.text import Text, plural
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json
from orchestrator.report.numbers import NOTHING, count
from orchestrator.report.tell_now import STANDINGS, listed_record, next_step, status, status_record
from orchestrator.report.watcher import short_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.text import Language
    from orchestrator.observe.present import Present
    from orchestrator.run.records.listed import Listed

LIST_HEADS: Final = (
    Text("run", "训练"), Text("state", "状态"), Text("steps", "步数"), Text("begun", "开始于"), Text("model", "模型"),
    Text("verdict", "结论"),
)  # fmt: skip


def runs(found: Sequence[Listed], most: int | None, form: str, language: Language) -> int:
    """Tell all runs of a folder, newest first; `most`: how many lines at most."""
    shown = found if most is None else found[:most]
    if form == "json":
        print_json({"exit_code": EXIT_OK, "count": len(found), "runs": [listed_record(run) for run in shown]})
        return EXIT_OK
    console = terminal.make_console()
    if not found:
        terminal.show_line(Text("no runs yet", "还没有训练").to(language), console)
        return EXIT_OK
    terminal.show_table([head.to(language) for head in LIST_HEADS], [_cells(run, language) for run in shown], console)
    left = len(found) - len(shown)
    if left:
        more = Text(
            f"{plural(left, 'more run', 'more runs')}: `--all` shows every one",
            f"另有 {left} 次训练：用 `--all` 全部显示",
        )
        terminal.show_line(more.to(language), console)
    return EXIT_OK


def _cells(run: Listed, language: Language) -> tuple[str, ...]:
    steps = f"{count(run.step)}/{count(run.total_steps)}" if run.total_steps else NOTHING
    model = " ".join(part for part in (run.family, run.kind) if part)
    verdict = run.headline.to(language) if run.headline is not None else ""
    return run.name, STANDINGS[run.standing].to(language), steps, local_time(run.started_at), model or NOTHING, verdict


def local_time(moment: str) -> str:
    """Return an ISO moment as this machine's clock would show it, to the minute; as it is where it is none."""
    with contextlib.suppress(ValueError):
        return dt.datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
    return moment or NOTHING


def stopped(present: Present, form: str, language: Language, *, was_going_on: bool) -> int:
    """Tell what became of a run that was asked to end."""
    if form == "json":
        told = {"exit_code": EXIT_OK, "was_going_on": was_going_on, **status_record(present)}
        print_json({**told, "next_step": next_step(present)})
        return EXIT_OK
    console = terminal.make_console()
    if not was_going_on:
        text = Text("nothing to stop: this run does not go on", "无需停止：该训练没有在进行")
        terminal.show_line(text.to(language), console)
    return status(present, form, language)


def left_alone(run: Path, form: str, language: Language) -> int:
    """Tell that a run goes on by itself, and how to look after it."""
    path = shlex.quote(short_path(run))
    if form == "json":
        print_json({"exit_code": EXIT_OK, "path": run})
        return EXIT_OK
    text = Text(f"{path} goes on by itself: this terminal may be closed", f"{path} 在后台继续：可以关闭此终端")
    verbs = (
        ("attach", Text("watch it", "观看")), ("status", Text("how it stands", "查看状态")),
        ("logs", Text("what the trainer prints", "查看训练器的输出")), ("stop", Text("end it", "停止")),
    )  # fmt: skip
    console = terminal.make_console()
    terminal.show_line(text.to(language), console)
    for verb, what in verbs:
        terminal.show_line(f"  lora-run {verb} {path}{' -f' if verb == 'logs' else ''}  # {what.to(language)}", console)
    return EXIT_OK


def let_go(run: Path, form: str, language: Language) -> int:
    """Tell that only the watching has ended."""
    path = shlex.quote(short_path(run))
    text = Text(
        f"the run goes on; `lora-run attach {path}` watches it again, `lora-run stop {path}` ends it",
        f"训练仍在继续；`lora-run attach {path}` 可再次观看，`lora-run stop {path}` 可停止",
    )
    if form == "json":
        print_json({"exit_code": EXIT_OK, "message": text.to(language)})
    else:
        terminal.show_line(text.to(language), terminal.make_console())
    return EXIT_OK
