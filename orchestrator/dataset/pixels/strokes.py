"""Thin strokes lighter or darker than what is about them, as marks: what letters are made of, and much else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Grey = NDArray[np.uint8]
    Numbers = NDArray[np.int64]
    Buffers = tuple[Grey, Grey]

WIDEST_STROKE: Final = 0.016
"""Of the shorter side. Letters of a tenth of the picture have strokes of an eighth of that."""
LEAST_CONTRAST: Final = 10
"""Tones over the surroundings, and twice the picture's own noise on top."""
MOST_RUNS: Final = 6_000
"""Grass and gravel have more: there only the stronger half of it is looked at, or time has no limit."""
MOST_MARKS: Final = 1000


@dataclass(frozen=True, slots=True)
class Marks:
    """Connected strokes, left to right; one entry per mark in each array. Pixels, tones 0 ... 255."""

    left: Floats
    top: Floats
    right: Floats
    bottom: Floats
    stroke: Floats
    """Mean width along a row."""
    contrast: Floats
    peak: Floats
    """The highest contrast in it ..."""
    tone: Floats
    """... and the highest tone: the fill, undimmed by soft edges."""
    lean_x: Floats
    lean_y: Floats
    """How far the middle of its mass lies right of and below the middle of its box, in widths and heights."""

    def take(self, which: Any) -> Marks:
        """Return those that `which` picks, in its order."""
        return Marks(*(getattr(self, field.name)[which] for field in fields(self)))


