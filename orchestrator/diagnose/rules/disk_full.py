"""The disk is full.

## What it looks for

A write that failed because there was no space left.

## Why it matters

The run ended there, and the file written last is cut off.

## How we tell

The exception in the console (`No space left on device`, a quota exceeded).

## What to change

Make room, or point `save.runs_dir` at another disk. Fewer checkpoints (`save.checkpoints`), no saved states (`save.save_state`) and no
latent caches on disk (`train.cache_latents_to_disk`) need less.

## When it is wrong

Never. In a run that came to its end all the same it is only a warning.

## Sources

The operating system's own error (ENOSPC, EDQUOT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R038", "disk-full")


def check(case: Case) -> Iterator[Finding]:
    """Look for the error in the console and in how the run ended."""
    if case.observations is None and case.outcome is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    lines = events(case, "disk-full")
    if not lines and (case.outcome is None or case.outcome.cause != "disk-full"):
        yield SAYS.clear(Text("There was room on the disk.", "磁盘空间够用。"))
        return
    if case.outcome is not None and case.outcome.ending.value == "succeeded":
        severity = Severity.WATCH
        message = Text(
            "The disk was full meanwhile; the run came to its end all the same.", "训练期间磁盘曾写满，但训练仍然完成。"
        )
        why = Text("The next run may not.", "下一次训练未必能完成。")
    else:
        severity = Severity.STOP
        message = Text("The disk was full, and the run ended there.", "磁盘已满，训练就此结束。")
        why = Text("The file written last is cut off.", "最后写入的文件不完整。")
    yield SAYS.fired(
        severity,
        Confidence.HIGH,
        message,
        why=why,
        evidence=[
            Evidence(
                Text("the trainer's words", "训练器原话"), lines[-1].text if lines else "disk-full", None, "console"
            )
        ],
        fix=Fix(
            Text(
                "Make room, or put `save.runs_dir` on another disk.", "清理空间，或把 `save.runs_dir` 放到另一块磁盘。"
            )
        ),
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    suppresses=("trainer-crashed", "final-file-missing", "final-file-unreadable", "steps-short", "still-falling"),
)
