"""Which curves a report shows, from what was observed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.diagnose.signals.raw import block_medians
from orchestrator.report.charts import Curve, Mark, Words, draw
from orchestrator.report.labels import label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from orchestrator.core.observation import Observations, Series
    from orchestrator.core.text import Language
    from orchestrator.report.model import ReportData

RAW_LOSS = ("loss/current", "loss/average", "loss")
"""The series to show as the loss, best first. `loss/average` hides the noise and stays NaN after one NaN."""
VALIDATION = ("loss/validation/epoch_average", "loss/validation/step_average")
"""`step_average` mixes stale values in after the first epoch: shown only where the other is absent."""
MAX_TREND_BLOCKS = 48
POINTS_PER_BLOCK = 16
"""Fewer, and the medians would wander as the points do."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """One chart, ready to show."""

    title: str
    svg: Markup
    legend: tuple[tuple[str, str], ...]
    """(class of the swatch, text)."""
    note: str


def trend_line(series: Series) -> tuple[list[int], list[float]]:
    """Return (steps (B,), medians (B,)) of nearly equal blocks of the finite values: a trend that single spikes do not move."""
    steps = [step for step, value in zip(series.steps, series.values, strict=True) if math.isfinite(value)]
    blocks = max(min(MAX_TREND_BLOCKS, len(steps) // POINTS_PER_BLOCK), 1)
    if not steps:
        return [], []
    medians = block_medians(series.values, blocks)
    larger, size = len(steps) % blocks, len(steps) // blocks
    starts = [index * size + min(index, larger) for index in range(blocks + 1)]
    return [steps[(start + end - 1) // 2] for start, end in pairwise(starts)], medians


def charts(data: ReportData, language: Language, clean: Callable[[str], str]) -> list[ChartView]:
    """Return the charts of a report, best known first. Empty where nothing was logged."""
    seen = data.case.observations
    if seen is None:
        return []
    say = _Sayer(language, clean, _span(seen))
    per_epoch = steps_per_epoch(data)
    marks = save_marks(seen, language)
    made = [
        _loss_chart(seen, marks, say),
        _validation_chart(seen, say, per_epoch),
        _lr_chart(seen, marks, say),
    ]
    made += [_norm_chart(seen, say)]
    return [chart for chart in made if chart is not None]


def is_by_epoch(tag: str) -> bool:
    """Whether the trainer counts epochs where other series count steps: `loss/epoch_average`, `loss/validation/epoch_divergence` ..."""
    return tag.rsplit("/", 1)[-1].startswith("epoch")


def steps_per_epoch(data: ReportData) -> float | None:
    """Return optimizer steps per epoch: planned, else from what the trainer announced, else None."""
    if data.case.plan is not None:
        return float(data.case.plan.steps.steps_per_epoch)
    facts: Mapping[str, int | float | str] = data.case.observations.facts if data.case.observations else {}
    total, epochs = facts.get("total_steps"), facts.get("epochs")
    return (
        total / epochs if isinstance(total, (int, float)) and isinstance(epochs, (int, float)) and epochs > 0 else None
    )


def save_marks(seen: Observations, language: Language) -> list[Mark]:
    """Return one mark per checkpoint with a known step, the final one last."""
    found: dict[int, Mark] = {}
    for point in seen.checkpoints:
        if point.step is not None and (point.is_final or point.step not in found):
            words = label("mark_final" if point.is_final else "mark_save", language)
            found[point.step] = Mark(point.step, f"{words} {point.step}", is_main=point.is_final)
    return [found[step] for step in sorted(found)]


def _span(seen: Observations) -> tuple[int, int] | None:
    ends = [seen.series[tag].steps for tag in RAW_LOSS if len(seen.series.get(tag, ()))]
    return (ends[0][0], ends[0][-1]) if ends else None


@dataclass(frozen=True, slots=True)
class _Sayer:
    language: Language
    clean: Callable[[str], str]
    span: tuple[int, int] | None
    """First and last logged step: the same axis for all charts over steps."""

    def words(self, title: str, description: str, steps: str = "axis_step") -> Words:
        return Words(title, description, label(steps, self.language), label("not_finite", self.language))

    def label(self, key: str) -> str:
        return label(key, self.language)


def _loss_chart(seen: Observations, marks: Sequence[Mark], say: _Sayer) -> ChartView | None:
    series = next((seen.series[tag] for tag in RAW_LOSS if len(seen.series.get(tag, ()))), None)
    if series is None:
        return None
    curves = [Curve(say.clean(series.name), series.steps, series.values, "raw")]
    legend = [("raw", f"{say.clean(series.name)} · {say.label('legend_raw')}")]
    steps, values = trend_line(series)
    if len(steps) > 2:
        curves.append(Curve(say.label("legend_trend"), steps, values, "trend"))
        legend.append(("trend", say.label("legend_trend")))
    legend += [("save", say.label("legend_save"))] if marks else []
    note = say.label("note_average") if series.name == "loss/average" else say.label("note_loss")
    words = say.words(say.label("chart_loss"), _describe(series, values, say.language))
    return ChartView(words.title, draw(curves, marks, words, "loss", span=say.span), tuple(legend), note)


def _describe(series: Series, medians: Sequence[float], language: Language) -> str:
    bad = sum(1 for value in series.values if not math.isfinite(value))
    key = "describe_loss" if len(medians) > 1 else "describe_points"
    return label(key, language).format(
        points=len(series),
        first=series.steps[0],
        last=series.steps[-1],
        start=short_number(medians[0]) if medians else "–",
        end=short_number(medians[-1]) if medians else "–",
        bad=bad,
    )


def _validation_curve(seen: Observations, per_epoch: float | None, say: _Sayer) -> Curve | None:
    """Held-out loss on the step axis; None where it is missing or its epochs cannot be placed on steps."""
    for tag in VALIDATION:
        series = seen.series.get(tag)
        if series is None or not len(series):
            continue
        if not is_by_epoch(tag):
            return Curve(say.clean(tag), series.steps, series.values, "validation")
        if per_epoch is not None:
            steps = [round(epoch * per_epoch) for epoch in series.steps]
            return Curve(say.clean(tag), steps, series.values, "validation")
    return None


def _validation_chart(seen: Observations, say: _Sayer, per_epoch: float | None) -> ChartView | None:
    """On an axis of its own: changes of a few per cent would be flat beside the raw loss, and means do not compare with medians."""
    held = _validation_curve(seen, per_epoch, say)
    axis = "axis_step"
    if held is None:
        series = next((seen.series[tag] for tag in VALIDATION if len(seen.series.get(tag, ()))), None)
        if series is None:
            return None
        held, axis = Curve(say.clean(series.name), series.steps, series.values, "validation"), "axis_epoch"
    finite = [(value, step) for step, value in zip(held.steps, held.values, strict=True) if math.isfinite(value)]
    note = say.label("note_validation_nan")
    if finite:
        value, step = min(finite)
        note = say.label("note_validation").format(value=short_number(value), step=step, axis=say.label(axis))
    words = say.words(say.label("chart_validation"), note, axis)
    legend = (("validation", f"{held.name} · {say.label('legend_validation')}"),)
    return ChartView(
        words.title, draw([held], (), words, "validation", span=say.span if axis == "axis_step" else None), legend, note
    )


def _lr_chart(seen: Observations, marks: Sequence[Mark], say: _Sayer) -> ChartView | None:
    groups: list[tuple[list[str], Series]] = []
    # With an adaptive optimizer `lr/...` is a factor near 1 and `lr/d*lr/...` is what moves the weights: one scale each.
    tags = sorted(tag for tag in seen.series if tag.startswith("lr") and len(seen.series[tag]))
    effective = [tag for tag in tags if "d*lr" in tag]
    for tag in effective or tags:
        series = seen.series[tag]
        twin = next(
            (names for names, other in groups if other.values == series.values and other.steps == series.steps), None
        )
        if twin is not None:
            twin.append(say.clean(tag))
        else:
            groups.append(([say.clean(tag)], series))
    if not groups:
        return None
    curves = [Curve(", ".join(names), s.steps, s.values, "lr", tone=i % 3) for i, (names, s) in enumerate(groups)]
    legend = tuple((f"lr tone{curve.tone}", curve.name) for curve in curves)
    peak = max((value for _, s in groups for value in s.values if math.isfinite(value)), default=math.nan)
    note = say.label("note_lr_effective" if effective else "note_lr").format(peak=short_number(peak))
    words = say.words(say.label("chart_lr"), note)
    return ChartView(words.title, draw(curves, marks, words, "lr", kind="linear", span=say.span), legend, note)


def _norm_chart(seen: Observations, say: _Sayer) -> ChartView | None:
    """Size of the update per module group over the checkpoints."""
    found: dict[str, dict[int, float]] = {}
    for point in seen.checkpoints:
        for group, norm in point.norms.items():
            if point.step is not None:
                found.setdefault(group, {})[point.step] = norm
    usable = {group: rows for group, rows in found.items() if len(rows) > 1}
    if not usable:
        return None
    curves = [
        Curve(say.clean(group), sorted(rows), [rows[step] for step in sorted(rows)], "plain", tone=index % 3)
        for index, (group, rows) in enumerate(sorted(usable.items()))
    ]
    note = say.label("note_norms")
    words = say.words(say.label("chart_norms"), note)
    legend: list[tuple[str, str]] = [(f"plain tone{curve.tone}", curve.name) for curve in curves]
    return ChartView(words.title, draw(curves, (), words, "norms", kind="linear", span=say.span), tuple(legend), note)