def strokes(grey: Grey) -> Marks | None:
    """Return the marks lighter than what surrounds them, None where there are none; for dark ones hand in the negative.

    White top-hat with a square: what no square of the widest stroke fits into (Serra, Image Analysis and Mathematical Morphology,
    1982). A pixel belongs to a stroke when it reaches half the highest contrast nearby, so that weak clutter beside a
    strong letter is not joined to it.
    """
    import numpy as np

    side = min(grey.shape)
    reach = max(7, round(side * WIDEST_STROKE))
    if side < 4 * reach:
        return None
    hat = _top_hat(grey, reach)
    nearby = _spread_out(hat, reach | 1)
    nearby >>= 1
    is_high = hat >= nearby
    least = LEAST_CONTRAST + 2 * int(np.median(hat[::8, ::8]))
    while least < 128 and 8 * _count_runs((hat[::8] >= least) & is_high[::8]) > MOST_RUNS:
        least += least // 4
    first, last, width = _runs(_close_upright(is_high & (hat >= least), max(1, reach // 4)))
    return _marks(first, last, width, (hat, grey), side) if len(first) else None


def _slide(tones: Buffers, size: int, pick: np.ufunc, stride: int) -> Buffers:
    """Replace each value by the lowest or highest of `size` values from it on, `stride` apart, in log2(`size`) passes.

    Over the flat array and into a second one: no slice of rows is as fast, and fresh memory costs more than the arithmetic.
    What runs over the end of a row reads the next one, so there must be a margin.
    """
    values, spare = tones
    seen = 1
    while seen < size:
        step = min(seen, size - seen)
        pick(values[: -step * stride], values[step * stride :], out=spare[: -step * stride])
        values, spare = spare, values
        seen += step
    return values, spare


def _square(tones: Buffers, size: int, pick: np.ufunc, width: int) -> Buffers:
    return _slide(_slide(tones, size, pick, width), size, pick, 1)


def _top_hat(grey: Grey, size: int) -> Grey:
    import numpy as np

    height, width = grey.shape
    padded = np.zeros((height + 2 * size, width + 2 * size), dtype=np.uint8)
    padded[size:-size, size:-size] = grey
    buffers = _square((padded.ravel(), np.zeros(padded.size, dtype=np.uint8)), size, np.minimum, width + 2 * size)
    # The least of the square that begins here; the greatest of those squares that hold a pixel lies before it.
    opened = _square(buffers, size, np.maximum, width + 2 * size)[0].reshape(padded.shape)
    hat: Grey = grey - np.minimum(grey, opened[1 : height + 1, 1 : width + 1])
    return hat


def _spread_out(hat: Grey, size: int) -> Grey:
    import numpy as np

    height, width = hat.shape
    padded = np.zeros((height + 2 * size, width + size), dtype=np.uint8)
    half = size // 2
    padded[half : half + height, half : half + width] = hat
    values = _square((padded.ravel(), np.zeros(padded.size, dtype=np.uint8)), size, np.maximum, width + size)[0]
    highest: Grey = values.reshape(padded.shape)[:height, :width]
    return highest


def _count_runs(mask: NDArray[np.bool_]) -> int:
    import numpy as np

    return int(np.count_nonzero(mask[:, 1:] > mask[:, :-1]))


def _close_upright(is_stroke: NDArray[np.bool_], reach: int) -> Grey:
    """Join what lies above one another: the dot of an i, the strokes of a Chinese character."""
    import numpy as np

    height, width = is_stroke.shape
    padded = np.zeros((height + 4 * reach, width + 1), dtype=np.uint8)
    padded[2 * reach : -2 * reach, :-1] = is_stroke
    buffers = (padded.ravel(), np.zeros(padded.size, dtype=np.uint8))
    buffers = _slide(_slide(buffers, 2 * reach + 1, np.maximum, width + 1), 2 * reach + 1, np.minimum, width + 1)
    closed: Grey = buffers[0].reshape(padded.shape)[:height]
    return closed


def _runs(mask: Grey) -> tuple[Numbers, Numbers, int]:
    """Return where the runs of ones of `mask` begin and end, row by row in one long line, and its row length."""
    import numpy as np

    flat = mask.ravel()  # the last column is empty, so no run goes on into the next row
    change = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if len(flat) and flat[0]:
        change = np.concatenate(([0], change))
    return change[::2], change[1::2], mask.shape[1]


def _connect(first: Numbers, last: Numbers, width: int) -> NDArray[np.uint16]:
    """Return a number per run, the same for all runs that hang together."""
    import numpy as np

    low = np.searchsorted(last, first + width, side="right")
    count = np.maximum(np.searchsorted(first, last + width, side="left") - low, 0)
    above = np.repeat(np.arange(len(first)), count)
    below = low[above] + np.arange(len(above)) - np.repeat(np.cumsum(count) - count, count)
    label = np.arange(len(first))
    while len(above):
        one, other = label[above], label[below]
        differs = one != other
        above, below, one, other = above[differs], below[differs], one[differs], other[differs]
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        while (label != (shorter := label[label])).any():
            label = shorter
    is_first = label == np.arange(len(label))
    return (np.cumsum(is_first) - 1).astype(np.uint16)[label]  # 16 bits: numpy sorts those by radix


def _marks(first: Numbers, last: Numbers, width: int, tones: tuple[Grey, Grey], side: int) -> Marks:
    """Measure each mark, and keep those of a letter's size."""
    import numpy as np

    label = _connect(first, last, width)
    order = np.argsort(label, kind="stable")
    start = np.flatnonzero(np.diff(label[order].astype(np.int64), prepend=-1))
    row, column, length = first // width, first % width, last - first
    middle = (first + last) // 2
    at = (np.minimum(middle // width, tones[0].shape[0] - 1), middle % width)
    hat, tone = (values[at][order] for values in tones)
    runs = np.diff(start, append=len(order))
    area = np.add.reduceat(length[order], start)
    marks = Marks(*(values.astype(np.float32) for values in (
        np.minimum.reduceat(column[order], start), np.minimum.reduceat(row[order], start),
        np.maximum.reduceat((column + length)[order], start), np.maximum.reduceat(row[order], start) + 1,
        area / runs, np.add.reduceat(hat.astype(np.int64), start) / runs,
        np.maximum.reduceat(hat, start), np.maximum.reduceat(tone, start),
        np.add.reduceat((length * (column + length / 2))[order], start) / area,
        np.add.reduceat((length * (row + 0.5))[order], start) / area,
    )))  # fmt: skip
    wide, high = marks.right - marks.left, marks.bottom - marks.top
    marks.lean_x[:] = (marks.lean_x - marks.left) / wide - 0.5
    marks.lean_y[:] = (marks.lean_y - marks.top) / high - 0.5
    size = np.maximum(wide, high)
    is_letter = (size >= max(6, 0.008 * side)) & (size <= 0.16 * side) & (area >= 12) & (high >= 0.25 * wide)
    height, across = tones[1].shape  # grass is cut off by the edge, letters are not
    is_inside = (marks.left > 1) & (marks.top > 1) & (marks.right < across - 1) & (marks.bottom < height - 1)
    kept = np.flatnonzero(is_letter & is_inside & (marks.contrast >= 1))
    if len(kept) > MOST_MARKS:
        kept = kept[np.argpartition(-marks.contrast[kept], MOST_MARKS)[:MOST_MARKS]]
    return marks.take(kept[np.argsort((marks.left + marks.right)[kept], kind="stable")])
