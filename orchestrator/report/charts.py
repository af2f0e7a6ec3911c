"""Curves as inline SVG, without a plotting library. Nothing is sampled away: each pixel column keeps its extremes.

Colours, dashes and dot sizes are classes of `templates/report.css`, so that light, dark and print need one drawing.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup, escape

from orchestrator.core.number_text import short_number
from orchestrator.report.scales import Kind, Scale, choose_kind, make_scale, step_ticks, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760, 252
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 34
MAX_DOTS = 2000
"""Up to this many raw points are drawn one by one; above, one bar per pixel column."""
MAX_MARK_LABELS = 9

Look = Literal["raw", "trend", "lr", "validation", "plain"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a chart. `steps` int (N,) ascending; `values` float (N,), may hold NaN and infinities."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    look: Look
    tone: int = 0
    """Which of the colours of its look."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the step axis."""

    step: int
    label: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says in the reader's language."""

    title: str
    description: str
    steps: str
    not_finite: str
    """Shown at the marks of NaN and infinity."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one pixel column of a series holds."""

    step: int
    low: float
    high: float
    """NaN where the column holds no finite value."""
    nonfinite: int
    """Number of NaN and infinities."""


def columns(steps: Sequence[int], values: Sequence[float], width: int) -> list[Column]:
    """Return minimum, maximum and the count of NaN/Inf of each of `width` equal parts of the step range, empty parts left out."""
    if not steps:
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


