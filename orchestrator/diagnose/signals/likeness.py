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


def largest_group(points: Floats, radius: float) -> list[int]:
    """Return the places of the most `points` (n, d) that lie within `radius` of one of them, root mean square over d."""
    import numpy as np

    best: list[int] = []
    for centre in points[:: -(-len(points) // CENTRES) or 1]:
        away = points - centre
        near = np.flatnonzero(np.einsum("ij,ij->i", away, away) <= radius**2 * points.shape[1])
        if len(near) > len(best):
            best = near.tolist()
    return best
