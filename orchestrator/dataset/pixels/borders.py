"""Flat bars at the edges: letterboxes, frames, padding. Counted at full size, in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLAT: Final = 10.0
"""A row is flat when its lightest and darkest grey differ by at most this: JPEG leaves a few levels of ringing ..."""
FLAT_OF_CONTRAST: Final = 0.3
"""... and by at most this share of the picture's contrast: in the dark everything is flat."""
SAME_LEVEL: Final = 6.0
"""Bars at opposite sides belong together when their grey differs by at most this ..."""
SAME_WIDTH: Final = 0.25
"""... and their width by at most this share of the wider one."""
LEAST_SHARE: Final = 0.02
"""Narrower bars, of the side, are edges of a scan at most."""
_DEEPEST: Final = 0.4


def bars(grey: NDArray[np.uint8], small_grey: NDArray[np.uint8]) -> tuple[tuple[int, int, int, int], float | None]:
    """Return flat columns and rows at (left, top, right, bottom) of `grey`, and the mean grey of them; None without any."""
    import numpy as np

    found = [0, 0, 0, 0]
    flat = min(FLAT, max(2.0, FLAT_OF_CONTRAST * float(small_grey.std())))
    levels: list[tuple[float, int]] = []
    for place, (full, small) in enumerate((
        (grey.T, small_grey.T), (grey, small_grey), (grey.T[::-1], small_grey.T[::-1]), (grey[::-1], small_grey[::-1]),
    )):  # fmt: skip
        # The reduced picture says cheaply that there is nothing: most pictures end here.
        if int(np.ptp(small[0])) > flat:
            continue
        count = _flat_rows(full, len(full) // len(small), flat)
        if count:
            found[place] = count
            levels.append((float(full[:count].mean()), count))
    width, height = grey.shape[1], grey.shape[0]
    if max(found[1], found[3]) >= int(height * _DEEPEST) or max(found[0], found[2]) >= int(width * _DEEPEST):
        return (0, 0, 0, 0), None  # flat nearly everywhere: a field of colour, not a bar
    total = sum(count for _, count in levels)
    level = sum(level * count for level, count in levels) / total if total else None
    return (found[0], found[1], found[2], found[3]), level


def _flat_rows(lines: NDArray[np.uint8], step: int, flat: float) -> int:
    """Return how many rows at the top are flat and of the first one's level."""
    import numpy as np

    deepest = int(len(lines) * _DEEPEST)
    count = 0
    first: float | None = None
    while count < deepest:
        block = lines[count : min(count + max(8, step), deepest)].astype(np.int16)
        means = block.mean(axis=1)
        first = float(means[0]) if first is None else first
        is_flat = (np.ptp(block, axis=1) <= flat) & (np.abs(means - first) <= SAME_LEVEL)
        if not is_flat.all():
            return count + int(is_flat.argmin())
        count += len(block)
    return count


def letterbox(
    found: tuple[int, int, int, int], level: float | None, width: int, height: int
) -> tuple[int, int, int, int]:
    """Return the bars that come in equal pairs, (left, top, right, bottom), others 0: what a frame or letterbox adds."""
    if level is None:
        return (0, 0, 0, 0)
    left, top, right, bottom = found
    across, down = _is_pair(left, right, width), _is_pair(top, bottom, height)
    return (left * across, top * down, right * across, bottom * down)


def _is_pair(first: int, second: int, side: int) -> bool:
    wide = max(first, second)
    return min(first, second) >= LEAST_SHARE * side and wide - min(first, second) <= max(2, SAME_WIDTH * wide)
