from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.number_text import short_number
from orchestrator.diagnose.course import shaken
from orchestrator.diagnose.facts import significant
from orchestrator.diagnose.measured import conditioned, probe_curves
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.report.chart_view import thinned
from orchestrator.report.charts_shown import all_charts
from orchestrator.report.interactive import json_block
from orchestrator.report.run_facts import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.telemetry import Telemetry
    from orchestrator.report.chart_view import ChartView
    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]


def charts(data: ReportData) -> dict[str, ChartView]:
    window = checkpoint_window(data.case, data.verdict)
    return {chart.name: chart for chart in all_charts(data, window, "en", str).shown}


def told_by(data: ReportData) -> Telemetry:
    assert data.case.observations is not None
    assert data.case.observations.telemetry is not None
    return data.case.observations.telemetry


def with_telemetry(data: ReportData, telemetry: Telemetry) -> ReportData:
    assert data.case.observations is not None
    seen = replace(data.case.observations, telemetry=telemetry)
    return replace(data, case=replace(data.case, observations=seen, cache={}))


def test_the_probe_is_shown_as_it_was_measured(make_recorded: Make) -> None:
    data = make_recorded()
    found = probe_curves(data.case)
    assert found is not None
    assert found.train is not None
    assert found.held_out is not None
    shown = charts(data)["probe"].data
    train, held = shown["series"]
    assert train["x"] == list(found.train.steps)
    assert train["y"] == pytest.approx(list(found.train.changes), rel=1e-5)
    assert held["lo"] == pytest.approx(list(found.held_out.lows), rel=1e-5)
    assert shown["base"] == [0.0, "base model"]
    assert shown["unit"] == " %"
    ((start, end, _),) = shown["shades"]
    window = checkpoint_window(data.case, data.verdict)
    assert window is not None
    assert (start, end) == (window.candidates[0].step, window.candidates[-1].step)


def test_chart_note_finding_and_comparison_speak_of_one_jitter(make_recorded: Make) -> None:
    data = make_recorded()
    found = probe_curves(data.case)
    assert found is not None
    assert found.train is not None
    assert found.held_out is not None
    jitters = (found.train.late_jitter, found.held_out.late_jitter)
    chart = charts(data)["probe"]
    legend = [item.text for item in chart.legend][:2]
    assert all(f"jitter {short_number(one, 2)} %" in text for text, one in zip(legend, jitters, strict=True))
    assert f"below {short_number(3 * max(jitters), 2)} % are noise" in chart.note
    shown = shaken(found.held_out).value
    assert shown == significant(jitters[1], 2)
    assert measure(data.case, data.verdict).results["jitter"] == jitters[1]


def test_the_note_tells_the_ends_and_what_is_noise(make_recorded: Make) -> None:
    note = charts(make_recorded())["probe"].note
    assert "At the end: training -14.1 %, held out" in note
    assert "held out" in note
    assert "are noise" in note


def test_without_held_out_pictures_the_chart_says_so(make_recorded: Make) -> None:
    data = make_recorded()
    telemetry = told_by(data)
    pictures = tuple(replace(picture, is_held_out=False) for picture in telemetry.pictures)
    shown = charts(with_telemetry(data, replace(telemetry, pictures=pictures)))
    assert "validate.hold_out: auto" in shown["probe"].note
    assert "gaps" not in shown
    assert len(shown["bands"].data["series"]) == 1


def test_a_band_of_two_pictures_does_not_hide_the_curves(make_recorded: Make) -> None:
    data = make_recorded()
    telemetry = told_by(data)
    # One held-out picture is 30 times as bad: with two, the 95 % interval reaches far beyond both.
    probes = tuple(
        replace(probe, losses=(*probe.losses[:3], tuple(30 * loss for loss in probe.losses[3])))
        if probe.is_on
        else probe
        for probe in telemetry.probes
    )
    chart = charts(with_telemetry(data, replace(telemetry, probes=probes)))["probe"]
    low, high = chart.data["limits"]
    values = [value for one in chart.data["series"] for value in one["y"]]
    assert max(one["hi"][-1] for one in chart.data["series"]) > high
    assert low <= min(values) <= max(values) <= high
    assert high - low <= 2.5 * (max(*values, 0) - min(*values, 0))
    assert "beyond the axis" in chart.note


