"""How a launch ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.core.text import Text

NOTHING_TRAINED = "nothing-trained"
"""Cause of a run that the user interrupted before its first step: there is nothing to judge and nothing to change."""


class Ending(str, Enum):
    """How the trainer's process ended. Success needs more than exit code 0: see `run/process/outcome.py`."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """By the user."""
    STOPPED = "stopped"
    """By a stop rule."""
    UNKNOWN = "unknown"
    """A foreign folder, or a run that was never finished by this tool."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended and why, in the user's words."""

    ending: Ending
    exit_code: int | None
    cause: str
    """kebab-case: `ok`, `crash`, `killed`, `out-of-memory`, `disk-full`, `no-output`, `no-data`, `no-model`, `nan`, `interrupted` ..."""
    message: Text
    seconds: float | None = None
    first_step_seconds: float | None = None
    last_lines: tuple[str, ...] = ()
    """Last lines of the trainer, for a failed run: the innermost traceback first."""


def nothing_trained(outcome: Outcome | None) -> bool:
    """Whether the user interrupted the run before its first step."""
    return outcome is not None and outcome.cause == NOTHING_TRAINED


def unfinished() -> Outcome:
    """Return the outcome of a run whose end this tool never saw: it is still going on, or the tool was killed."""
    text = Text(
        "The end of this run was never written down: it goes on, or was cut off.",
        "没有记录到训练的结束：它还在进行，或已意外中断。",
    )
    return Outcome(Ending.UNKNOWN, None, "unfinished", text)


def foreign() -> Outcome:
    """Return the outcome of a run that another tool launched."""
    text = Text(
        "Another tool launched this run; how it ended is judged from what it left.",
        "这次训练由别的工具启动，结束情况只能从留下的文件判断。",
    )
    return Outcome(Ending.UNKNOWN, None, "foreign", text)
