"""How the update grows over the saved network files. The spectra of single files are measured in `observe/spectra.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.observation import Checkpoint

LEAST_UPDATE: Final = 1e-5
"""Root mean square of an update that has no effect below: a learning rate that moved nothing gave 4e-6 and 5.5e-6, sound runs 2e-3 to 1e-2."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One module group over F scanned network files in order of training."""

    group: str
    """`unet` or `te`."""
    steps: tuple[int, ...]
    """(F,)"""
    rms: tuple[float, ...]
    """(F,): root mean square of the update."""
    exponent: float
    """Slope of log(rms) over log(step): 1 is steady, about 0.8 usual, above it accelerates. NaN for fewer than 3 files."""
    last_share: float
    """Relative growth from the second-last file to the last, 0.1 is 10 %; NaN for fewer than 2."""


def growth_exponent(steps: Sequence[float], norms: Sequence[float]) -> float:
    """Return the least-squares slope of log(norm) over log(step); NaN for fewer than 3 points above 0 or a single step."""
    points = [(math.log(s), math.log(n)) for s, n in zip(steps, norms, strict=True) if s > 0 and 0 < n < math.inf]
    if len(points) < 3:
        return math.nan
    x_mean = math.fsum(x for x, _ in points) / len(points)
    y_mean = math.fsum(y for _, y in points) / len(points)
    spread = math.fsum((x - x_mean) ** 2 for x, _ in points)
    return math.fsum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread > 0 else math.nan


def group_growth(checkpoints: Sequence[Checkpoint], group: str) -> Growth | None:
    """Return how a group's update grew; files without a step or without the group's norm are left out; None where none is left.

    Where two files are from the same step (the last checkpoint and the final file) the later one in order counts.
    """
    found = {c.step: c.norms[group] for c in checkpoints if c.step is not None and c.step > 0 and group in c.norms}
    if not found:
        return None
    steps = tuple(sorted(found))
    rms = tuple(found[step] for step in steps)
    last = rms[-1] / rms[-2] - 1 if len(rms) > 1 and rms[-2] > 0 else math.nan
    return Growth(group, steps, rms, growth_exponent(steps, rms), last)