def draw(
    curves: Sequence[Curve],
    marks: Sequence[Mark],
    words: Words,
    name: str,
    *,
    kind: Kind | None = None,
    span: tuple[int, int] | None = None,
) -> Markup:
    """Return one SVG. `name` is its id; `kind` None: chosen from the data; `span`: steps to show at least."""
    shown = [(curve, _reduce(curve)) for curve in curves if len(curve.steps)]
    finite = [bound for _, cols in shown for col in cols if not math.isnan(col.low) for bound in (col.low, col.high)]
    ends = [step for curve, _ in shown for step in (curve.steps[0], curve.steps[-1])] + [mark.step for mark in marks]
    ends += span or ()
    low, high = min(ends, default=0), max(ends, default=1)
    if low == high:
        low, high = low - 1, high + 1
    across = Scale("linear", float(low), float(high), float(LEFT), float(WIDTH - RIGHT))
    upward = make_scale(kind or choose_kind(finite), finite, float(HEIGHT - BOTTOM), float(TOP))
    levels = ticks(upward, 5) if finite else []
    parts = [_axes(across, upward, levels, (low, high), words), _marks(marks, across)]
    parts += [_curve(curve, cols, across, upward) for curve, cols in shown]
    parts += [_nonfinite(curve, cols, across, words) for curve, cols in shown if curve.look != "trend"]
    hover = _hover(shown, across)
    return Markup(  # noqa: S704 (every piece below is made of numbers and escaped text)
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d" data-hover="{hover}">'
        f'<title id="{name}-t">{escape(words.title)}</title><desc id="{name}-d">{escape(words.description)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _reduce(curve: Curve) -> list[Column]:
    if len(curve.steps) <= MAX_DOTS:
        return [
            Column(step, value, value, 0) if math.isfinite(value) else Column(step, math.nan, math.nan, 1)
            for step, value in zip(curve.steps, curve.values, strict=True)
        ]
    return columns(curve.steps, curve.values, WIDTH - LEFT - RIGHT)


def _axes(
    across: Scale, upward: Scale, levels: Sequence[tuple[float, str]], ends: tuple[int, int], words: Words
) -> str:
    bottom = HEIGHT - BOTTOM
    parts = []
    for value, label in levels:
        y = upward.place(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="num" x="{LEFT - 7}" y="{y + 3.6:.1f}" text-anchor="end">{label}</text>')
    for step in step_ticks(*ends, 8):
        x = across.place(step)
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v4"/>')
        parts.append(f'<text class="num" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{step}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>')
    parts.append(
        f'<text class="unit" x="{WIDTH - RIGHT}" y="{bottom + 30}" text-anchor="end">{escape(words.steps)}</text>'
    )
    return "".join(parts)


def _marks(marks: Sequence[Mark], across: Scale) -> str:
    bottom = HEIGHT - BOTTOM
    every = max(1, math.ceil(len(marks) / MAX_MARK_LABELS))
    parts = []
    for index, mark in enumerate(marks):
        x = across.place(mark.step)
        look = "save main" if mark.is_main else "save"
        parts.append(f'<g class="{look}"><title>{escape(mark.label)}</title><path d="M{x:.1f} {TOP}V{bottom}"/>')
        parts.append(f'<path class="flag" d="M{x - 3.5:.1f} {TOP - 6}h7l-3.5 6z"/></g>')
        if len(marks) <= MAX_MARK_LABELS or (len(marks) - 1 - index) % every == 0:
            anchor = "end" if x > WIDTH - RIGHT - 30 else "middle"
            parts.append(f'<text class="mark" x="{x:.1f}" y="{TOP - 8}" text-anchor="{anchor}">{mark.step}</text>')
    return "".join(parts)


def _curve(curve: Curve, cols: Sequence[Column], across: Scale, upward: Scale) -> str:
    look = f"{curve.look} tone{curve.tone}"
    if curve.look == "raw":
        bars = "".join(_bar(col, across, upward) for col in cols if not math.isnan(col.low))
        return f'<path class="{look}" d="{bars}"/>'
    pieces: list[str] = []
    is_drawing = False
    for col in cols:
        if math.isnan(col.low):
            is_drawing = False  # a gap, so that NaN is not bridged
            continue
        x = across.place(col.step)
        pieces.append(f"{'L' if is_drawing else 'M'}{x:.1f} {upward.place(col.low):.1f}")
        if col.high > col.low:
            pieces.append(f"V{upward.place(col.high):.1f}")
        is_drawing = True
    path = f'<path class="{look}" d="{"".join(pieces)}"/>'
    if curve.look in {"validation", "plain"} and len(cols) <= 60:
        dots = "".join(
            f"M{across.place(c.step):.1f} {upward.place(c.low):.1f}h0" for c in cols if not math.isnan(c.low)
        )
        path += f'<path class="{look} dots" d="{dots}"/>'
    return path


def _bar(col: Column, across: Scale, upward: Scale) -> str:
    start = f"M{across.place(col.step):.1f} {upward.place(col.low):.1f}"
    return start + ("h0" if col.high == col.low else f"V{upward.place(col.high):.1f}")


def _nonfinite(curve: Curve, cols: Sequence[Column], across: Scale, words: Words) -> str:
    bad = [col for col in cols if col.nonfinite]
    if not bad:
        return ""
    # One tick per pixel at most: ten thousand NaN in a row are a bar, not ten thousand shapes.
    pixels = sorted({round(across.place(col.step)) for col in bad})
    shape = "".join(f"M{x} {HEIGHT - BOTTOM}v-9" for x in pixels)
    label = f"{curve.name}: {sum(col.nonfinite for col in bad)} {words.not_finite}"
    first = pixels[0]
    anchor, shift = ("end", -3) if first > WIDTH - 160 else ("start", 3)
    text = f'<text class="nan" x="{first + shift}" y="{HEIGHT - BOTTOM - 13}" text-anchor="{anchor}">{escape(label)}</text>'
    return f'<g><title>{escape(label)}</title><path class="nan" d="{shape}"/>{text}</g>'


def _hover(shown: Sequence[tuple[Curve, list[Column]]], across: Scale) -> Markup:
    """Return what the reading script needs: axis and rows [step, low, high], escaped for an attribute."""
    rows = [{"n": curve.name, "r": [[c.step, *_readable(c)] for c in cols]} for curve, cols in shown if cols]
    body = {"x": [across.low, across.high, LEFT, WIDTH - RIGHT], "y": [TOP, HEIGHT - BOTTOM], "s": rows}
    return escape(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def _readable(col: Column) -> list[str]:
    if math.isnan(col.low):
        return ["NaN/Inf"]
    return [short_number(col.low)] if col.low == col.high else [short_number(col.low), short_number(col.high)]
