"""The data of the charts as JSON, for the script of the page. Never executable, never read as markup."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from orchestrator.report.charts import levels, step_range
from orchestrator.report.scales import choose_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.report.plot import Column, Curve, Plot

DIGITS = 6
"""Significant digits of a number in the page."""
# Inside a script element only `</script` and `<!--` mean something; the rest is for readers that treat the block as markup.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def json_block(content: Mapping[str, Any]) -> Markup:
    """Return `content` as JSON that can stand inside `<script type="application/json">`. Numbers have to be finite."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 (escaped in the line above)


def chart_data(plot: Plot, shown: Sequence[tuple[Curve, list[Column]]]) -> dict[str, Any]:
    """Return one chart for the script; the order of `series` is that of the legend."""
    finite = levels(plot, shown)
    is_positive = bool(finite) and min(finite) > 0 and plot.base is None
    low, high = step_range(plot)
    return {
        "id": plot.name,
        "title": plot.words.title,
        "axis": plot.words.steps,
        "unit": plot.unit,
        "log": (plot.kind or choose_kind(finite)) == "log" and is_positive,
        "canLog": is_positive and plot.kind is None,
        "span": [low, high],
        "limits": [_number(end) for end in plot.limits] if plot.limits is not None else None,
        "firm": plot.is_firm,
        "base": [plot.base[0], plot.base[1]] if plot.base is not None else None,
        "marks": [[mark.step, mark.label, mark.is_main] for mark in plot.marks],
        "shades": [[shade.start, shade.end, shade.label] for shade in plot.shades],
        "series": [_series(curve, cols) for curve, cols in shown],
    }


def _series(curve: Curve, cols: Sequence[Column]) -> dict[str, Any]:
    """`y`: a point or line; `lo` and `hi` beside it: an interval; `lo` and `hi` alone: extremes of columns of many points."""
    one: dict[str, Any] = {"n": curve.name, "look": curve.look, "x": [_number(col.step) for col in cols]}
    bad = [col.step for col in cols if col.nonfinite]
    if bad:
        one["bad"] = bad
    if len(cols) < len(curve.steps):
        return {**one, "lo": [_number(col.low) for col in cols], "hi": [_number(col.high) for col in cols]}
    one["y"] = [_number(col.low) for col in cols]
    if len(curve.lows):
        one["lo"], one["hi"] = [_number(low) for low in curve.lows], [_number(high) for high in curve.highs]
    return one


def _number(value: float) -> float | int | None:
    """Round for the page; null where it is not finite."""
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
