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
"""Keys that all move the learning rate; one move of it in one next recipe."""
RATE_KEYS = ("train.unet_lr", "train.text_encoder_lr")
"""Where one finding asks for both, they are one rate moved in one direction: applied together, or not at all."""


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
    finding that says what became of the run or is to be mended; at most three in all, one per key, one move of the learning rate (of its
    parts, U-Net and text encoder, together). What is only to be looked at changes nothing by itself: a rule of thumb is no reason to touch
    a run that went well.
    """
    ordered = _ordered(verdict)
    worth = [f for f in ordered if f.state is not None or f.severity.rank <= Severity.FIX.rank]
    applied: list[Change] = []
    # What answers the run's state comes before the safe changes of lesser findings: they must not keep it from the learning rate.
    cause = [finding for finding in ordered[:1] if finding.state is not None]
    trial = next((move for move in _moves(cause) if not _is_safe(move)), ()) if not _has_safe(cause) else ()
    applied += trial
    for move in _moves(ordered):
        if _is_safe(move) and _fits(move, applied):
            applied += move
    if not trial:
        applied += next((move for move in _moves(worth) if not _is_safe(move) and _fits(move, applied)), ())
    kept: list[Change] = []
    for change in (change for move in _moves(ordered) for change in move):
        # Two rules may ask for the same value, one of them less surely.
        if not any(change.key == other.key and change.value == other.value for other in (*applied, *kept)):
            kept.append(change)
    return Chosen(tuple(applied), tuple(kept))


def _has_safe(findings: Sequence[Finding]) -> bool:
    return any(_is_safe(move) for move in _moves(findings))


def next_changes(verdict: Verdict) -> tuple[Change, ...]:
    """Return the changes that go into the next recipe."""
    return choose_changes(verdict).applied


def _ordered(verdict: Verdict) -> list[Finding]:
    cause = primary_state(verdict).because
    fired = list(verdict.fired)
    return [*(f for f in fired if f is cause), *(f for f in fired if f is not cause)]


def _moves(findings: Sequence[Finding]) -> Iterator[tuple[Change, ...]]:
    """Yield what is advised, in order: single changes, and the parts of one learning rate together."""
    for finding in findings:
        changes = finding.fix.changes if finding.fix is not None else ()
        rate = tuple(change for change in changes if change.key in RATE_KEYS)
        for change in changes:
            if change not in rate:
                yield (change,)
            elif change is rate[0]:
                yield rate


def _is_safe(move: Sequence[Change]) -> bool:
    return all(change.is_safe for change in move)


def _fits(move: Sequence[Change], others: Sequence[Change]) -> bool:
    """Return whether a move can be made besides others: few enough, no key twice, one move of the learning rate."""
    if len(others) + len(move) > MAX_CHANGES or any(c.key == other.key for c in move for other in others):
        return False
    moves_rate = any(change.key in LR_KEYS for change in move)
    return not moves_rate or not any(other.key in LR_KEYS for other in others)
