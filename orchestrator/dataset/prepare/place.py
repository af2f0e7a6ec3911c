"""Where a picture is cut, shrunk or given a border so that it has the ratio of a shape. Nothing is ever enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.dataset.prepare.model import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.dataset.prepare.model import Box, Share, Size

FACE_MARGIN: Final = 0.3
"""Of a face's box, on each side: hair and chin belong to it. Given up where there is no room."""


def cut_to(size: Size, shape: Size, keep: Sequence[Share] = ()) -> tuple[Placement, bool]:
    """Return how a picture of `size` is cut to the ratio of `shape`, and whether all of `keep` is in it.

    `keep`: boxes, of faces for example, that are to stay inside, in shares of the upright picture. The cut is in the middle, or as near to
    it as they allow; where they do not all fit, around the largest.
    """
    width, height = size
    if width * shape[1] > height * shape[0]:
        wide, high = max(1, round(height * shape[0] / shape[1])), height
        start, is_whole = _start(width, wide, [(box[0], box[2], _area(box)) for box in keep])
        region = (start, 0, start + wide, high)
    else:
        wide, high = width, max(1, round(width * shape[1] / shape[0]))
        start, is_whole = _start(height, high, [(box[1], box[3], _area(box)) for box in keep])
        region = (0, start, wide, start + high)
    return Placement(region, shape if wide > shape[0] or high > shape[1] else (wide, high)), is_whole


def pad_to(size: Size, shape: Size) -> Placement:
    """Return how a picture of `size` is put whole into the ratio of `shape`, shrunk where that is smaller."""
    width, height = size
    if width * shape[1] > height * shape[0]:
        canvas = (width, max(height, round(width * shape[1] / shape[0])))
    else:
        canvas = (max(width, round(height * shape[0] / shape[1])), height)
    if canvas[0] <= shape[0] and canvas[1] <= shape[1]:
        return Placement((0, 0, width, height), size, canvas)
    scale = min(shape[0] / width, shape[1] / height)
    shrunk = (min(shape[0], max(1, round(width * scale))), min(shape[1], max(1, round(height * scale))))
    return Placement((0, 0, width, height), shrunk, shape)


def tile(size: Size, side: int) -> tuple[Box, ...]:
    """Return the squares of `side` pixels that cover a picture, row by row; narrower where the picture is.

    Neighbours overlap evenly, by half at most: where two would share more there is one, in the middle.
    """
    columns, rows = _starts(size[0], side), _starts(size[1], side)
    wide, high = min(side, size[0]), min(side, size[1])
    return tuple((left, top, left + wide, top + high) for top in rows for left in columns)


def _start(whole: int, part: int, spans: Sequence[tuple[float, float, float]]) -> tuple[int, bool]:
    """Return where a part of `part` pixels begins. `spans`: (from, to, weight) in shares of the whole, to be inside."""
    middle = (whole - part) // 2
    if not spans:
        return middle, True
    for margin in (FACE_MARGIN, 0.0):
        first = min(max(0.0, low - margin * (high - low)) for low, high, _ in spans) * whole
        last = max(min(1.0, high + margin * (high - low)) for low, high, _ in spans) * whole
        earliest, latest = max(0, -int(-(last - part) // 1)), min(whole - part, int(first))
        if earliest <= latest:
            return min(max(middle, earliest), latest), True
    low, high, _ = max(spans, key=lambda span: span[2])
    return min(max(0, round((low + high) / 2 * whole - part / 2)), whole - part), False


def _area(box: Share) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _starts(whole: int, side: int) -> list[int]:
    if whole <= side:
        return [0]
    number = -(-whole // side)
    if 2 * whole < 3 * side:
        return [(whole - side) // 2]
    return [round(index * (whole - side) / (number - 1)) for index in range(number)]


def turned(box: Share, orientation: int) -> Share:
    """Return where a box of the picture as stored lies in the upright one; `orientation`: EXIF, 1 ... 8."""
    left, top, right, bottom = box
    if orientation >= 5:
        left, top, right, bottom = top, left, bottom, right
    if orientation in {2, 3, 6, 7}:
        left, right = 1 - right, 1 - left
    if orientation in {3, 4, 7, 8}:
        top, bottom = 1 - bottom, 1 - top
    return left, top, right, bottom
