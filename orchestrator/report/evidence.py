"""The charts of what the recorder measured: the probe against the base model, the loss without its timesteps, both by timestep."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import telemetry
from orchestrator.diagnose.measured import conditioned, probe_curves
from orchestrator.diagnose.signals.jitter import JITTERS
from orchestrator.diagnose.signals.probe import percent
from orchestrator.report.chart_view import Absent, view
from orchestrator.report.curves import save_marks, window_shades
from orchestrator.report.plot import Curve, Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.diagnose.measured import ProbeCurves
    from orchestrator.diagnose.signals.conditioned import Conditioned
    from orchestrator.diagnose.signals.probe import ProbeCurve
    from orchestrator.diagnose.window import Window
    from orchestrator.report.chart_view import ChartView, Sayer
    from orchestrator.report.model import ReportData

BEYOND = 0.005
"""Share of the points at either end that may lie beyond the vertical axis at first sight."""
NORMAL_95 = 1.96
BAND_ROOM = 0.75
"""How far a band may stretch the axis beyond the curves, as a share of what they span."""
TITLES = {
    "probe": Text("Against the base model", "与底模相比"),
    "conditioned": Text("Training loss without the luck of the timestep", "去除时间步偶然性后的训练损失"),
    "bands": Text("By timestep, at the last probe", "按时间步，最后一次探针"),
    "gaps": Text("Held-out against training, by timestep", "留出与训练之差，按时间步"),
}
ENABLE = Text(
    "This run was made without telemetry. Runs of `lora-run` record it unless the recipe says `telemetry: off`.",
    "这次训练没有遥测记录。用 `lora-run` 训练时会自动记录，除非配方写有 `telemetry: off`。",
)
ENABLE_PROBE = Text(
    "The probe was not taken: write `telemetry: probe` in the recipe (it is the default).",
    "没有进行探针测量：在配方中写 `telemetry: probe`（默认值）。",
)
NO_PROBE = Text(
    "The probe was asked for, but the base model or the LoRA was never measured; the notes of the recorder tell why.",
    "要求了探针，但底模或 LoRA 没有被测量；原因见记录器的备注。",
)
NO_HELD_OUT = Text(
    "No picture was held out: `validate.hold_out: auto` in the recipe keeps some back where there are enough.",
    "没有留出图片：配方中写 `validate.hold_out: auto`，图片足够时会留出几张。",
)
TOO_FEW = Text("Fewer than 24 finite losses were recorded.", "记录到的有限损失不足 24 个。")


def measured_charts(
    data: ReportData, window: Window | None, say: Sayer
) -> tuple[list[ChartView | None], list[ChartView | None]]:
    """Return (the probe and the conditioned loss, the charts by timestep); None for one that cannot be drawn."""
    found, losses = probe_curves(data.case), conditioned(data.case)
    first = [
        _probe_chart(data, found, window, say) if found is not None else None,
        _conditioned_chart(losses, say) if losses is not None else None,
    ]
    return first, [_bands_chart(found, say), _gaps_chart(found, say)] if found is not None else [None, None]


def absent_charts(data: ReportData, say: Sayer) -> list[Absent]:
    """Return the charts that are missing, with what is needed for them."""
    seen, found = telemetry(data.case), probe_curves(data.case)
    why: dict[str, Text] = {}
    if seen is None:
        why = dict.fromkeys(TITLES, ENABLE)
    else:
        if found is None:
            lacking = ENABLE_PROBE if seen.mode != "probe" else NO_PROBE
            why |= {"probe": lacking, "bands": lacking, "gaps": lacking}
        elif found.held_out is None or found.train is None:
            why["gaps"] = NO_HELD_OUT
        if conditioned(data.case) is None:
            why["conditioned"] = TOO_FEW
    return [Absent(TITLES[key].to(say.language), why[key].to(say.language)) for key in TITLES if key in why]


def _probe_chart(data: ReportData, found: ProbeCurves, window: Window | None, say: Sayer) -> ChartView:
    curves = [
        _against_base(curve, look, say.text(*name), say)
        for curve, look, name in (
            (found.train, "trend", ("training pictures", "训练图片")),
            (found.held_out, "validation", ("held-out pictures", "留出图片")),
        )
        if curve is not None
    ]
    seen = data.case.observations
    note = say.text(
        "Below 0 % the LoRA beats the base model on the same pictures, timesteps and noise. ",
        "低于 0 % 表示在相同的图片、时间步和噪声上 LoRA 优于底模。",
    ) + _last_values(found, say)
    limits, is_cut = _probe_limits([curve for curve in (found.train, found.held_out) if curve is not None])
    if is_cut:
        note += say.text(
            " A band reaches beyond the axis: so few pictures cannot say more.",
            "区间超出坐标轴：图片太少，无法更精确。",
        )
    plot = Plot(
        "probe",
        say.words(TITLES["probe"].to(say.language), note),
        tuple(curves),
        marks=tuple(save_marks(seen, say.language)) if seen is not None else (),
        shades=window_shades(window, say.language),
        base=(0.0, say.text("base model", "底模")),
        kind="linear",
        span=say.span,
        limits=limits,
        is_firm=True,
        unit=" %",
    )
    return view(plot, note, say)


def _probe_limits(curves: Sequence[ProbeCurve]) -> tuple[tuple[float, float], bool]:
    """Return the vertical range - the curves and the base, and the bands as far as they leave the curves readable - and whether a band was cut."""
    values = [0.0, *(change for curve in curves for change in curve.changes if math.isfinite(change))]
    bounds = [b for curve in curves for b in (*curve.lows, *curve.highs) if math.isfinite(b)]
    low, high = min(values), max(values)
    room = BAND_ROOM * max(high - low, 1.0)
    wanted = min([low, *bounds]), max([high, *bounds])
    kept = max(wanted[0], low - room), min(wanted[1], high + room)
    return _limits(kept), kept != wanted


def _against_base(curve: ProbeCurve, look: str, name: str, say: Sayer) -> Curve:
    jitter = say.text(f"jitter {short_number(curve.late_jitter, 2)}", f"抖动 {short_number(curve.late_jitter, 2)}")
    legend = f"{name} ({len(curve.pictures)})" + (f" · {jitter} %" if math.isfinite(curve.late_jitter) else "")
    is_train = look == "trend"
    return Curve(
        name,
        curve.steps,
        curve.changes,
        "trend" if is_train else "validation",
        lows=curve.lows,
        highs=curve.highs,
        legend=legend,
    )


def _last_values(found: ProbeCurves, say: Sayer) -> str:
    """What the curves end at, and what is noise."""
    train, held = found.train, found.held_out
    told = []
    if train is not None:
        told.append(say.text(f"training {_signed(train.last)}", f"训练 {_signed(train.last)}"))
    if held is not None:
        told.append(say.text(f"held out {_signed(held.last)}", f"留出 {_signed(held.last)}"))
    jitter = max(
        (c.late_jitter for c in (train, held) if c is not None and math.isfinite(c.late_jitter)), default=math.nan
    )
    noise = ""
    if math.isfinite(jitter):
        limit = short_number(JITTERS * jitter, 2)
        noise = say.text(f" Differences below {limit} % are noise.", f"小于 {limit} % 的差异是噪声。")
    last = say.text(f"At the end: {', '.join(told)}.", f"结束时：{'，'.join(told)}。")
    return last + noise + ("" if held is not None else " " + NO_HELD_OUT.to(say.language))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{short_number(value, 3)} %"


def _conditioned_chart(found: Conditioned, say: Sayer) -> ChartView:
    """One point per step and the means of blocks with their 95 % interval, in percent of the run's own average."""
    import numpy as np

    with np.errstate(over="ignore"):
        levels = 100 * np.expm1(found.levels)
    low, high = (float(end) for end in np.quantile(levels, [BEYOND, 1 - BEYOND]))
    blocks = found.blocks
    means = [float(mean) for mean in blocks.means]
    reach = [NORMAL_95 * float(error) for error in blocks.errors]
    lows = [percent(mean - width) for mean, width in zip(means, reach, strict=True)]
    highs = [percent(mean + width) for mean, width in zip(means, reach, strict=True)]
    limits = _limits([low, high, *(end for end in (*lows, *highs) if math.isfinite(end))])
    beyond = int(((levels < limits[0]) | (levels > limits[1])).sum())
    raw = say.text("each step", "逐步")
    mean = say.text("mean of a block of steps, 95 % band", "分块均值及 95 % 区间")
    note = _conditioned_note(found, beyond, say)
    plot = Plot(
        "conditioned",
        say.words(TITLES["conditioned"].to(say.language), note),
        (
            Curve(raw, found.steps.tolist(), levels.tolist(), "raw"),
            Curve(mean, [round(float(s)) for s in blocks.steps], [percent(m) for m in means], "trend", 0, lows, highs),
        ),
        base=(0.0, say.text("the run's own average", "本次训练的平均")),
        kind="linear",
        span=say.span,
        limits=limits,
        unit=" %",
    )
    return view(plot, note, say)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high + 1)


