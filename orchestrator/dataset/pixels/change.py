"""What changed between the two halves of an edit pair: how much of the picture, and which way its colours went.

Compared are the means of small squares, so that noise and compression count little: light from the whole picture, moved back by whole pixels;
colours from the small picture, as near as its squares allow. A square has changed where it lies outside of what the other picture shows in the
3 x 3 around the same place: an edge that moved by less than that is no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.decode import Decoded

CHANGED_ABOVE: Final = 12.0
"""Distance in levels of Y, Cb and Cr. What compression leaves: docs/log.md, 2026-11-29."""
LEAST_SQUARE: Final = 4
"""Pixels on each side: half a block of JPEG."""


class Difference(NamedTuple):
    """From the first picture to the second."""

    share: float
    """Of the picture that has changed, 0 ... 1."""
    light: float
    """Mean change of Y, levels ..."""
    blue: float
    """... of Cb ..."""
    red: float
    """... and of Cr."""


def difference_between(first: Decoded, second: Decoded, right: float = 0, down: float = 0) -> Difference | None:
    """Return what changed from `first` to `second`; None where they cannot be laid upon each other: two sizes, no pixels, too small.

    `right`, `down`: pixels by which the second lies beside the first; they are taken out.
    """
    if first.grey is None or second.grey is None or first.small is None or second.small is None:
        return None
    if first.grey.shape != second.grey.shape or first.small.shape != second.small.shape:
        return None
    times = -(-LEAST_SQUARE // first.factor)
    square = times * first.factor
    if min(first.grey.shape) < 4 * (square + max(abs(right), abs(down))):  # icons
        return None
    light = _change(*_overlap(first.grey, second.grey, round(right), round(down)), square)
    at = (round(right / first.factor), round(down / first.factor))
    blue, red = (_change(*_overlap(first.small[..., i], second.small[..., i], *at), times) for i in (1, 2))
    height, width = (min(sides) for sides in zip(light[0].shape, blue[0].shape, strict=True))
    distance = sum(layer[:height, :width] ** 2 for layer, _ in (light, blue, red)) ** 0.5
    return Difference(float((distance > CHANGED_ABOVE).mean()), light[1], blue[1], red[1])


def _overlap(first: NDArray[Any], second: NDArray[Any], right: int, down: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the parts of both that show the same, the second moved back."""
    height, width = first.shape
    one = first[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    two = second[max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    return one, two


def _change(first: NDArray[Any], second: NDArray[Any], square: int) -> tuple[NDArray[Any], float]:
    """Return by how much each square lies outside of its surroundings in the other picture, and the mean change."""
    import numpy as np

    height, width = (side // square * square for side in first.shape)
    one, two = (
        layer[:height, :width].reshape(height // square, square, -1, square).mean(axis=(1, 3), dtype=np.float32)
        for layer in (first, second)
    )
    return np.maximum(_outside(one, two), _outside(two, one)), float((two - one).mean())


def _outside(one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
    """Return by how much each value of `one` lies outside of what `two` has in the 3 x 3 around its place."""
    import numpy as np

    height, width = two.shape
    padded = np.pad(two, 1, mode="edge")
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    low, high = np.minimum.reduce(around), np.maximum.reduce(around)
    outside: NDArray[Any] = np.maximum(np.maximum(one - high, low - one), 0)
    return outside
