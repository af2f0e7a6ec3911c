"""Which pictures are harder than the others, whether they fall into two kinds, and whether they are learned by heart epoch by epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PictureEffect:
    """How one picture's loss differs from that of the others at the same timesteps."""

    index: int
    """Into `Telemetry.pictures`."""
    exposures: int
    effect: float
    """Shrunken, natural logarithm: 0.1 is about 10 % harder than the usual picture."""
    z: float
    """Robust z among all pictures: (effect - median) / (1.4826 MAD)."""
    p: float
    """Two-sided, against the usual picture, from the picture's own scatter."""
    q: float
    """p with the false-discovery rate controlled over all pictures."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The best split of numbers into a low and a high group."""

    gap: float
    """Difference of the two means."""
    ashman: float
    """Ashman's D = sqrt 2 gap / sqrt(s1^2 + s2^2); above 2 the groups are clearly apart. inf where both are without spread."""
    low: tuple[int, ...]
    high: tuple[int, ...]
    """Indices into the numbers."""


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Kruskal-Wallis rank test: do groups differ in level."""

    statistic: float
    p: float
    groups: int


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Return q-values, (N,) -> (N,): Benjamini and Hochberg 1995. NaN stays NaN and counts as no test."""
    known = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    least = 1.0
    for rank in range(len(known), 0, -1):
        p, index = known[rank - 1]
        least = min(least, p * len(known) / rank)
        adjusted[index] = least
    return adjusted


def picture_effects(residuals: Floats, pictures: Whole, effects: Mapping[int, float]) -> tuple[PictureEffect, ...]:
    """Return the pictures in `effects` with their tests, hardest first; residuals (M,) without the run's slow course, pictures (M,).

    p by a t-test of the picture's mean, outliers drawn in at 3 spreads, against the median of all pictures' medians.
    """
    import numpy as np

    from orchestrator.diagnose.signals.conditioned import robust_spread
    from orchestrator.diagnose.signals.distributions import student_t_tail

    indices = sorted(effects)
    if not indices:
        return ()
    order = np.argsort(pictures, kind="stable")
    starts = np.searchsorted(pictures, indices, side="left", sorter=order)
    ends = np.searchsorted(pictures, indices, side="right", sorter=order)
    groups = [residuals[order[start:end]] for start, end in zip(starts, ends, strict=True)]
    centre = float(np.median([np.median(group) for group in groups]))
    limit = 3 * robust_spread(residuals - centre)
    tails = []
    for group in groups:
        drawn_in = np.clip(group, np.median(group) - limit, np.median(group) + limit)
        error = float(drawn_in.std(ddof=1)) / math.sqrt(len(group)) if len(group) > 1 else 0.0
        t = abs(float(drawn_in.mean()) - centre) / error if error > 0 else math.nan
        tails.append(min(1.0, 2 * student_t_tail(t, len(group) - 1)) if error > 0 else math.nan)
    values = np.array([effects[index] for index in indices])
    spread = robust_spread(values)
    zs = (values - float(np.median(values))) / spread if spread > 0 else np.zeros(len(values))
    rows = [
        PictureEffect(index, len(group), float(value), float(z), p, q)
        for index, group, value, z, p, q in zip(indices, groups, values, zs, tails, false_discovery(tails), strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.effect))


def two_clusters(values: Sequence[float], least: int = 3) -> Clusters | None:
    """Return the split of `values` (N,) into two runs of sorted values with the least inner variance; each at least `least` long.

    None for fewer than twice `least`, or where a value is not finite. Exact two-means in one dimension; D after Ashman et al. 1994.
    """
    count = len(values)
    if count < 2 * least or not all(map(math.isfinite, values)):
        return None
    order = sorted(range(count), key=lambda index: values[index])
    ordered = [values[index] for index in order]
    cut = min(range(least, count - least + 1), key=lambda at: _scatter(ordered[:at]) + _scatter(ordered[at:]))
    low, high = ordered[:cut], ordered[cut:]
    gap = math.fsum(high) / len(high) - math.fsum(low) / len(low)
    spread = _scatter(low) / max(1, len(low) - 1) + _scatter(high) / max(1, len(high) - 1)
    ashman = math.sqrt(2) * gap / math.sqrt(spread) if spread > 0 else (math.inf if gap > 0 else 0.0)
    return Clusters(gap, ashman, tuple(order[:cut]), tuple(order[cut:]))


def _scatter(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def kruskal_wallis(groups: Sequence[Sequence[float]]) -> GroupTest | None:
    """Return the test whether groups of values differ, ties corrected; None for fewer than two groups with values.

    Kruskal and Wallis 1952. All values equal: statistic NaN, p 1.
    """
    import numpy as np

    from orchestrator.diagnose.signals.distributions import chi_square_tail

    filled = [list(group) for group in groups if len(group)]
    if len(filled) < 2:
        return None
    values = np.concatenate([np.asarray(group, dtype=np.float64) for group in filled])
    if not np.isfinite(values).all():
        raise ValueError("kruskal_wallis: a value is not finite; leave it out first")
    ranks, ties = average_ranks(values)
    count = len(values)
    correction = 1 - float((ties**3 - ties).sum()) / (count**3 - count) if count > 1 else 0.0
    if correction <= 0:
        return GroupTest(math.nan, 1.0, len(filled))
    split = np.split(ranks, np.cumsum([len(group) for group in filled])[:-1])
    total = math.fsum(float(part.sum()) ** 2 / len(part) for part in split)
    statistic = (12 / (count * (count + 1)) * total - 3 * (count + 1)) / correction
    return GroupTest(statistic, chi_square_tail(statistic, len(filled) - 1), len(filled))


def average_ranks(values: Floats) -> tuple[Floats, Floats]:
    """Return ranks from 1 with ties averaged (N,), and the size of each group of equal values."""
    import numpy as np

    _, inverse, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks = (ends - sizes + 1 + ends) / 2
    return ranks[inverse].astype(np.float64), sizes.astype(np.float64)