def _conditioned_note(found: Conditioned, beyond: int, say: Sayer) -> str:
    share = 100 * (1 - 1 / found.variance_ratio) if found.variance_ratio > 0 else math.nan
    share_text = f"{share:.0f} %" if math.isfinite(share) else "–"
    note = say.text(
        f"What remains once timestep and picture are taken out: the timestep alone made {share_text} of the scatter. The band falls "
        "where the model learns; two bands that overlap do not differ.",
        f"去除时间步和图片影响后剩下的部分：仅时间步就造成了 {share_text} 的散布。区间下降表示模型在学习；区间重叠则没有差别。",
    )
    if beyond:
        note += say.text(f" Points beyond the axis: {beyond}.", f"超出坐标轴的点：{beyond}。")
    return note


def _bands_chart(found: ProbeCurves, say: Sayer) -> ChartView | None:
    """Change at each timestep at the last probe."""
    pairs = (
        (found.train, "trend", say.text("training pictures", "训练图片")),
        (found.held_out, "validation", say.text("held-out pictures", "留出图片")),
    )
    known = [(curve, look, name) for curve, look, name in pairs if curve is not None and len(curve.timesteps) > 1]
    if not known:
        return None
    curves = tuple(
        Curve(
            name,
            _whole(curve.timesteps),
            [row[-1] for row in curve.bands],
            "trend" if look == "trend" else "validation",
        )
        for curve, look, name in known
    )
    note = say.text(
        "Left: fine detail; right: composition. Where the held-out pictures lie far above the training pictures, that is what was "
        "learned by heart.",
        "左侧：细节；右侧：构图。留出图片远高于训练图片之处，就是被死记的部分。",
    )
    words = say.words(TITLES["bands"].to(say.language), note, "axis_timestep")
    base = (0.0, say.text("base model", "底模"))
    return view(Plot("bands", words, curves, base=base, kind="linear", unit=" %"), note, say)


