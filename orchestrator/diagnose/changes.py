"""Which changes go into the next recipe: few enough that one can tell afterwards which one helped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity
from orchestrator.diagnose.state import primary_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.core.finding import Change, Finding, Verdict

MAX_CHANGES = 3
"""More changes at once and nobody can tell which one helped."""
LR_KEYS = ("train.unet_lr", "train.learning_rate", "train.text_encoder_lr", "network.network_alpha")
"""Keys that all move the learning rate; never two of them in one next recipe."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the next recipe changes, and what it leaves to the user."""

    applied: tuple[Change, ...] = ()
    """Safe changes, and at most one that is worth a try (`is_safe` is False)."""
    listed: tuple[Change, ...] = ()
    """Advised as well, not applied: to be done later, one at a time."""


def choose_changes(verdict: Verdict) -> Chosen:
    """Choose from what the fired findings advise.

    The finding that says what became of the run comes first, then the others, worst first. Safe changes are applied, then one `try` of a
    finding that says what became of the run or is to be mended; at most three in all, one per key, one that moves the learning rate. What
    is only to be looked at changes nothing by itself: a rule of thumb is no reason to touch a run that went well.
    """
    ordered = _ordered(verdict)
    applied: list[Change] = []
    for change in _advised(ordered):
        if change.is_safe and len(applied) < MAX_CHANGES and _fits(change, applied):
            applied.append(change)
    worth = [f for f in ordered if f.state is not None or f.severity.rank <= Severity.FIX.rank]
    trial = next((c for c in _advised(worth) if not c.is_safe and _fits(c, applied)), None)
    if trial is not None and len(applied) < MAX_CHANGES:
        applied.append(trial)
    kept: list[Change] = []
    for change in _advised(ordered):
        # Two rules may ask for the same value, one of them less surely.
        if not any(change.key == other.key and change.value == other.value for other in (*applied, *kept)):
            kept.append(change)
    return Chosen(tuple(applied), tuple(kept))


def next_changes(verdict: Verdict) -> tuple[Change, ...]:
    """Return the changes that go into the next recipe."""
    return choose_changes(verdict).applied


def _ordered(verdict: Verdict) -> list[Finding]:
    cause = primary_state(verdict).because
    fired = list(verdict.fired)
    return [*(f for f in fired if f is cause), *(f for f in fired if f is not cause)]


def _advised(findings: Sequence[Finding]) -> Iterator[Change]:
    for finding in findings:
        yield from finding.fix.changes if finding.fix is not None else ()


def _fits(change: Change, others: Sequence[Change]) -> bool:
    if any(change.key == other.key for other in others):
        return False
    return change.key not in LR_KEYS or not any(other.key in LR_KEYS for other in others)
