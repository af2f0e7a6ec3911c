"""Sharpness of the sharpest places, independent of grain and of blurred backgrounds.

Measure: at the places with most contrast, the steepest slope over 2 pixels divided by the rise over 8 pixels, both after a
3 x 3 binomial filter that takes grain down by 2.7. A sharp edge does its rise within the 2 pixels, a blurred one does not. Per tile of 32 x 32 pixels
the 20th largest slope and rise count, tiles with little rise are left out, the 90th percentile over tiles is the
sharpness in that direction, and the worse direction counts: motion blurs only one. The idea of judging edges by their width is
Marziliano et al., "A no-reference perceptual blur metric" (ICIP 2002); looking only where there is contrast, and taking
the best of it, is what lets shallow focus pass. Measured in docs/log.md, 2026-11-29; variance of the Laplacian takes grain for detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLURRED_BELOW: Final = 0.46
"""Between blurred pictures (up to 0.42) and soft but legal ones (from 0.47): docs/log.md, 2026-11-29."""
PLACES: Final = 16
PLACE: Final = 136
"""Side in pixels of a place that is looked at."""
TILE: Final = 32
_COUNT: Final = 20
_LEAST_RISE: Final = 36 * 16
"""Grey levels times 16: the filter's sum is not divided."""
_LEAST_TILES: Final = 6
_NEAR, _FAR = 2, 8
_MARGIN: Final = _FAR + 2
_LEAST_SIDE: Final = TILE + _MARGIN


def sharpness(grey: NDArray[np.uint8], small_grey: NDArray[np.uint8]) -> float | None:
    """Return 0 ... 1 for `grey` (height, width) at full size; None where there is too little to judge.

    `small_grey`: the same picture reduced, to find the places by.
    """
    import numpy as np

    height, width = grey.shape
    side = min(PLACE + _MARGIN, height, width)
    if side < _LEAST_SIDE:
        return None
    places = _places(small_grey, height, width, side)
    tiles = np.stack([grey[y : y + side, x : x + side] for y, x in places]).astype(np.int16)
    soft = tiles[:, :, :-2] + 2 * tiles[:, :, 1:-1] + tiles[:, :, 2:]
    soft = soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:]
    found = []
    for lines in (soft, soft.transpose(0, 2, 1)):
        rise = _strong(_tiles(np.abs(lines[:, :, _FAR:] - lines[:, :, :-_FAR])))
        is_enough = rise > _LEAST_RISE
        if int(is_enough.sum()) >= _LEAST_TILES:
            near = _tiles(np.abs(lines[:, :, 3 + _NEAR : -3] - lines[:, :, 3 : -3 - _NEAR]))
            found.append(float(np.percentile(_strong(near[is_enough]) / rise[is_enough], 90)))
    return min(found) if found else None


def _places(small: NDArray[np.uint8], height: int, width: int, side: int) -> list[tuple[int, int]]:
    """Return top left corners of the places with most contrast, at full size."""
    import numpy as np

    values = small.astype(np.int16)
    contrast = np.zeros(values.shape, np.int32)
    contrast[:, 1:] += np.abs(np.diff(values, axis=1))
    contrast[1:] += np.abs(np.diff(values, axis=0))
    ratio = height / small.shape[0]
    step = max(1, round(PLACE / ratio))
    down, across = max(1, small.shape[0] // step), max(1, small.shape[1] // step)
    cells = contrast[: down * step, : across * step]
    if down > 1 or across > 1:
        cells = cells.reshape(down, -1, across, min(step, cells.shape[1])).sum(axis=(1, 3))
    else:
        cells = np.zeros((1, 1), np.int32)
    best = np.argsort(cells, axis=None)[::-1][:PLACES]
    corners = [(int(k // across * step * ratio), int(k % across * step * ratio)) for k in best]
    return [(max(0, min(y, height - side)), max(0, min(x, width - side))) for y, x in corners]


def _tiles(values: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return `values` (places, height, width) cut into tiles: (tiles, pixels)."""
    count, height, width = values.shape
    down, across = height // TILE, width // TILE
    cut = values[:, : down * TILE, : across * TILE]
    tiles: NDArray[np.int16] = cut.reshape(count, down, TILE, across, TILE).swapaxes(2, 3).reshape(-1, TILE * TILE)
    return tiles


def _strong(tiles: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the 20th largest value of each tile."""
    import numpy as np

    strong: NDArray[np.int16] = np.partition(tiles, -_COUNT, axis=1)[:, -_COUNT]
    return strong