def _gaps_chart(found: ProbeCurves, say: Sayer) -> ChartView | None:
    """How much worse the held-out pictures are than the training pictures, per timestep, over training."""
    train, held = found.train, found.held_out
    if train is None or held is None or train.steps != held.steps or len(train) < 2:
        return None
    of_held = dict(zip(held.timesteps, held.bands, strict=True))
    common = [(t, row, of_held[t]) for t, row in zip(train.timesteps, train.bands, strict=True) if t in of_held]
    curves = tuple(
        Curve(f"t = {short_number(t)}", train.steps, list(map(_gap, row, other)), "band", tone=n % 5)
        for n, (t, row, other) in enumerate(common)
    )
    note = say.text(
        "How far the held-out pictures lie above the training pictures. A line that climbs while the others stay is learned by heart "
        "at that timestep.",
        "留出图片高出训练图片多少。某条线上升而其他线不变，说明在该时间步上正在死记。",
    )
    words = say.words(TITLES["gaps"].to(say.language), note)
    base = (0.0, say.text("no gap", "无差距"))
    plot = Plot("gaps", words, curves, base=base, kind="linear", span=say.span, unit=" %")
    return view(plot, note, say) if curves else None


def _gap(train: float, held_out: float) -> float:
    return 100 * ((100 + held_out) / (100 + train) - 1) if 100 + train > 0 else math.nan


def _whole(timesteps: Sequence[float]) -> list[float]:
    return [int(t) if float(t).is_integer() else t for t in timesteps]
