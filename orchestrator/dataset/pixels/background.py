"""Plain backgrounds: one colour all round the rim, lit evenly or falling off slowly, and how much of the picture has it. Cut-outs, studio shots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

PLAIN_SHARE_ABOVE: Final = 0.25
"""`background_share` over it: a plain background. docs/log.md, 2026-11-29."""
_NEAR: Final = 10
"""Levels of Y, Cb, Cr that count as the same colour ..."""
_FALL: Final = (56, 14, 14)
"""... after taking off a slope of at most so many levels from edge to edge: lamps light a wall unevenly, a sky also changes its colour."""
_RIM: Final = 0.06
_LEAST_RIM: Final = 0.6
"""Share of the rim at left, top and right that must have the colour; people stand on the lower edge."""
_CLIPPED: Final = 253
_ROUNDS: Final = 3
_ENOUGH: Final = 64
"""Pixels of the shorter side; of more every n-th is looked at."""


def background(small: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the share of `small` (h, w, 3) that has the rim's plain colour, 0 where the rim has none, and its grey along the rim."""
    import numpy as np

    every = max(1, min(small.shape[:2]) // _ENOUGH)
    small = small[::every, ::every]
    height, width = small.shape[:2]
    deep, wide = max(1, round(height * _RIM)), max(1, round(width * _RIM))
    is_rim = np.zeros((height, width), np.bool_)
    is_rim[:deep] = is_rim[:, :wide] = is_rim[:, -wide:] = True
    rim = small[is_rim]
    rows, columns = np.nonzero(is_rim)
    places = np.stack([np.ones(len(rim)), rows / height - 0.5, columns / width - 0.5], axis=1).astype(np.float32)
    # From the middle colour outwards: at first all that a slope could make of it, then what the slope found leaves over.
    near = _is_near(rim, np.median(rim, axis=0), _NEAR + np.array(_FALL) / 2)
    slope = np.zeros((3, 3), np.float32)
    for _ in range(_ROUNDS):
        if near.mean() < _LEAST_RIM:
            return 0.0, 0.0
        slope = _slope(places[near], rim[near])
        near = _is_near(rim, _colours(places, slope), np.full(3, _NEAR))
    if near.mean() < _LEAST_RIM or (np.abs(slope[1:]) > _FALL).any():
        return 0.0, 0.0
    y, x = np.mgrid[:height, :width].astype(np.float32)
    everywhere = np.stack([np.ones_like(x), y / height - 0.5, x / width - 0.5], axis=-1)
    share = _is_near(small, _colours(everywhere, slope), np.full(3, _NEAR)).mean()
    return float(share), float(rim[near, 0].mean())


def _slope(places: Floats, colours: NDArray[np.uint8]) -> Floats:
    """Return (3, 3): colour in the middle, its change from top to bottom and from left to right. What is clipped says nothing of a slope."""
    import numpy as np

    is_open = colours[:, 0] < _CLIPPED
    used = is_open if is_open.mean() > 1 - _LEAST_RIM else np.ones_like(is_open)
    found: Floats = np.linalg.lstsq(places[used], colours[used].astype(np.float32))[0]
    return found


def _colours(places: Floats, slope: Floats) -> Floats:
    """Return the colours (..., 3) that a background of that slope has at `places` (..., 3)."""
    colours: Floats = (places @ slope).clip(0, 255)
    return colours


def _is_near(pixels: NDArray[np.uint8], colours: NDArray[np.floating], within: NDArray[np.floating]) -> Bools:
    """Return which of `pixels` (..., 3) have those colours. Channel by channel: faster than over the last axis."""
    import numpy as np

    near = np.ones(pixels.shape[:-1], np.bool_)
    for channel in range(3):
        near &= np.abs(pixels[..., channel] - colours[..., channel]) <= within[channel]
    return near
