"""Does the loss step down from epoch to epoch instead of falling evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

LEAST_EPOCHS: Final = 3.5
"""Three boundaries with something on both sides."""
LEAST_STEPS: Final = 4
"""Steps of an epoch: fewer have no inside."""
TREND_DEGREE: Final = 3
REACH: Final = 4.0
"""Values further from the fit than this many spreads are drawn in: shocks are no stairs."""


@dataclass(frozen=True, slots=True)
class Staircase:
    """Fit of a smooth course plus one step down per epoch."""

    drop: float
    """Step down at each boundary, log units; above 0 it steps down."""
    error: float
    epochs: float

    @property
    def z(self) -> float:
        """Drop in standard errors."""
        return self.drop / self.error if self.error > 0 else math.nan


def staircase(steps: Whole, levels: Floats, counts: Whole, steps_per_epoch: int) -> Staircase | None:
    """Return how far `levels` (N,) at `steps` (N,) step down per epoch; `counts` (N,): samples of each. None below three boundaries.

    Least squares of levels on a cubic in the step and a sawtooth, weighted by counts. Stairs about their own trend are a sawtooth that
    rises within the epoch; an even fall is none. The first half of the first epoch is left out: nothing was met twice there, and the
    fast fall at the start is no cubic. Uses every step, where a comparison around the boundaries uses those near them.
    """
    import numpy as np

    if steps_per_epoch < LEAST_STEPS or not len(steps) or int(steps[-1]) > steps_per_epoch * len(steps):
        return None
    epochs = int(steps[-1]) / steps_per_epoch
    kept = steps > steps_per_epoch / 2
    if epochs < LEAST_EPOCHS or int(kept.sum()) < 4 * TREND_DEGREE:
        return None
    at, level, weight = steps[kept].astype(np.float64), levels[kept], np.sqrt(counts[kept])
    course = np.polynomial.legendre.legvander(2 * (at - at[0]) / (at[-1] - at[0]) - 1, TREND_DEGREE)
    phase = ((at - 1) % steps_per_epoch + 0.5) / steps_per_epoch - 0.5
    basis = np.column_stack([course, phase]) * weight[:, None]
    found = _solve(basis, level * weight)
    rest = (level * weight) - basis @ found
    reach = REACH * 1.4826 * float(np.median(np.abs(rest)))
    drawn_in = basis @ found + np.clip(rest, -reach, reach)
    found = _solve(basis, drawn_in)
    variance = float(np.sum((drawn_in - basis @ found) ** 2)) / max(1, len(level) - basis.shape[1])
    spread = np.linalg.inv(basis.T @ basis + 1e-12 * np.eye(basis.shape[1]))
    return Staircase(float(found[-1]), math.sqrt(max(0.0, variance * float(spread[-1, -1]))), epochs)


def _solve(basis: Floats, values: Floats) -> Floats:
    import numpy as np

    return np.asarray(np.linalg.lstsq(basis, values, rcond=None)[0])
