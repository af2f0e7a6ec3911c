"""The affine map between two pictures in 48 x 48 grey pixels, many pairs at a time.

Inverse compositional Lucas-Kanade (Baker and Matthews, "Lucas-Kanade 20 years on: a unifying framework", IJCV 2004) on softened pictures, each
brought to mean 0 and deviation 1, so that brightness and contrast do not count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE as SIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

_MOST_TURN_DEG: Final = 8.0
_ZOOM_RANGE: Final = (0.74, 1.35)
_MOST_STRETCH: Final = 1.12
_MOST_SKEW: Final = 0.12


def window_map(scale: float, left: float, top: float) -> Floats:
    """Return the (2, 3) map onto a window that begins at `left`, `top`, shares of the sides."""
    import numpy as np

    return np.array([[scale, 0, _start(scale, left)], [0, scale, _start(scale, top)]], np.float32)


def _start(scale: float, share: float) -> float:
    """Return the offset in pixels of a window that begins at `share`: centre of pixel 0 to centre of its pixel 0."""
    return (share + (scale - 1) * 0.5 / SIDE) * SIDE


class Move(NamedTuple):
    """What a map does."""

    zoom: float
    turn_deg: float
    is_likely: bool
    """Whether a crop, a frame or a slight turn could have made it."""


def read_map(found: Floats) -> Move:
    """Return what a (2, 3) map does."""
    a, b, c, d = (float(v) for v in (found[0, 0], found[0, 1], found[1, 0], found[1, 1]))
    wide, high = math.hypot(a, c), math.hypot(b, d)
    if not (math.isfinite(wide) and math.isfinite(high)) or min(wide, high) < 0.1:
        return Move(1.0, 0.0, is_likely=False)
    turn = math.degrees(math.atan2(c - b, a + d))
    zoom = math.sqrt(wide * high)
    skew = abs(a * b + c * d) / (wide * high)
    stretch = max(wide, high) / min(wide, high)
    is_likely = abs(turn) < _MOST_TURN_DEG and stretch < _MOST_STRETCH and skew < _MOST_SKEW
    return Move(zoom, turn, is_likely=is_likely and _ZOOM_RANGE[0] < zoom < _ZOOM_RANGE[1])


def register(fixed: Floats, other: Floats, maps: Floats, rounds: int) -> Floats:
    """Return the maps that take points of `fixed` to where `other` looks the same, refined from `maps` (n, 2, 3)."""
    import numpy as np

    count = len(fixed)
    target = normal(fixed, np.ones(fixed.shape, np.bool_))
    slope_y, slope_x = np.gradient(target, axis=(1, 2))
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    steepest = np.stack((slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y), axis=1).reshape(
        count, 6, -1
    )
    hessian = steepest @ steepest.transpose(0, 2, 1)
    diagonal = np.einsum("nii->ni", hessian)
    diagonal += 1e-3 * diagonal.mean(axis=1, keepdims=True) + 1e-9
    for _ in range(rounds):
        moved, inside = sample(other, maps)
        error = np.where(inside, normal(moved, inside) - target, 0).reshape(count, -1, 1)
        step = np.linalg.solve(hessian, steepest @ error).reshape(count, 2, 3).clip(-3, 3)
        maps = _composed(maps, step)
    return maps


def _composed(maps: Floats, step: Floats) -> Floats:
    """Return `maps` after the inverse of identity plus `step`."""
    import numpy as np

    full = np.zeros((len(maps), 3, 3), np.float32)
    full[:, :2] = step
    full += np.eye(3, dtype=np.float32)
    corner = np.zeros((len(maps), 3, 3), np.float32)
    corner[:, :2] = maps
    corner[:, 2, 2] = 1
    is_bad = ~(np.abs(np.linalg.det(full)) > 0.2)
    full[is_bad] = np.eye(3, dtype=np.float32)
    return (corner @ np.linalg.inv(full))[:, :2].astype(np.float32)


def sample(pictures: Floats, maps: Floats) -> tuple[Floats, Bools]:
    """Return `pictures` (n, side, side), contiguous, looked up through `maps`, bilinear, and which places lay inside."""
    import numpy as np

    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    points = np.stack((x.ravel(), y.ravel(), np.ones(SIDE * SIDE, np.float32)))
    across, down = np.moveaxis(maps @ points, 1, 0)
    inside = (across >= -0.5) & (across <= SIDE - 0.5) & (down >= -0.5) & (down <= SIDE - 0.5)
    across, down = across.clip(0, SIDE - 1.001), down.clip(0, SIDE - 1.001)
    left, top = across.astype(np.int64), down.astype(np.int64)
    right, lower = across - left.astype(np.float32), down - top.astype(np.float32)
    flat = pictures.ravel()
    place = top * SIDE + left + (np.arange(len(pictures)) * SIDE * SIDE)[:, None]
    upper = flat.take(place) * (1 - right) + flat.take(place + 1) * right
    under = flat.take(place + SIDE) * (1 - right) + flat.take(place + SIDE + 1) * right
    shape = pictures.shape
    return (upper * (1 - lower) + under * lower).reshape(shape), inside.reshape(shape)


def normal(pictures: Floats, inside: Bools) -> Floats:
    """Return `pictures` with mean 0 and length 1 over what lies inside."""
    import numpy as np

    weights = inside.astype(np.float32)
    total = np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1)
    centred = (pictures - (pictures * weights).sum(axis=(1, 2), keepdims=True) / total) * weights
    spread = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True) / total)
    level: Floats = centred / np.maximum(spread, 1e-3)
    return level


def correlation(one: Floats, two: Floats, inside: Bools) -> Floats:
    """Return for each pair the correlation over what lies inside."""
    import numpy as np

    total = np.maximum(inside.sum(axis=(1, 2)), 1)
    found: Floats = (normal(one, inside) * normal(two, inside)).sum(axis=(1, 2)) / total
    return found


def soft(pictures: Floats) -> Floats:
    """3 x 3 binomial mean."""
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows: Floats = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    both: Floats = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / np.float32(16)
    return both


def details(one: Floats, two: Floats, inside: Bools) -> Floats:
    """Return for each pair the correlation of what a mean over 5 x 5 leaves; places whose mean reaches outside left out."""
    return correlation(one - _mean5(one), two - _mean5(two), _shrunk(inside))


def _mean5(pictures: Floats) -> Floats:
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows = np.add.reduce([wide[:, k : k + SIDE] for k in range(5)])
    both: Floats = np.add.reduce([rows[:, :, k : k + SIDE] for k in range(5)]) / 25
    return both


def _shrunk(inside: Bools) -> Bools:
    import numpy as np

    wide = np.pad(inside, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows = np.logical_and.reduce([wide[:, k : k + SIDE] for k in range(5)])
    both: Bools = np.logical_and.reduce([rows[:, :, k : k + SIDE] for k in range(5)])
    return both
