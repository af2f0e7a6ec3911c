"""Lines of marks that may be text: neighbours of one height and one contrast, level or slanted, and what is to be told about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.dataset.pixels.strokes import Marks, strokes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import Kind

    Grey = NDArray[np.uint8]
    Floats = NDArray[np.floating[Any]]
    Numbers = NDArray[np.int64]

LEAST_LETTERS: Final = 5
_WORKING_SIDE: Final = 832
_NEIGHBOURS: Final = 48
"""How many marks to the right are looked at for the next letter."""
_LEAST_SLANTED: Final = 7
"""Five marks in a slanted row are found in every hedge."""


class Lines(NamedTuple):
    """Candidates, one row each: box in shares, and the features that the score is made of."""

    boxes: Floats
    is_slanted: bool
    features: Mapping[str, Floats]


def place_of(x0: float, y0: float, x1: float, y1: float) -> Kind:
    """Say what a level line in this place usually is."""
    middle = (x0 + x1) / 2
    if abs(middle - 0.5) < 0.06 and x1 - x0 > 0.15 and y0 > 0.7:
        return "subtitle"
    return "watermark" if abs(middle - 0.5) > 0.2 and (y0 > 0.88 or y1 < 0.12) else "other"


def candidates(grey: Grey) -> list[Lines]:
    """Return every line of five or more marks of a kind: light ones and dark ones, level and slanted."""
    working = _soften(_reduce(grey))
    found: list[Lines] = []
    for tones in (working, 255 - working):
        marks = strokes(tones)
        if marks is None:
            continue
        for is_slanted in (False, True):
            least = _LEAST_SLANTED if is_slanted else LEAST_LETTERS
            member, line = _chains(_next_letter(marks, is_slanted=is_slanted), least)
            if len(member):
                found.append(
                    _describe(marks, member, line, (working.shape[0], working.shape[1]), is_slanted=is_slanted)
                )
    return found


def _reduce(grey: Grey) -> Grey:
    """Bring the shorter side to under 1.5 times the working side, each pixel the mean of a square."""
    import numpy as np

    factor = max(1, round(min(grey.shape) / _WORKING_SIDE))
    if factor == 1:
        return grey
    height, width = (side // factor * factor for side in grey.shape)
    rows = np.add.reduceat(grey[:height, :width], np.arange(0, height, factor), axis=0, dtype=np.uint16)
    sums = np.add.reduceat(rows, np.arange(0, width, factor), axis=1, dtype=np.uint32)
    mean: Grey = (sums // factor**2).astype(np.uint8)
    return mean


def _soften(grey: Grey) -> Grey:
    """Mean of 2 x 2: halves the grain, and leaves strokes of two pixels."""
    half = grey >> 1
    rows = half[:-1] + half[1:]
    rows >>= 1
    return rows[:, :-1] + rows[:, 1:]


def _next_letter(marks: Marks, *, is_slanted: bool) -> list[int]:
    """Return for each mark the mark that follows it in a line of text, -1 for none; none follows two."""
    import numpy as np

    count = len(marks.left)
    if count < LEAST_LETTERS:
        return [-1] * count
    here = np.arange(count)
    there = here[:, None] + np.arange(1, min(_NEIGHBOURS, count - 1) + 1)
    is_inside = there < count
    there = np.minimum(there, count - 1)
    cost = np.where(is_inside, _cost_slanted(marks, there) if is_slanted else _cost_level(marks, there), np.inf)
    best = cost.argmin(axis=1)
    price, target = cost[here, best], there[here, best]
    follows = np.full(count, -1)
    claimed = np.full(count, -1)
    cheapest_last = np.argsort(-price, kind="stable")
    cheapest_last = cheapest_last[np.isfinite(price[cheapest_last])]
    claimed[target[cheapest_last]] = cheapest_last
    winners = claimed[claimed >= 0]
    follows[winners] = target[winners]
    return list(follows.tolist())


def _cost_level(marks: Marks, there: Numbers) -> Floats:
    import numpy as np

    high = marks.bottom - marks.top
    higher = np.maximum(high[:, None], high[there])
    ratio = higher / np.minimum(high[:, None], high[there])
    gap = (marks.left[there] - marks.right[:, None]) / higher
    offset = np.minimum(
        np.abs(marks.bottom[there] - marks.bottom[:, None]), np.abs(marks.top[there] - marks.top[:, None])
    ) / higher  # fmt: skip
    fainter = np.abs(np.log(marks.contrast)[there] - np.log(marks.contrast)[:, None])
    is_possible = (gap < 1.0) & (gap > -0.3) & (ratio < 2.2) & (offset < 0.22) & (fainter < 0.5)
    return np.where(is_possible, gap + 0.5 * np.log(ratio) + fainter + 2 * offset, np.inf).astype(np.float32)


def _cost_slanted(marks: Marks, there: Numbers) -> Floats:
    import numpy as np

    size = np.maximum(marks.right - marks.left, marks.bottom - marks.top)
    x, y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    larger = np.maximum(size[:, None], size[there])
    ratio = larger / np.minimum(size[:, None], size[there])
    across, down = x[there] - x[:, None], np.abs(y[there] - y[:, None])
    far = np.sqrt(across * across + down * down) / larger
    fainter = np.abs(np.log(marks.contrast)[there] - np.log(marks.contrast)[:, None])
    is_possible = (
        (far < 1.9) & (far > 0.35) & (ratio < 1.8) & (down < 1.4 * across) & (down > 0.12 * across) & (fainter < 0.6)
    )
    return np.where(is_possible, far + np.log(ratio) + fainter, np.inf).astype(np.float32)


def _chains(follows: list[int], least: int) -> tuple[Numbers, Numbers]:
    """Return the members of all long enough chains one after another, and the number of the chain of each."""
    import numpy as np

    has_before = set(follows)
    members: list[int] = []
    lines: list[int] = []
    number = 0
    for start, after in enumerate(follows):
        if after < 0 or start in has_before:
            continue
        chain = [start]
        while after >= 0:
            chain.append(after)
            after = follows[after]  # noqa: PLW2901 - walks along the chain
        if len(chain) >= least:
            members += chain
            lines += [number] * len(chain)
            number += 1
    return np.array(members, dtype=np.int64), np.array(lines, dtype=np.int64)


def _describe(marks: Marks, member: Numbers, line: Numbers, shape: tuple[int, int], *, is_slanted: bool) -> Lines:
    import numpy as np

    own = marks.take(member)
    start = np.flatnonzero(np.diff(line, prepend=-1))
    letters = np.bincount(line)

    def mean(values: Floats) -> Floats:
        return np.bincount(line, values) / letters

    def spread(values: Floats) -> Floats:
        return np.sqrt(np.maximum(mean(values * values) - mean(values) ** 2, 0))

    wide, high = own.right - own.left, own.bottom - own.top
    size = mean(np.maximum(wide, high) if is_slanted else high)
    x, y = (own.left + own.right) / 2, (own.top + own.bottom) / 2
    from_middle = x - mean(x)[line]
    slope = mean(from_middle * y) / np.maximum(mean(from_middle**2), 1e-6)
    bend = y - mean(y)[line] - slope[line] * from_middle
    tilt = slope[line] * from_middle
    peak = mean(own.peak)
    box = (np.minimum.reduceat(own.left, start), np.minimum.reduceat(own.top, start),
           np.maximum.reduceat(own.right, start), np.maximum.reduceat(own.bottom, start))  # fmt: skip
    features = {
        "letters": np.log(letters),
        "contrast": np.log(mean(own.contrast)),
        "peak": np.log(peak),
        "size": size / min(shape),
        "bend": mean(np.abs(bend)) / size,
        "ragged": np.minimum(spread(own.bottom - tilt), spread(own.top - tilt)) / size,
        "height_spread": spread(high) / mean(high),
        "tone_spread": np.minimum(spread(own.tone), spread(own.peak)) / peak,
        "stroke": np.abs(np.log(mean(own.stroke) / size / 0.17)),
        "stroke_spread": spread(own.stroke) / mean(own.stroke),
        "slope": np.abs(slope),
        "lean": slope,
        "variety": np.hypot(spread(wide) / mean(wide), spread(high) / mean(high))
        + 2 * np.hypot(spread(own.lean_x), spread(own.lean_y)),
        "crowd": _crowd(marks, box, slope, size) / letters - 1,
    }
    height, width = shape
    boxes = np.stack([box[0] / width, box[1] / height, box[2] / width, box[3] / height], axis=1)
    if not is_slanted:
        features["placed"] = np.array([float(place_of(*row) != "other") for row in boxes.tolist()])
    return Lines(boxes, is_slanted, features)


def _crowd(marks: Marks, box: tuple[Floats, Floats, Floats, Floats], slope: Floats, size: Floats) -> Floats:
    """Count the marks in and close about each line: text stands alone, leaves and bricks do not."""
    import numpy as np

    x, y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    big = np.maximum(marks.right - marks.left, marks.bottom - marks.top)
    left, top, right, bottom = (edge[:, None] for edge in box)
    tall = size[:, None]
    level = (top + bottom) / 2 + slope[:, None] * (x - (left + right) / 2)
    is_near = (x > left - tall) & (x < right + tall) & (np.abs(y - level) < 1.8 * tall) & (big > 0.35 * tall)
    count: Floats = is_near.sum(axis=1).astype(np.float32)
    return count
