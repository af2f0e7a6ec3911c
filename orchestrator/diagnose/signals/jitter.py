"""Noise between neighbouring probes: one estimator for all who hold a gain, a rise or a jump against it."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

JITTERS: Final = 3.0
"""Better than the base by more than this many jitters is learned."""
LEAST_JITTER: Final = 0.01
"""Percentage points; what evaluations of almost untouched public models differ by."""
TO_DEVIATION: Final = 1.4826
"""A median of absolute normal deviates times this is their standard deviation."""


def neighbour_noise(
    steps: Sequence[float], values: Sequence[float], share: float = 1.0, jumps: Sequence[int] = ()
) -> float:
    """Return the noise between neighbouring values of the last `share` of a smooth curve, in their unit; NaN for fewer than 3 finite ones.

    Median distance of a value from the line through its neighbours, over what unit noise gives, sqrt(1 + a^2 + b^2) with the line's
    weights a and b, scaled to a standard deviation: single jumps (a restart of the schedule) and the bend of the fast fall at the start do
    not count as noise, which the root mean square would let them. Three values around a step of `jumps` are left out: what the schedule
    did there is known.
    """
    pairs = [(s, v) for s, v in zip(steps, values, strict=True) if math.isfinite(v)]
    pairs = pairs[len(pairs) - max(3, math.ceil(share * len(pairs))) :]
    distances = []
    for (s0, v0), (s1, v1), (s2, v2) in zip(pairs, pairs[1:], pairs[2:], strict=False):
        if any(s0 < jump <= s2 for jump in jumps):
            continue
        b = (s1 - s0) / (s2 - s0)
        a = 1 - b
        distances.append(abs(v1 - a * v0 - b * v2) / math.sqrt(1 + a * a + b * b))
    return TO_DEVIATION * median(distances) if distances else math.nan


def late_noise(steps: Sequence[float], values: Sequence[float]) -> float:
    """Return the noise that counts for the end of a curve: of its second half, where the learning rate may have decayed.

    At least a third of the whole curve's, as a few calm values at the end are no proof of precision, and at least `LEAST_JITTER`.
    """
    known = [j for j in (neighbour_noise(steps, values, 0.5), neighbour_noise(steps, values) / 3) if math.isfinite(j)]
    return max(*known, LEAST_JITTER) if known else math.nan


def is_better(change: float, jitter: float, times: float = JITTERS) -> bool:
    """Return whether a change (%) is better than the base by more than `times` jitters; without a known jitter it is not."""
    return math.isfinite(change) and math.isfinite(jitter) and change < -times * jitter
