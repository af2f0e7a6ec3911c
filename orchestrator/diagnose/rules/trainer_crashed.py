"""The trainer ended with an error.

## What it looks for

An exception, a refused option, the system ending the process, or a trainer that fell silent and was ended.

## Why it matters

The run did not finish. What was saved before is kept.

## How we tell

The exit code and the last exception in the console. The launcher's own error ("returned non-zero exit status 1") only repeats that
something above it failed, and is not taken. Of several processes the one that failed first counts, as torch's launcher tells; the
others' errors (a lost connection) only follow from it. About twenty frequent symptoms are told with their cause.

## What to change

See the cause. A missing package is named with the command that installs it; where torch can stand in for it (`train.optimizer_type: AdamW`
for AdamW8bit, `train.attention: sdpa` for xformers) that change is proposed. Where the cause is not known, the trainer's own last words are shown; the whole log lies in the run folder.

## When it is wrong

An exception after the final file was saved (while a tracker is closed, for instance) leaves a good file; that is only told.

## Sources

sd-scripts 48d368fa, and its issue threads 78, 224, 522, 653, 990, 1306, 1518, 2048, 2137 and others, with those of kohya_ss,
lora-scripts and fluxgym for the same symptoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.first_failed import FirstFailed, telling
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events, setting
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.symptoms import match_symptom, missing_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import LogEvent
    from orchestrator.diagnose.symptoms import Symptom

ENDED_BADLY = ("traceback", "argument-error", "killed", "model-not-found")
CONSEQUENCES = ("launcher-error",)
FIRST_FAILED = "first-failed"
MOST_CHARACTERS = 200
"""Of the trainer's last words in one line."""

SAYS = Says("R039", "trainer-crashed")


def check(case: Case) -> Iterator[Finding]:
    """Look at how the run ended and at the trainer's last exception."""
    if case.observations is None and case.outcome is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    lines = _what_ended_it(case)
    if case.outcome is not None and case.outcome.cause == "no-output":
        yield _hung(case.outcome.message)
    elif case.outcome is not None and case.outcome.cause == "exit-error":
        yield _failed_late(_AFTER_THE_FILE, _last_words(case, lines), lines)
    elif case.outcome is not None and case.outcome.cause == "rescued":
        yield _failed_late(_AT_THE_FILE, _last_words(case, lines), lines)
    elif _has_failed(case, lines):
        yield _failed(case, lines)
    else:
        yield SAYS.clear(Text("The trainer did not end with an error.", "训练器没有因错误结束。"))


def _what_ended_it(case: Case) -> tuple[LogEvent, ...]:
    found = events(case, *ENDED_BADLY, FIRST_FAILED)
    own = tuple(x for x in found if x.kind != FIRST_FAILED)
    # a summary that does not come last is of an earlier run in the same log
    summary = tuple(x for x in found[-1:] if x.kind == FIRST_FAILED)
    first = FirstFailed(summary[0].values["rank"], summary[0].values["exit_status"]) if summary else None
    places = telling(first, [(x.values.get("rank"), x.text) for x in own])
    return tuple(own[place] for place in places) or summary or events(case, *CONSEQUENCES)


def _has_failed(case: Case, lines: tuple[LogEvent, ...]) -> bool:
    """Whether the process failed. Exit code 0 without a result is the business of the rules on the final file."""
    if case.outcome is None or case.outcome.ending.value == "unknown":
        return bool(lines) and not events(case, "model-saved")
    return case.outcome.ending.value == "failed" and case.outcome.exit_code != 0


