"""Does the loss shake more than its noise, are there shocks, is the model's output lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

SPIKE_Z: Final = 6.0
"""The highest robust z in 5,000 steps of a sound real run is 4.3."""
CALM_Z: Final = 2.0
"""A spike is over when the loss is back within this many spreads of what it was."""
MEDIAN_STEPS: Final = 51
"""Steps whose median is the level a spike is measured from."""
LONGEST_SPIKE: Final = 500
"""Looked at this far for the end of a spike."""
LOST_EXPLAINED: Final = 0.1
"""Explained share of a lost model at most. Measured: 0.65 to 0.9 in sound runs, about 0 in lost ones."""
LEAST_BASE: Final = 0.4
"""Explained share of a base model that has something to lose at least."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Variance of block means over what white noise would give."""

    ratio: float
    """1 for white noise about a smooth course."""
    error: float
    """Standard error of the ratio under white noise."""
    blocks: int

    @property
    def z(self) -> float:
        """How many standard errors the ratio lies above 1."""
        return (self.ratio - 1) / self.error if self.error > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Spike:
    """A sudden rise of the conditioned loss."""

    step: int
    """First step above the limit."""
    length: int
    """Steps until it was back; until the end of what was looked at where it did not come back."""
    z: float
    """Greatest height, robust spreads above the level before."""
    has_recovered: bool


def over_dispersion(levels: Floats, most_blocks: int = 60, least_block: int = 5) -> Dispersion | None:
    """Return how much more the blocks of `levels` (N,) vary than their steps explain; None for fewer than 8 blocks.

    VR = b x [mean square second difference of block means / 6] / [mean square difference of steps / 2]: Allan's variance (1966) of
    blocks of b over that of steps, with second differences, which a straight trend does not touch. The error under white noise is
    sqrt(35 / (9 K)): the variance of a mean of squared second differences with their overlap.
    """
    import numpy as np

    finite = levels[np.isfinite(levels)]
    blocks = min(most_blocks, len(finite) // least_block)
    if blocks < 8:
        return None
    length = len(finite) // blocks
    trimmed = finite[len(finite) - length * blocks :]
    fine = float(np.mean(np.diff(trimmed) ** 2)) / 2
    means = trimmed.reshape(blocks, length).mean(axis=1)
    coarse = float(np.mean(np.diff(means, 2) ** 2)) / 6
    if fine <= 0:
        return Dispersion(1.0 if coarse <= 0 else math.inf, math.nan, blocks)
    return Dispersion(length * coarse / fine, math.sqrt(35 / (9 * (blocks - 2))), blocks)


def running_level(levels: Floats, window: int = MEDIAN_STEPS) -> Floats:
    """Return the slow course of `levels` (N,): medians of runs of `window` values, joined by lines, (N,)."""
    import numpy as np

    parts = max(1, len(levels) // window)
    split = np.array_split(np.arange(len(levels)), parts)
    middles = [float(part.mean()) for part in split]
    medians = [float(np.median(levels[part])) for part in split]
    return np.asarray(np.interp(np.arange(len(levels)), middles, medians), dtype=np.float64)


def level_before(levels: Floats, window: int = MEDIAN_STEPS) -> Floats:
    """Return at each of `levels` (N,) the median of the whole window before the one it lies in (of its own in the first), (N,).

    Looks back only, so that a level that jumps and stays is seen where it jumps.
    """
    import numpy as np

    parts = max(1, len(levels) // window)
    split = np.array_split(levels, parts)
    medians = np.array([float(np.median(part)) for part in split])
    return np.repeat(np.r_[medians[:1], medians[:-1]], [len(part) for part in split])


def find_spikes(steps: Whole, levels: Floats, limit: float = SPIKE_Z) -> tuple[Spike, ...]:
    """Return the rises above `limit` robust spreads of finite `levels` (N,), in order; none for fewer than 20.

    z = (value - median of the steps before) / (1.4826 MAD about the running median). A spike ends where the loss is back at the level
    it had before.
    """
    import numpy as np

    from orchestrator.diagnose.signals.conditioned import robust_spread

    if len(levels) < 20:
        return ()
    spread = robust_spread(levels - running_level(levels))
    if not spread > 0:
        return ()
    z = (levels - level_before(levels)) / spread
    found: list[Spike] = []
    free_from = 0
    for index in map(int, np.flatnonzero(z > limit)):
        if index < free_from:
            continue
        before = levels[max(0, index - MEDIAN_STEPS) : index]
        usual = float(np.median(before)) if len(before) >= 5 else float(levels[index] - spread * z[index])
        after = (levels[index : index + LONGEST_SPIKE] - usual) / spread
        calm = np.flatnonzero(after < CALM_Z)
        end = index + (int(calm[0]) if len(calm) else len(after))
        last = int(steps[min(end, len(steps) - 1)])
        height = float(after[: max(1, end - index)].max())
        found.append(Spike(int(steps[index]), max(1, last - int(steps[index])), height, bool(len(calm))))
        free_from = max(end, index + 1)
    return tuple(found)


def explained_windows(
    steps: Whole, losses: Floats, targets: Floats, window: int = 10, least_samples: int = 10
) -> tuple[Whole, Floats]:
    """Return the last step (W,) of each window and 1 - sum of losses / sum of mean squared targets in it (W,).

    About 0: the output is worth no more than zeros. A window is `window` steps, more where they hold fewer
    than `least_samples` samples. NaN where a loss is not finite. The open window at the end is left out.
    """
    import numpy as np

    usable = targets > 0
    steps, losses, targets = steps[usable], losses[usable], targets[usable]
    if not len(steps):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    first = int(steps.min())
    count = int(steps.max()) - first + 1
    window = max(window, math.ceil(least_samples * count / len(steps)))
    numbers = (steps - first) // window
    whole = count // window
    kept = numbers < whole
    numbers = numbers[kept]
    loss = np.bincount(numbers, losses[kept], whole)
    target = np.bincount(numbers, targets[kept], whole)
    ends = first + window * np.arange(1, whole + 1) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 1 - loss / target
    return ends, np.where(np.isfinite(shares), shares, np.nan)


def collapse_index(
    shares: Sequence[float],
    base: float,
    level: float = LOST_EXPLAINED,
    least_base: float = LEAST_BASE,
    persistence: int = 2,
) -> int | None:
    """Return the index of the first of `persistence` consecutive explained shares below `level`.

    None where there are none, or where the base model's own share is not above `least_base`: then a low share is no loss. A base that
    is NaN is unknown and not held against the run.
    """
    if base <= least_base:
        return None
    low = 0
    for index, share in enumerate(shares):
        low = low + 1 if share < level else 0
        if low == persistence:
            return index - persistence + 1
    return None
