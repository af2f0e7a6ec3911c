"""Which few shapes suit a set best: of those that the trainer knows, at most so many, each for enough pictures, with the least cut away.

Exact, not greedy: pictures that share a shape are neighbours when sorted by width over height, so the best division of that row is found
by dynamic programming, a few milliseconds for any set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.prepare.model import Size

WORTH_A_SHAPE: Final = 0.001
"""Share of the picture that one more shape must save on average; less is no reason to fill another bucket."""
_MOST_CUTS: Final = 512
"""Places in the row where it may be divided; in sets of more different shapes some neighbours stay together."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What was chosen."""

    of: Mapping[Size, Size]
    """Size of a picture -> its shape."""
    lost_share: float
    """Mean share of a picture that does not fit: it is cut away, or so much border is added."""


def share_lost(size: Size, shape: Size) -> float:
    """Return which share of a picture of `size` is lost when it is cut to the ratio of `shape`; as much border is needed instead."""
    ratio = (size[0] * shape[1]) / (size[1] * shape[0])
    return 1 - min(ratio, 1 / ratio)


def few_shapes(counts: Mapping[Size, int], shapes: Sequence[Size], most: int, least: int) -> Shapes:
    """Choose at most `most` of `shapes` for pictures of `counts` (size -> how many), at least `least` pictures in each where there are so many.

    `counts` and `shapes` hold something; `most` and `least` are 1 or more.
    """
    import numpy as np

    ratios, row = np.unique([width / height for width, height in counts], return_inverse=True)
    numbers = np.bincount(row, weights=list(counts.values())).astype(np.float64)
    shape_ratios = np.array([width / height for width, height in shapes])[:, None]
    lost = 1 - np.minimum(ratios / shape_ratios, shape_ratios / ratios)
    cuts = np.unique(np.linspace(0, len(ratios), min(len(ratios), _MOST_CUTS) + 1).astype(int))
    total = numbers.sum()
    groups = _divide(
        _sums(lost * numbers)[:, cuts], _sums(numbers)[cuts], most, min(least, total), WORTH_A_SHAPE * total
    )
    shape_of_row = np.empty(len(ratios), int)
    for first, last, shape in groups:
        shape_of_row[cuts[first] : cuts[last]] = shape
    chosen = {size: shapes[shape_of_row[place]] for size, place in zip(counts, row, strict=True)}
    whole = sum(share_lost(size, chosen[size]) * number for size, number in counts.items())
    return Shapes(chosen, whole / float(total))


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the first 0, 1, 2 ... values along the last axis."""
    import numpy as np

    return np.concatenate((np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)), axis=-1)


def _divide(
    lost: NDArray[np.float64], held: NDArray[np.float64], most: int, least: float, worth: float
) -> list[tuple[int, int, int]]:
    """Return (first cut, last cut, shape) of each group. `lost` (shapes, cuts) and `held` (cuts) are sums up to each cut."""
    import numpy as np

    ends = len(held)
    cost, shape = np.full((ends, ends), np.inf), np.zeros((ends, ends), int)
    for first in range(ends - 1):
        spans = lost[:, first + 1 :] - lost[:, first : first + 1]
        shape[first, first + 1 :] = spans.argmin(axis=0)
        is_full = held[first + 1 :] - held[first] >= least
        cost[first, first + 1 :] = np.where(is_full, spans.min(axis=0), np.inf)
    best, came_from = [cost[0]], [np.zeros(ends, int)]
    for _ in range(1, most):
        through = best[-1][:, None] + cost
        came_from.append(through.argmin(axis=0))
        best.append(through.min(axis=0))
    finals = [float(row[-1]) for row in best]
    number = next(index for index, value in enumerate(finals) if value <= min(finals) + worth)
    groups = []
    last = ends - 1
    for index in range(number, -1, -1):
        first = int(came_from[index][last])
        groups.append((first, last, int(shape[first, last])))
        last = first
    return groups
