"""Curves as inline SVG, without a plotting library. Nothing is sampled away: each pixel column keeps its extremes.

This is what prints and what shows without scripts. Colours, dashes and dot sizes are classes of `templates/report.css`, so that
light, dark and print need one drawing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from orchestrator.report.plot import COLUMNS
from orchestrator.report.scales import Scale, choose_kind, make_scale, step_ticks, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.report.plot import Column, Curve, Mark, Plot, Words

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 34
WIDTH, HEIGHT = COLUMNS + LEFT + RIGHT, 252
MAX_MARK_LABELS = 9


def draw(plot: Plot, shown: Sequence[tuple[Curve, list[Column]]]) -> Markup:
    """Return one SVG; its id is the plot's name. `shown`: the plot's curves that have points, with what `plot.reduced` left of each."""
    words, name = plot.words, plot.name
    low, high = step_range(plot)
    across = Scale("linear", float(low), float(high), float(LEFT), float(WIDTH - RIGHT))
    finite = levels(plot, shown)
    upward = make_scale(plot.kind or choose_kind(finite), finite, float(HEIGHT - BOTTOM), float(TOP))
    labels = ticks(upward, 5) if finite else []
    parts = [_shades(plot, across), _axes(across, upward, labels, (low, high), plot), _marks(plot.marks, across)]
    parts.append(_base(plot, upward))
    parts += [_interval(curve, across, upward) for curve, _ in shown if len(curve.lows)]
    parts += [_curve(curve, cols, across, upward) for curve, cols in shown]
    parts += [_nonfinite(curve, cols, across, words) for curve, cols in shown if curve.look != "trend"]
    return Markup(  # noqa: S704 (every piece below is made of numbers and escaped text)
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(words.title)}</title><desc id="{name}-d">{escape(words.description)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def step_range(plot: Plot) -> tuple[float, float]:
    """Return both ends of the horizontal axis, never equal."""
    ends = [step for curve in plot.curves if len(curve.steps) for step in (curve.steps[0], curve.steps[-1])]
    ends += [mark.step for mark in plot.marks] + list(plot.span or ())
    low, high = min(ends, default=0), max(ends, default=1)
    return (low - 1, high + 1) if low == high else (low, high)


def levels(plot: Plot, shown: Sequence[tuple[Curve, list[Column]]]) -> list[float]:
    """Return the finite values that the vertical axis has to hold."""
    if plot.limits is not None:
        return list(plot.limits)
    found = [bound for _, cols in shown for col in cols if not math.isnan(col.low) for bound in (col.low, col.high)]
    found += [bound for curve, _ in shown for bound in (*curve.lows, *curve.highs) if math.isfinite(bound)]
    return found + ([plot.base[0]] if plot.base is not None and found else [])


def _shades(plot: Plot, across: Scale) -> str:
    parts = []
    for shade in plot.shades:
        x, end = across.place(shade.start), across.place(shade.end)
        x, wide = (x - 2, 4.0) if end - x < 4 else (x, end - x)
        box = f'<rect x="{x:.1f}" y="{TOP}" width="{wide:.1f}" height="{HEIGHT - BOTTOM - TOP}"/>'
        parts.append(f'<g class="shade"><title>{escape(shade.label)}</title>{box}</g>')
    return "".join(parts)


def _base(plot: Plot, upward: Scale) -> str:
    if plot.base is None:
        return ""
    y = upward.place(plot.base[0])
    label = f'<text x="{WIDTH - RIGHT - 4}" y="{y - 4:.1f}" text-anchor="end">{escape(plot.base[1])}</text>'
    return f'<g class="base"><path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>{label}</g>'


def _interval(curve: Curve, across: Scale, upward: Scale) -> str:
    """The area between `lows` and `highs`, in one piece per run of finite pairs."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for step, low, high in zip(curve.steps, curve.lows, curve.highs, strict=True):
        if math.isfinite(low) and math.isfinite(high):
            pieces[-1].append((across.place(step), upward.place(low), upward.place(high)))
        elif pieces[-1]:
            pieces.append([])
    shape = ""
    for piece in (p for p in pieces if p):
        edge = [f"{x:.1f} {high:.1f}" for x, _, high in piece] + [f"{x:.1f} {low:.1f}" for x, low, _ in reversed(piece)]
        shape += f"M{'L'.join(edge)}Z"
    return f'<path class="area {curve.look} tone{curve.tone}" d="{shape}"/>'


def _axes(
    across: Scale, upward: Scale, labels: Sequence[tuple[float, str]], ends: tuple[float, float], plot: Plot
) -> str:
    bottom = HEIGHT - BOTTOM
    parts = []
    for value, label in labels:
        y = upward.place(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="num" x="{LEFT - 7}" y="{y + 3.6:.1f}" text-anchor="end">{label}{escape(plot.unit)}</text>'
        )
    for step in step_ticks(math.ceil(ends[0]), math.floor(ends[1]), 8):
        x = across.place(step)
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v4"/>')
        parts.append(f'<text class="num" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{step}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>')
    parts.append(
        f'<text class="unit" x="{WIDTH - RIGHT}" y="{bottom + 30}" text-anchor="end">{escape(plot.words.steps)}</text>'
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
    if curve.look in {"validation", "plain", "band"} and len(cols) <= 60:
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
