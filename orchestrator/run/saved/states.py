"""Saved states of a run, over all its attempts: which there are, which one to go on from, which may go.

Order is by epoch and attempt, which the run counts itself, never by clocks.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.run.saved.whole_state import state_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from orchestrator.core.text import Text

LEAST_KEPT: Final = 2
"""Whole states that always stay: the newest may prove bad only when it is loaded."""
_ATTEMPT: Final = re.compile(r"\d{3,}")
_DOOMED: Final = ".doomed-"
"""Before the name of a state that is being removed: half a removal is never taken for a state."""


@dataclass(frozen=True, slots=True)
class State:
    """One saved state at the end of an epoch."""

    path: Path
    attempt: int
    epoch: int
    """Counted over the whole run, from 1; the steps done are this times the steps of an epoch."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A state that nothing can be gone on from, and why."""

    state: State
    problem: Text


def find_epoch_states(rundir_root: Path, output_name: str) -> tuple[State, ...]:
    """Return the states at epoch ends of all attempts, newest first; whether they are whole is not looked at.

    A link is no state of ours, wherever it points. Raises OSError where a folder cannot be listed.
    """
    name = re.compile(re.escape(output_name) + r"-(?P<epoch>\d{6,})-state")
    found = []
    for attempt in _folders(rundir_root / "attempts"):
        if _ATTEMPT.fullmatch(attempt.name) is None:
            continue
        for folder in _folders(attempt / "output"):
            match = name.fullmatch(folder.name)
            if match is not None:
                found.append(State(folder, int(attempt.name), int(match["epoch"])))
    return tuple(sorted(found, key=_order, reverse=True))


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir() or parent.is_symlink():
        return []
    return [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]


def _order(state: State) -> tuple[int, int]:
    return state.epoch, state.attempt


def newest_whole_state(states: Iterable[State]) -> tuple[State | None, tuple[Damaged, ...]]:
    """Return the newest whole state, None where there is none, and the newer ones that are damaged."""
    damaged: list[Damaged] = []
    for state in sorted(states, key=_order, reverse=True):
        problem = state_problem(state.path, state.epoch)
        if problem is None:
            return state, tuple(damaged)
        damaged.append(Damaged(state, problem))
    return None, tuple(damaged)


def prune_states(
    states: Iterable[State], keep: int = LEAST_KEPT, is_whole: Callable[[State], bool] | None = None
) -> tuple[State, ...]:
    """Remove the whole states older than the newest `keep` whole ones; return those that went.

    `is_whole`: by default each is read whole, which takes seconds for large ones. Damaged ones are not touched: they are evidence, for `quarantine`. Raises ValueError for a `keep` under two, OSError where one
    cannot be removed.
    """
    listed = list(states)
    for output in {state.path.parent for state in listed}:
        for left in output.glob(f"{_DOOMED}*"):
            shutil.rmtree(left)
    gone = states_to_prune(listed, is_whole or (lambda state: state_problem(state.path, state.epoch) is None), keep)
    for state in gone:
        doomed = state.path.with_name(_DOOMED + state.path.name)
        state.path.rename(doomed)
        shutil.rmtree(doomed)
    return gone


def states_to_prune(
    states: Sequence[State], is_whole: Callable[[State], bool], keep: int = LEAST_KEPT
) -> tuple[State, ...]:
    """Return the whole states older than the newest `keep` whole ones, newest first. Raises ValueError for a `keep` under two."""
    if keep < LEAST_KEPT:
        raise ValueError(f"at least {LEAST_KEPT} whole states stay, not {keep}")
    return tuple(state for state in sorted(states, key=_order, reverse=True) if is_whole(state))[keep:]