def _failed(case: Case, lines: tuple[LogEvent, ...]) -> Finding:
    words = _last_words(case, lines)
    said = "\n".join([words, *(line.text for line in lines), _signal(lines)])
    symptom = match_symptom(said)
    if symptom is not None:
        message = Text(f"The trainer ended with an error. {symptom.cause.en}", f"训练器因错误退出。{symptom.cause.zh}")
        fix = _fix(case, symptom, missing_module(said))
    elif case.outcome is not None and not lines:
        message = Text(
            f"The trainer ended with an error: {case.outcome.message.en}",
            f"训练器因错误退出：{case.outcome.message.zh}",
        )
        fix = Fix(Text("Look at the last lines of the console log.", "查看控制台日志的最后几行。"))
    elif lines and lines[-1].kind == FIRST_FAILED:
        rank, code = lines[-1].values["rank"], lines[-1].values["exit_status"]
        message = Text(
            f"Of several processes number {rank} failed first, with exit code {code}.",
            f"多个进程中第 {rank} 号最先失败，退出码 {code}。",
        )
        fix = Fix(Text("Look at what that process said in the console log.", "查看控制台日志中该进程的输出。"))
    else:
        message = Text(f"The trainer ended with an error: {words}", f"训练器因错误退出：{words}")
        fix = Fix(Text("Look at the console log above that line.", "查看控制台日志中该行之前的内容。"))
    return SAYS.fired(
        Severity.STOP,
        Confidence.HIGH if symptom is not None else Confidence.MEDIUM,
        message,
        evidence=[Evidence(Text("the trainer's last words", "训练器最后的输出"), words, None, _source(lines))],
        fix=fix,
    )


def _signal(lines: tuple[LogEvent, ...]) -> str:
    """Return the signal that ended the process that failed first; torch's own line has its number alone."""
    return str(lines[-1].values["signal"] or "") if lines and lines[-1].kind == FIRST_FAILED else ""


def _fix(case: Case, symptom: Symptom, module: str | None) -> Fix:
    """Return the symptom's fix; where an optional package is missing that torch can stand in for, with that change too."""
    change = _without(case, module)
    if change is None:
        return Fix(symptom.fix)
    name, value = change.key.rpartition(".")[2], change.value
    return Fix(
        Text(f"{symptom.fix.en} Or set `{name}: {value}`.", f"{symptom.fix.zh}或设 `{name}: {value}`。"), (change,)
    )


def _without(case: Case, module: str | None) -> Change | None:
    if module == "xformers":
        return Change("train.attention", "sdpa", "xformers", is_safe=True)
    written = setting(case, "optimizer_type")
    if module != "bitsandbytes" or not isinstance(written, str):
        return None
    from orchestrator.backends.sd_scripts.packages import same_of_torch

    plain = same_of_torch(written)
    return None if plain is None else Change("train.optimizer_type", plain, written, is_safe=True)


def _hung(said: Text) -> Finding:
    return SAYS.fired(
        Severity.STOP,
        Confidence.MEDIUM,
        Text(f"The trainer fell silent: {said.en}", f"训练器没有响应：{said.zh}"),
        why=Text(
            "A hanging driver, a disk that does not answer, or a deadlock of data loader workers.",
            "驱动卡死、磁盘无响应，或数据加载进程死锁。",
        ),
        fix=Fix(
            Text(
                "Start again; set `max_data_loader_n_workers: 0` under `trainer_args`.",
                "重新开始；在 `trainer_args` 下设 `max_data_loader_n_workers: 0`。",
            )
        ),
    )


_AFTER_THE_FILE = Text(
    "The final file was saved; the trainer ended with an error after that.",
    "最终文件已保存；此后训练器才因错误退出。",
)
_AT_THE_FILE = Text(
    "The trainer ended with an error at the final file, which was then made from the last saved state.",
    "训练器在写入最终文件时出错；该文件随后由最后保存的状态生成。",
)


def _failed_late(message: Text, words: str, lines: tuple[LogEvent, ...]) -> Finding:
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        message,
        evidence=[Evidence(Text("the trainer's last words", "训练器最后的输出"), words, None, _source(lines))],
    )


def _last_words(case: Case, lines: tuple[LogEvent, ...]) -> str:
    if lines:
        return lines[-1].text[:MOST_CHARACTERS]
    tail = case.outcome.last_lines if case.outcome is not None else ()
    return next((line.strip()[:MOST_CHARACTERS] for line in reversed(tail) if line.strip()), "-")


def _source(lines: tuple[LogEvent, ...]) -> str:
    if not lines:
        return "console"
    where = lines[-1].values.get("where")
    return f"console: line {lines[-1].line_number}" + (f", {where}" if where else "")


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    suppresses=("final-file-missing", "steps-short", "still-falling", "loss-trend"),
)
