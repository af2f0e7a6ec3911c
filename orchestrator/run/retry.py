"""Whether a failed attempt is tried once more: a crash that passes once, the same step twice never, a mistake never."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.run.model import Ending

if TYPE_CHECKING:
    from orchestrator.run.history import History
    from orchestrator.run.launch import Launched
    from orchestrator.run.model import Outcome

RETRIES: Final = 1
WAIT_S: Final = 30.0
_PASSES: Final = re.compile(
    r"(?i)CUDA error: (unspecified launch failure|an illegal memory access|device-side assert|unknown error)"
    r"|CUBLAS_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)|CUDNN_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)"
    r"|NCCL (error|timeout)|Watchdog caught collective operation timeout|DataLoader worker .* (is killed|exited unexpectedly)"
    r"|GPU is lost|ECC error|Connection reset by peer|HTTP Error 5\d\d"
)
"""Lines of crashes that other users saw go away when they began again. No GPU was at hand to bring one about here."""


@dataclass(frozen=True, slots=True)
class Again:
    """A further attempt."""

    why: str
    wait_s: float
    told: Text


def next_try(history: History, outcome: Outcome, launched: Launched, wait_s: float = WAIT_S) -> Again | None:
    """Return what to try after the newest attempt of `history`; None: nothing."""
    if outcome.ending is not Ending.FAILED or not _passes(outcome, launched):
        return None
    tries = [attempt for attempt in history.attempts if attempt.why == "retry"]
    if len(tries) >= RETRIES or _fails_there_again(history):
        return None
    seconds = round(wait_s)
    return Again(
        "retry",
        wait_s,
        Text(
            f"the trainer ended by something that may pass ({outcome.cause}): once more in {seconds} s",
            f"训练器因可能是暂时的问题结束（{outcome.cause}）：{seconds} 秒后再试一次",
        ),
    )


def _passes(outcome: Outcome, launched: Launched) -> bool:
    if outcome.cause == "killed":
        return True
    return outcome.cause == "crash" and any(_PASSES.search(line) for line in launched.tail)


def _fails_there_again(history: History) -> bool:
    """Whether the two newest attempts ended at the same step: what lies there ends the next one too."""
    failed = [attempt for attempt in history.attempts if attempt.ending == Ending.FAILED.value]
    return len(failed) >= 2 and failed[-1].last_step == failed[-2].last_step > 0
