"""How a launch ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.core.text import Text


class Ending(str, Enum):
    """How the trainer's process ended. Success needs more than exit code 0: see `run/outcome.py`."""

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
