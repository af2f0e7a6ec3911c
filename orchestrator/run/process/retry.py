"""Whether an attempt is tried once more: a crash that passes once, a hang where that is wanted, the same step twice never, a mistake never."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.run.process.last_words import failed_first, said_by
from orchestrator.run.process.launched import NO_OUTPUT
from orchestrator.run.records.model import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.run.process.launched import Launched
    from orchestrator.run.records.history import Attempt, History
    from orchestrator.run.records.model import Outcome

RETRIES: Final = 1
WAIT_S: Final = 30.0
_PASSES: Final = re.compile(
    r"(?i)CUDA error: (unspecified launch failure|an illegal memory access|device-side assert|unknown error)"
    r"|CUBLAS_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)|CUDNN_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)"
    r"|NCCL (error|timeout)|Watchdog caught collective operation timeout|DataLoader worker .* (is killed|exited unexpectedly)"
    r"|GPU is lost|ECC error|Connection reset by peer|HTTP Error 5\d\d"
)
"""Lines of crashes that other users saw go away when they began again. No GPU was at hand to bring one about here."""
_LAST_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class Again:
    """A further attempt."""

    why: str
    wait_s: float
    told: Text


def next_try(history: History, outcome: Outcome, launched: Launched, *, may_restart: bool = False) -> Again | None:
    """Return what to try after the newest attempt of `history`; None: nothing.

    `may_restart`: an attempt that was ended for its silence is begun again once.
    """
    since = _since_the_user(history)
    if outcome.cause == NO_OUTPUT and outcome.ending is Ending.STOPPED:
        return _SILENT if may_restart and not _count(since, "silent") else None
    if outcome.ending is not Ending.FAILED or not _passes(outcome, launched):
        return None
    if _count(since, "retry") >= RETRIES or fails_there_again(history):
        return None
    seconds = round(WAIT_S)
    return Again(
        "retry",
        WAIT_S,
        Text(
            f"the trainer ended by something that may pass ({outcome.cause}): once more in {seconds} s",
            f"训练器因可能是暂时的问题结束（{outcome.cause}）：{seconds} 秒后再试一次",
        ),
    )


_SILENT: Final = Again(
    "silent",
    0.0,
    Text(
        "the trainer hung and was ended: once more, from the newest saved state",
        "训练器停滞，已被结束：从最新保存的状态再试一次",
    ),
)


def rungs_climbed(history: History) -> int:
    """Return how often the run was tried again with less memory."""
    return _count(history.attempts, "out-of-memory")


def _since_the_user(history: History) -> Sequence[Attempt]:
    """Return the attempts since somebody began or resumed the run: who resumes it wants it tried anew."""
    attempts = history.attempts
    begun = [n for n, attempt in enumerate(attempts) if attempt.why in ("start", "resume")]
    return attempts[begun[-1] :] if begun else attempts


def _count(attempts: Sequence[Attempt], why: str) -> int:
    return sum(attempt.why == why for attempt in attempts)


def _passes(outcome: Outcome, launched: Launched) -> bool:
    """By the last lines; of several processes by those of the one that failed first."""
    if outcome.cause == "killed":
        return True
    first = failed_first(launched.tail)
    said = launched.tail[-_LAST_LINES:] if first is None else said_by(first.rank, launched.tail)
    return outcome.cause == "crash" and any(_PASSES.search(line) for line in said)


def fails_there_again(history: History) -> int:
    """Return the step at which the two newest attempts failed, 0 where there is none: what lies there ends the next one too."""
    failed = [attempt for attempt in history.attempts if attempt.ending == Ending.FAILED.value]
    if len(failed) < 2 or failed[-1].last_step != failed[-2].last_step:
        return 0
    return failed[-1].last_step


def poison_text(step: int) -> Text:
    """Say why nothing more is tried."""
    return Text(
        f"two attempts failed at step {step}: what lies there would end a third one too, so it is not tried",
        f"两次都在第 {step} 步失败：再试也会在那里结束，因此不再重试",
    )