def test_gaps_compare_what_was_measured_at_the_same_time(make_recorded: Make) -> None:
    data = make_recorded()
    found = probe_curves(data.case)
    assert found is not None
    lines = charts(data)["gaps"].data["series"]
    assert [line["n"] for line in lines] == [f"t = {t}" for t in (100, 300, 500, 700, 900)]
    for line, gap in zip(lines, found.gaps.values(), strict=True):
        assert line["y"][-1] == pytest.approx(gap, rel=1e-5)


def test_conditioned_points_are_percent_of_the_run_s_own_average(make_recorded: Make) -> None:
    data = make_recorded()
    found = conditioned(data.case)
    assert found is not None
    raw, mean = charts(data)["conditioned"].data["series"]
    assert raw["y"][10] == pytest.approx(100 * math.expm1(float(found.levels[10])), rel=1e-4)
    for low, value, high in zip(mean["lo"], mean["y"], mean["hi"], strict=True):
        assert low <= value <= high
    assert mean["y"][0] > 0 > mean["y"][-1]  # the loss fell by a fifth


def test_nan_in_the_probe_leaves_a_gap(make_recorded: Make) -> None:
    data = make_recorded()
    telemetry = told_by(data)
    probes = tuple(
        replace(probe, losses=((math.nan,) * 5,) * 4) if probe.step == 200 and probe.is_on else probe
        for probe in telemetry.probes
    )
    chart = charts(with_telemetry(data, replace(telemetry, probes=probes)))["probe"]
    train = chart.data["series"][0]
    assert train["y"][4] is None
    assert train["bad"] == [200]
    json_block({"charts": [chart.data]})  # raises where a number is not finite


def test_step_sizes_of_an_adaptive_optimizer_are_drawn(make_recorded: Make) -> None:
    data = make_recorded()
    assert charts(data)["step-size"].data["series"][0]["n"] == "d, group 0"
    plain = replace(told_by(data), steps=replace(told_by(data).steps, ds=()))
    assert "step-size" not in charts(with_telemetry(data, plain))


def test_the_rate_comes_from_telemetry_where_the_trainer_logged_none(make_recorded: Make) -> None:
    data = make_recorded()
    assert data.case.observations is not None
    series = {tag: one for tag, one in data.case.observations.series.items() if not tag.startswith("lr")}
    case = replace(data.case, observations=replace(data.case.observations, series=series), cache={})
    assert charts(replace(data, case=case))["lr"].data["series"][0]["n"] == "group 0"


def test_ten_thousand_points_are_told_to_be_bars(make_data: Make) -> None:
    chart = charts(make_data(10_000))["loss"]
    raw, trend = chart.data["series"]
    assert "y" not in raw
    assert len(raw["lo"]) == len(raw["hi"]) == 696
    assert chart.aside.startswith("10,000 points are shown as 696 bars")
    assert "y" in trend
    assert charts(make_data(400))["loss"].aside == ""


def test_a_table_of_numbers_keeps_both_ends(make_recorded: Make) -> None:
    for name, chart in charts(make_recorded()).items():
        rows = chart.table.rows
        assert 1 < len(rows) <= 24, name
        assert all(len(row) == len(chart.table.heads) for row in rows)
        assert bool(chart.table.note) == (len(rows) == 24), name
    assert thinned(list(range(1000)), 24)[0] == 0
    assert thinned(list(range(1000)), 24)[-1] == 999
    assert len(set(thinned(list(range(25)), 24))) == 24


@pytest.mark.parametrize(
    "values", [[0.5] * 40, [0.0] * 40, [1e-300] * 40, [1e300] * 40, [math.nan] * 40, [math.inf] * 40]
)
def test_odd_losses_are_drawn_or_told(make_recorded: Make, values: list[float]) -> None:
    data = make_recorded()
    telemetry = told_by(data)
    samples = replace(
        telemetry.samples,
        steps=array("q", range(1, 41)),
        timesteps=array("d", [20.0 * n for n in range(40)]),
        losses=array("d", values),
        targets=array("d", [1.0] * 40),
        pictures=array("q", [n % 3 for n in range(40)]),
    )
    broken = with_telemetry(data, replace(telemetry, samples=samples))
    found = all_charts(broken, None, "en", str)
    is_drawn = "conditioned" in {chart.name for chart in found.shown}
    assert is_drawn == (math.isfinite(values[0]) and values[0] > 0)
    assert is_drawn or "24 finite losses" in found.absent[0].why
    json_block({"charts": [chart.data for chart in found.shown]})
