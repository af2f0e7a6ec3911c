"""JPEG blocks that can be seen: steps on a grid of 8 pixels against steps elsewhere.

After Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed images" (ICIP 2002): mean absolute
difference across block boundaries over the mean of the others, here with the grid's phase free, because a crop moves it, and the
higher of the two directions' lower values, because a picture may have a grid of its own in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCKY_ABOVE: Final = 1.8
"""`blockiness` over it: blocks can be seen. docs/log.md, 2026-11-29."""
_BLOCK: Final = 8
_EVERY: Final = 8
"""One line in so many is looked at."""
_LEAST: Final = 0.5
"""Grey levels added to both means, so that a flat picture has a ratio of one."""


def blockiness(grey: NDArray[np.uint8]) -> float | None:
    """Return the ratio, None for pictures under 64 pixels."""
    if min(grey.shape) < 8 * _BLOCK:
        return None
    return min(_ratio(grey[3::_EVERY]), _ratio(grey[:, 3::_EVERY].T))


def _ratio(lines: NDArray[np.uint8]) -> float:
    import numpy as np

    steps = np.abs(np.diff(lines.astype(np.int16), axis=1))
    # Strong edges belong to the picture: beyond 32 levels a step counts as 32.
    means = np.minimum(steps, 32).mean(axis=0)
    means = means[: len(means) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(axis=0)
    best = int(means.argmax())
    return float((means[best] + _LEAST) / (np.delete(means, best).mean() + _LEAST))
