"""Where a broken run broke, and which files it had saved before that are known to be whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.diagnose.course import SAME, course
from orchestrator.diagnose.facts import events, raw_loss
from orchestrator.diagnose.finite import not_finite
from orchestrator.diagnose.levels import PERSISTENCE, WINDOW, lost_level
from orchestrator.diagnose.measured import explained
from orchestrator.diagnose.signals.raw import collapse_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.core.observation import Checkpoint
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.probe import ProbeCurve


def is_usable(file: Checkpoint) -> bool:
    """Return whether a file can be used at all: readable, finite, and it changes something."""
    return file.is_readable and not file.nonfinite_count and not 0 < file.up_count == file.zero_up_count


def break_step(case: Case) -> int | None:
    """Return the first step from which on nothing vouches for a file; None where nothing says when the run broke."""
    return min(_signs(case), default=None)


def sound_files(case: Case, files: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return the files whose numbers were read, all of them finite, and which were saved before the run broke."""
    broke = break_step(case)
    if broke is None:
        return []
    return [f for f in files if f.is_scanned and is_usable(f) and f.step is not None and f.step < broke]


def _signs(case: Case) -> Iterator[int]:
    lost, seen = not_finite(case), course(case)
    if lost is not None:
        yield lost.begin
    if seen is not None:
        yield _last_good(seen.decisive) + 1
    yield from _collapses(case)
    if events(case, "nan-latents"):  # it learned grey from its first step on
        yield 1


def _collapses(case: Case) -> Iterator[int]:
    """Yield the first step at the level of a lost model, by the explained share and by the loss."""
    share, loss, limit = explained(case), raw_loss(case), lost_level(case)
    if share is not None and share.collapsed_at is not None:
        yield max(1, share.collapsed_at - (share.steps[1] - share.steps[0]) + 1)
    if loss is not None and limit is not None:
        start = collapse_start(loss.values, limit[0], WINDOW, PERSISTENCE)
        if start is not None:
            yield loss.steps[start]


def _last_good(curve: ProbeCurve) -> int:
    """Return the step of the last probe before anything went wrong that was better than the base model; 0 where none was."""
    good = 0
    for step, change in zip(curve.steps, curve.changes, strict=True):
        if math.isfinite(change) and change < -SAME:
            good = step
        elif good or not math.isfinite(change):
            break
    return good
