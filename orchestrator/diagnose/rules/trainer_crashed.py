"""The trainer ended with an error.

## What it looks for

An exception, a refused option, or the system ending the process.

## Why it matters

The run did not finish. What was saved before is kept.

## How we tell

The exit code and the last exception in the console. The launcher's own error ("returned non-zero exit status 1") only repeats that
something above it failed, and is not taken. About twenty frequent symptoms are told with their cause.

## What to change

See the cause. Where it is not known, the trainer's own last words are shown; the whole log lies in the run folder.

## When it is wrong

An exception after the final file was saved (while a tracker is closed, for instance) leaves a good file.

## Sources

sd-scripts 48d368fa, and its issue threads 78, 224, 522, 653, 990, 1306, 1518, 2048, 2137 and others, with those of kohya_ss,
lora-scripts and fluxgym for the same symptoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.symptoms import match_symptom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import LogEvent

ENDED_BADLY = ("traceback", "argument-error", "killed", "model-not-found")
CONSEQUENCES = ("launcher-error",)
MOST_CHARACTERS = 200
"""Of the trainer's last words in one line."""

SAYS = Says("R039", "trainer-crashed")


def check(case: Case) -> Iterator[Finding]:
    """Look at how the run ended and at the trainer's last exception."""
    if case.observations is None and case.outcome is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    ending = case.outcome.ending.value if case.outcome is not None else "unknown"
    lines = events(case, *ENDED_BADLY) or events(case, *CONSEQUENCES)
    is_saved = bool(events(case, "model-saved"))
    if ending in {"succeeded", "interrupted", "stopped"} or (ending == "unknown" and (is_saved or not lines)):
        yield SAYS.clear(Text("The trainer did not end with an error.", "训练器没有因错误结束。"))
        return
    words = _last_words(case, lines)
    symptom = match_symptom("\n".join([words, *(line.text for line in lines)]))
    if symptom is not None:
        message = Text(f"The trainer failed: {symptom.cause.en}", f"训练器失败：{symptom.cause.zh}")
        fix = Fix(symptom.fix)
    elif case.outcome is not None and not lines:
        message = Text(f"The trainer failed. {case.outcome.message.en}", f"训练器失败。{case.outcome.message.zh}")
        fix = Fix(Text("Look at the last lines of the console log.", "查看控制台日志的最后几行。"))
    else:
        message = Text(f"The trainer failed: {words}", f"训练器报错退出：{words}")
        fix = Fix(Text("Look at the console log above that line.", "查看控制台日志中该行之前的内容。"))
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH if symptom is not None else Confidence.MEDIUM,
        message,
        evidence=[Evidence(Text("the trainer's last words", "训练器最后的输出"), words, None, _source(lines))],
        fix=fix,
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
    maturity="stable",
    suppresses=("final-file-missing", "steps-short", "still-falling", "loss-trend"),
)
