"""What a chart shows, before it is drawn: as SVG by `charts`, as data for the script of the page by `interactive`."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.report.scales import Kind

MAX_DOTS = 2000
"""Up to this many points are kept one by one; above, the extremes of each column."""
COLUMNS = 696
"""One per pixel of the drawn chart."""

Look = Literal["raw", "trend", "lr", "validation", "plain", "band"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a chart. `steps` (N,) ascending; `values` float (N,), may hold NaN and infinities."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    look: Look
    tone: int = 0
    """Which of the colours of its look."""
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    """(N,) each: an interval around `values`; empty: none. Only for curves of at most `MAX_DOTS` points."""
    legend: str = ""
    """What the legend says; empty: the name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the step axis."""

    step: int
    label: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Shade:
    """A stretch of the step axis."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says in the reader's language."""

    title: str
    description: str
    steps: str
    """Name of the horizontal axis."""
    not_finite: str
    """Shown at the marks of NaN and infinity."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart."""

    name: str
    """Its id in the page."""
    words: Words
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    shades: tuple[Shade, ...] = ()
    base: tuple[float, str] | None = None
    """A level to compare with, and its name."""
    kind: Kind | None = None
    """None: chosen from the data."""
    span: tuple[float, float] | None = None
    """Part of the horizontal axis to show at least."""
    limits: tuple[float, float] | None = None
    """Vertical range at first sight; what lies beyond is drawn at the edge. None: everything."""
    is_firm: bool = False
    """The limits also hold for a part of the horizontal axis looked at closer."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """What one pixel column of a series holds."""

    step: float
    low: float
    high: float
    """NaN where the column holds no finite value."""
    nonfinite: int
    """Number of NaN and infinities."""


def columns(steps: Sequence[float], values: Sequence[float], width: int) -> list[Column]:
    """Return minimum, maximum and the count of NaN/Inf of each of `width` equal parts of the step range, empty parts left out."""
    if not len(steps):
        return []
    first, span = steps[0], max(steps[-1] - steps[0], 1)
    found: list[Column] = []
    start = 0
    for index in range(width):
        edge = first + span * (index + 1) / width
        end = len(steps) if index == width - 1 else bisect_left(steps, edge, start)
        if end == start:
            continue
        part = values[start:end]
        bad = 0
        if not math.isfinite(sum(part)):  # also true where huge finite values overflow: then nothing is filtered
            part = [value for value in part if math.isfinite(value)]
            bad = end - start - len(part)
        low, high = (min(part), max(part)) if part else (math.nan, math.nan)
        found.append(Column(steps[(start + end) // 2], low, high, bad))
        start = end
    return found


def reduced(curve: Curve) -> list[Column]:
    """Return the points of a curve, or above `MAX_DOTS` the extremes of each column."""
    if len(curve.steps) <= MAX_DOTS:
        return [
            Column(step, value, value, 0) if math.isfinite(value) else Column(step, math.nan, math.nan, 1)
            for step, value in zip(curve.steps, curve.values, strict=True)
        ]
    return columns(curve.steps, curve.values, COLUMNS)
