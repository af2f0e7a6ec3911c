"""One chart ready for the page: drawing, legend, what to read from it, its numbers as a table, its data for the script."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.report.charts import draw
from orchestrator.report.interactive import chart_data
from orchestrator.report.labels import label
from orchestrator.report.numbers import NOTHING, count
from orchestrator.report.plot import MAX_DOTS, Plot, Words, reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from orchestrator.core.text import Language
    from orchestrator.report.plot import Column, Curve

MOST_ROWS = 24
"""Rows of a chart's table of numbers."""


@dataclass(frozen=True, slots=True)
class LegendItem:
    """One entry of the legend."""

    look: str
    """Class of the swatch."""
    text: str
    series: int
    """Which series it names; -1: none, it cannot be switched off."""


@dataclass(frozen=True, slots=True)
class NumberTable:
    """The numbers of a chart, thinned."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    """How many of how many rows there are; empty where all are."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """One chart, ready to show."""

    name: str
    title: str
    svg: Markup
    legend: tuple[LegendItem, ...]
    note: str
    """What to read from it."""
    aside: str
    """How it was reduced for display; empty where every point is there."""
    label: str
    """The chart for those who do not see it."""
    table: NumberTable
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Absent:
    """A chart that could not be drawn."""

    title: str
    why: str
    """What is missing and how to get it next time."""


@dataclass(frozen=True, slots=True)
class Sayer:
    """The reader's language, and what shortens private paths."""

    language: Language
    clean: Callable[[str], str]
    span: tuple[int, int] | None
    """First and last logged step: the same axis for all charts over steps."""

    def words(self, title: str, description: str, steps: str = "axis_step") -> Words:
        """Return the words of a chart; `steps`: label of the horizontal axis."""
        spoken = description.replace("`", "")
        return Words(title, spoken, label(steps, self.language), label("not_finite", self.language))

    def label(self, key: str) -> str:
        """Return a label in the reader's language."""
        return label(key, self.language)

    def text(self, en: str, zh: str) -> str:
        """Return the one of both that the reader understands."""
        return Text(en, zh).to(self.language)


def view(plot: Plot, note: str, say: Sayer) -> ChartView:
    """Return a chart ready to show. `note`: one line that says what to read from it."""
    shown = [(curve, reduced(curve)) for curve in plot.curves if len(curve.steps)]
    legend = [
        LegendItem(f"{curve.look} tone{curve.tone}", curve.legend or curve.name, number)
        for number, (curve, _) in enumerate(shown)
    ]
    legend += [LegendItem("save", say.label("legend_save"), -1)] if plot.marks else []
    legend += [LegendItem("window", plot.shades[0].label, -1)] if plot.shades else []
    return ChartView(
        plot.name,
        plot.words.title,
        draw(plot, shown),
        tuple(legend),
        note,
        _aside(shown, say),
        f"{plot.words.title}. {plot.words.description}",
        _table(plot, say),
        chart_data(plot, shown),
    )


def _aside(shown: Sequence[tuple[Curve, list[Column]]], say: Sayer) -> str:
    most = max((len(curve.steps) for curve, _ in shown), default=0)
    if most <= MAX_DOTS:
        return ""
    kept = max(len(cols) for curve, cols in shown if len(curve.steps) == most)
    return say.text(
        f"{count(most)} points are shown as {kept} bars from the lowest to the highest value of each: no spike is lost.",
        f"{count(most)} 个点显示为 {kept} 条竖线，每条从该段最低值到最高值：不会丢失尖峰。",
    )


def _table(plot: Plot, say: Sayer) -> NumberTable:
    """The curves without the raw points, which are too many to be read, at evenly chosen places."""
    curves = [curve for curve in plot.curves if len(curve.steps)]
    told = [curve for curve in curves if curve.look != "raw"] or curves
    # A million steps are not gathered for the sake of two dozen rows.
    kept = thinned(sorted({step for curve in told for step in thinned(curve.steps, MAX_DOTS)}), MOST_ROWS)
    rows = [
        (short_number(step), *(_cell(curve, _index(curve.steps, step), plot.unit) for curve in told)) for step in kept
    ]
    most = max((len(curve.steps) for curve in told), default=0)
    note = ""
    if len(kept) < most:
        note = say.text(f"{len(kept)} of {count(most)} rows.", f"共 {count(most)} 行，显示 {len(kept)} 行。")
    return NumberTable((plot.words.steps, *(curve.name for curve in told)), tuple(rows), note)


def thinned(places: Sequence[float], most: int) -> list[float]:
    """Return at most `most` of them, evenly chosen, the first and the last among them."""
    if len(places) <= most:
        return list(places)
    return [places[round(index * (len(places) - 1) / (most - 1))] for index in range(most)]


def _index(steps: Sequence[float], step: float) -> int | None:
    at = bisect_left(steps, step)
    return at if at < len(steps) and steps[at] == step else None


def _cell(curve: Curve, at: int | None, unit: str) -> str:
    if at is None:
        return NOTHING
    text = short_number(float(curve.values[at])) + unit
    if len(curve.lows) and math.isfinite(curve.lows[at]) and math.isfinite(curve.highs[at]):
        text += f" ({short_number(curve.lows[at])} … {short_number(curve.highs[at])})"
    return text
