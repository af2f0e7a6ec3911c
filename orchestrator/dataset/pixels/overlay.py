"""Subtitles, watermarks, signatures: text laid over a picture. Lines of marks of one height, one stroke and one tone.

What is found is text-like: a shop sign that fills a line is text as well, and is called `other` where it stands in neither a subtitle's nor a
signature's place. Logos without letters, upright text and fewer than five letters are not found.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.dataset.pixels.lines import Lines, candidates, place_of
from orchestrator.dataset.pixels.model import Kind, Region

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

REPORTED: Final = 0.5
"""Regions of a lower score are not returned."""
_ZERO: Final[Mapping[Kind, float]] = {"subtitle": 1.0, "watermark": 1.8, "other": 2.6}
"""Sums of weights at which the score is one half, level lines: shop signs and windows stand anywhere, subtitles do not."""
_ZERO_SLANTED: Final = 2.1
_LEAST_VARIETY: Final = 0.28
"""Spread of size plus twice that of where the mass lies in its box. Letters differ (0.32 and more in 98 of 100 slanted lines); the marks of
meshes, stripes and dots do not (under 0.26), and where a third of the likely lines are such, the others belong to the pattern too."""
_LEVEL_WEIGHTS: Final[Mapping[str, float]] = {
    "letters": 0.731, "contrast": 0.983, "peak": 0.841, "size": -24.32, "bend": -9.411, "ragged": -3.574, "height_spread": -1.913,
    "tone_spread": -4.141, "stroke": -0.704, "stroke_spread": 1.617, "crowd": -0.438, "placed": 0.813,
}  # fmt: skip
_LEVEL_BIAS: Final = -5.314
_SLANTED_BIAS: Final = -4.184
_SLANTED_WEIGHTS: Final[Mapping[str, float]] = {
    "letters": 1.377, "contrast": 0.992, "peak": 0.281, "size": -8.805, "bend": -3.58, "ragged": -3.253, "height_spread": -2.409,
    "tone_spread": -4.211, "stroke": -0.272, "stroke_spread": 0.633, "slope": 2.068, "crowd": -0.509,
}  # fmt: skip


class _Line(NamedTuple):
    """A likely line; `value` is the sum of its weighted features."""

    x0: float
    y0: float
    x1: float
    y1: float
    value: float
    is_slanted: bool


def overlays(grey: Grey) -> tuple[Region, ...]:
    """Return the lines of text laid over the picture, surest first; `grey` is (height, width)."""
    lines = [line for found in candidates(grey) for line in _weighed(found)]
    regions = [_region(line) for line in _joined(lines)]
    return _apart(sorted((region for region in regions if region.score >= REPORTED), key=lambda region: -region.score))


def _weighed(found: Lines) -> list[_Line]:
    """Return the lines worth a look, with the sum of their weighted features."""
    weights, bias = (_SLANTED_WEIGHTS, _SLANTED_BIAS) if found.is_slanted else (_LEVEL_WEIGHTS, _LEVEL_BIAS)
    likely: list[tuple[_Line, bool]] = []
    for index, (x0, y0, x1, y1) in enumerate(found.boxes.tolist()):
        value = bias + sum(weight * float(found.features[name][index]) for name, weight in weights.items())
        if value > min(_ZERO.values()):
            is_pattern = bool(found.features["variety"][index] < _LEAST_VARIETY)
            likely.append((_Line(x0, y0, x1, y1, value, found.is_slanted), is_pattern))
    if 3 * sum(is_pattern for _, is_pattern in likely) > len(likely):
        return []
    return [line for line, is_pattern in likely if not is_pattern]


def _region(line: _Line) -> Region:
    kind = kind_of(line.x0, line.y0, line.x1, line.y1, is_slanted=line.is_slanted)
    zero = _ZERO_SLANTED if line.is_slanted else _ZERO[kind]
    return Region(line.x0, line.y0, line.x1, line.y1, 1 / (1 + math.exp(zero - line.value)), kind)


def kind_of(x0: float, y0: float, x1: float, y1: float, *, is_slanted: bool) -> Kind:
    """Say what a line in this place usually is: centred low down, in a corner or slanted, or elsewhere."""
    return "watermark" if is_slanted else place_of(x0, y0, x1, y1)


def _joined(lines: list[_Line]) -> list[_Line]:
    """Join level lines that go on after a gap: an apostrophe or a bright spot behind breaks a subtitle in two."""
    joined = [line for line in lines if line.is_slanted]
    for line in sorted((line for line in lines if not line.is_slanted), key=lambda line: line.x0):
        for place, before in enumerate(joined):
            shared = min(line.y1, before.y1) - max(line.y0, before.y0)
            tall = max(line.y1 - line.y0, before.y1 - before.y0)
            if not before.is_slanted and shared > 0.6 * tall and line.x0 - before.x1 < 1.5 * tall:
                joined[place] = _Line(
                    before.x0, min(line.y0, before.y0), max(line.x1, before.x1), max(line.y1, before.y1),
                    max(line.value, before.value), is_slanted=False,
                )  # fmt: skip
                break
        else:
            joined.append(line)
    return joined


def _apart(regions: list[Region]) -> tuple[Region, ...]:
    """Drop regions that lie mostly in a surer one: light letters and their dark outlines are one text."""
    kept: list[Region] = []
    for region in regions:
        area = (region.x1 - region.x0) * (region.y1 - region.y0)
        shared = (
            max(0.0, min(region.x1, other.x1) - max(region.x0, other.x0))
            * max(0.0, min(region.y1, other.y1) - max(region.y0, other.y0))
            for other in kept
        )
        if all(part <= 0.5 * area for part in shared):
            kept.append(region)
    return tuple(kept)
