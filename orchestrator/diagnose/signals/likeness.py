"""How alike the pictures of a set are in background, light and colour, from the means of 4 x 4 cells and the tones of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.model import LAYOUT_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import PixelFacts

    Floats = NDArray[np.float64]

_SIDE: Final = LAYOUT_CELLS
RIM: Final = tuple(
    row * _SIDE + column for row in range(_SIDE - 1) for column in range(_SIDE) if not row or column in {0, _SIDE - 1}
)
"""Cells along the top and down both sides, the lowest left out: people stand there."""


def _cells(facts: Sequence[PixelFacts]) -> Floats:
    """Return (pictures, cells, 3): mean Y, Cb, Cr."""
    import numpy as np

    joined = b"".join(one.layout for one in facts)
    return np.frombuffer(joined, np.uint8).reshape(len(facts), _SIDE * _SIDE, 3).astype(np.float64)


def backgrounds(facts: Sequence[PixelFacts]) -> Floats:
    """Return (pictures, 24): the colours of the rim's cells."""
    return _cells(facts)[:, RIM].reshape(len(facts), -1)


def lights(facts: Sequence[PixelFacts]) -> Floats:
    """Return (pictures, 2): median grey and contrast."""
    import numpy as np

    return np.array([(one.p50, one.contrast) for one in facts], np.float64).reshape(len(facts), 2)


def colours(facts: Sequence[PixelFacts]) -> Floats:
    """Return (pictures, 2): mean Cb and Cr."""
    means: Floats = _cells(facts)[:, :, 1:].mean(axis=1)
    return means


CENTRES: Final = 200
"""Pictures that a group is looked for around; more are taken evenly. A group of more than half of the set holds a hundred of them."""
_AT_ONCE: Final = 16
"""Centres."""


def largest_group(points: Floats, radius: float) -> list[int]:
    """Return the places of the most `points` (n, d) that lie within `radius` of one of them, root mean square over d."""
    import numpy as np

    centres = points[:: -(-len(points) // CENTRES) or 1]
    lengths, limit = np.einsum("ij,ij->i", points, points), radius**2 * points.shape[1]
    best: list[int] = []
    for start in range(0, len(centres), _AT_ONCE):
        some = centres[start : start + _AT_ONCE]
        # Squared distances, by one product instead of a difference for each centre.
        away = lengths[:, None] - 2 * points @ some.T + np.einsum("ij,ij->i", some, some)
        is_near = away <= limit
        counts = is_near.sum(axis=0)
        if counts.max() > len(best):
            best = np.flatnonzero(is_near[:, counts.argmax()]).tolist()
    return best
