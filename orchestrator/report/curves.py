"""The charts of what the trainer itself logged, and of the files it saved."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.diagnose.measured import EPOCH_AVERAGE, STEP_AVERAGE
from orchestrator.diagnose.signals.raw import block_medians
from orchestrator.observe.stitch import is_by_epoch
from orchestrator.report.chart_view import view
from orchestrator.report.labels import label
from orchestrator.report.plot import Curve, Mark, Plot, Shade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.observation import Observations, Series
    from orchestrator.core.text import Language
    from orchestrator.diagnose.window import Window
    from orchestrator.report.chart_view import ChartView, Sayer
    from orchestrator.report.model import ReportData

RAW_LOSS = ("loss/current", "loss/average", "loss")
"""The series to show as the loss, best first. `loss/average` hides the noise and stays NaN after one NaN."""
VALIDATION = (EPOCH_AVERAGE, STEP_AVERAGE)
"""`step_average` mixes stale values in after the first epoch: shown only where the other is absent."""
MAX_TREND_BLOCKS = 48
POINTS_PER_BLOCK = 16
"""Fewer, and the medians would wander as the points do."""


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


def logged_charts(data: ReportData, say: Sayer) -> list[ChartView]:
    """Return the charts of the trainer's own series, best known first. Empty where nothing was logged."""
    seen = data.case.observations
    if seen is None:
        return []
    marks = save_marks(seen, say.language)
    made = [
        _loss_chart(seen, marks, say),
        _validation_chart(seen, say, steps_per_epoch(data)),
        _norm_chart(seen, say),
        _lr_chart(seen, marks, say),
        _step_size_chart(seen, say),
    ]
    return [chart for chart in made if chart is not None]


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


def logged_span(seen: Observations) -> tuple[int, int] | None:
    """Return the first and the last step of the loss; None where no loss was logged."""
    ends = [seen.series[tag].steps for tag in RAW_LOSS if len(seen.series.get(tag, ()))]
    return (ends[0][0], ends[0][-1]) if ends else None


def window_shades(window: Window | None, language: Language) -> tuple[Shade, ...]:
    """Return the stretch of the recommended files, if there is one."""
    steps = [candidate.step for candidate in (window.candidates if window is not None else ())]
    return (Shade(min(steps), max(steps), label("legend_window", language)),) if steps else ()


def _loss_chart(seen: Observations, marks: Sequence[Mark], say: Sayer) -> ChartView | None:
    series = next((seen.series[tag] for tag in RAW_LOSS if len(seen.series.get(tag, ()))), None)
    if series is None:
        return None
    name = say.clean(series.name)
    curves = [Curve(name, series.steps, series.values, "raw", legend=f"{name} · {say.label('legend_raw')}")]
    steps, values = trend_line(series)
    if len(steps) > 2:
        curves.append(Curve(say.label("legend_trend"), steps, values, "trend"))
    note = say.label("note_average") if series.name == "loss/average" else say.label("note_loss")
    words = say.words(say.label("chart_loss"), _describe(series, values, say.language))
    return view(Plot("loss", words, tuple(curves), tuple(marks), span=say.span), note, say)


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


def _validation_curve(seen: Observations, per_epoch: float | None, say: Sayer) -> Curve | None:
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


def _validation_chart(seen: Observations, say: Sayer, per_epoch: float | None) -> ChartView | None:
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
    held = replace(held, legend=f"{held.name} · {say.label('legend_validation')}")
    return view(Plot("validation", words, (held,), span=say.span if axis == "axis_step" else None), note, say)


def _lr_chart(seen: Observations, marks: Sequence[Mark], say: Sayer) -> ChartView | None:
    # With an adaptive optimizer `lr/...` is a factor near 1 and `lr/d*lr/...` is what moves the weights: one scale each.
    tags = sorted(tag for tag in seen.series if tag.startswith("lr") and len(seen.series[tag]))
    effective = [tag for tag in tags if "d*lr" in tag]
    told = seen.telemetry.steps if seen.telemetry is not None else None
    logged: list[tuple[str, Sequence[int], Sequence[float]]] = [
        (say.clean(tag), seen.series[tag].steps, seen.series[tag].values) for tag in effective or tags
    ]
    if not logged and told is not None:
        logged = [(say.text(f"group {n}", f"参数组 {n}"), told.steps, lr) for n, lr in enumerate(told.lrs)]
    curves = _grouped(logged)
    if not curves:
        return None
    peak = max((value for curve in curves for value in curve.values if math.isfinite(value)), default=math.nan)
    note = say.label("note_lr_effective" if effective else "note_lr").format(peak=short_number(peak))
    words = say.words(say.label("chart_lr"), note)
    return view(Plot("lr", words, curves, tuple(marks), base=(0.0, ""), kind="linear", span=say.span), note, say)


def _step_size_chart(seen: Observations, say: Sayer) -> ChartView | None:
    """What Prodigy or D-Adaptation found."""
    told = seen.telemetry.steps if seen.telemetry is not None else None
    if told is None or not told.ds:
        return None
    curves = _grouped([(say.text(f"d, group {n}", f"d，参数组 {n}"), told.steps, d) for n, d in enumerate(told.ds)])
    note = say.label("note_step_size")
    words = say.words(say.label("chart_step_size"), note)
    return view(Plot("step-size", words, curves, span=say.span), note, say) if curves else None


def _grouped(logged: Sequence[tuple[str, Sequence[int], Sequence[float]]]) -> tuple[Curve, ...]:
    """Return one curve for series that are the same under several names."""
    groups: list[tuple[list[str], Sequence[int], Sequence[float]]] = []
    for name, steps, values in logged:
        twin = next((names for names, at, other in groups if other == values and at == steps), None)
        if twin is not None:
            twin.append(name)
        elif len(values):
            groups.append(([name], steps, values))
    return tuple(
        Curve(", ".join(names), steps, values, "lr", tone=n % 3) for n, (names, steps, values) in enumerate(groups)
    )


def _norm_chart(seen: Observations, say: Sayer) -> ChartView | None:
    """Size of the update per module group over the checkpoints."""
    found: dict[str, dict[int, float]] = {}
    for point in seen.checkpoints:
        for group, norm in point.norms.items():
            if point.step is not None:
                found.setdefault(group, {})[point.step] = norm
    usable = {group: rows for group, rows in found.items() if len(rows) > 1}
    if not usable:
        return None
    curves = tuple(
        Curve(say.clean(group), sorted(rows), [rows[step] for step in sorted(rows)], "plain", tone=index % 3)
        for index, (group, rows) in enumerate(sorted(usable.items()))
    )
    note = say.label("note_norms")
    words = say.words(say.label("chart_norms"), note)
    return view(Plot("norms", words, curves, base=(0.0, ""), span=say.span), note, say)
