from __future__ import annotations

import math
import random
import re
import time
from array import array
from typing import TYPE_CHECKING

import pytest

from orchestrator.report.charts import HEIGHT, LEFT, RIGHT, WIDTH
from orchestrator.report.charts import draw as draw_plot
from orchestrator.report.plot import Curve, Mark, Plot, Shade, Words, columns, reduced
from orchestrator.report.scales import choose_kind, make_scale, step_ticks, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.report.scales import Kind

KINDS: tuple[Kind, ...] = ("linear", "log")
WORDS = Words("Loss", "what it shows", "step", "not finite")


def draw(curves: Sequence[Curve], marks: Sequence[Mark] = (), words: Words = WORDS, name: str = "loss") -> str:
    return picture(Plot(name, words, tuple(curves), tuple(marks)))


def picture(plot: Plot) -> str:
    return str(draw_plot(plot, [(curve, reduced(curve)) for curve in plot.curves if len(curve.steps)]))


def raw(values: Sequence[float]) -> Curve:
    return Curve("loss", array("q", range(1, len(values) + 1)), array("d", values), "raw")


def test_every_extreme_survives_the_reduction() -> None:
    chance = random.Random(1)
    values = [chance.random() for _ in range(50_000)]
    values[777], values[40_001] = 99.0, -5.0
    found = columns(range(1, 50_001), values, 600)
    assert max(c.high for c in found) == 99.0
    assert min(c.low for c in found) == -5.0
    assert len(found) == 600
    edge = [c for c in found if c.high == 99.0]
    assert abs(edge[0].step - 778) <= 50_000 / 600


def test_columns_agree_with_a_plain_loop() -> None:
    chance = random.Random(2)
    steps = sorted(chance.sample(range(1, 10_000), 3000))
    values = [chance.choice([chance.random(), math.nan, math.inf, 1e308]) for _ in steps]
    found = columns(steps, values, 100)
    assert sum(c.nonfinite for c in found) == sum(not math.isfinite(v) for v in values)
    first, span = steps[0], steps[-1] - steps[0]
    for index in range(100):
        low, high = first + span * index / 100, first + span * (index + 1) / 100
        part = [v for s, v in zip(steps, values, strict=True) if low <= s < high and math.isfinite(v)]
        if part:
            assert any(c.low == min(part) and c.high == max(part) for c in found)


def test_each_nan_leaves_a_mark_and_a_count() -> None:
    values = [0.1] * 3000
    values[1500], values[2000] = math.nan, -math.inf
    svg = draw([raw(values)], [], WORDS, "loss")
    assert "loss: 2 not finite" in svg
    marks = re.search(r'<path class="nan" d="([^"]*)"', svg)
    assert marks is not None
    assert marks[1].count("M") == 2


def test_a_line_is_not_drawn_across_nan() -> None:
    values = [1.0, 2.0, math.nan, 2.0, 1.0]
    svg = draw([Curve("lr", range(5), values, "lr")], [], WORDS, "lr")
    path = re.search(r'<path class="lr tone0" d="([^"]*)"', svg)
    assert path is not None
    assert path[1].count("M") == 2


@pytest.mark.parametrize(
    "values", [[], [0.0], [0.0, 0.0], [math.nan], [1e-300, 1e300], [-1e300, 1e300], [5e-324] * 3, [1e308, -1e308]]
)
def test_odd_series_are_drawn_without_nonsense(values: list[float]) -> None:
    svg = draw([raw(values)], [Mark(1, "saved")], WORDS, "loss")
    numbers = [float(n) for n in re.findall(r'[MHV ](-?[\d.]+)(?=[ "HVhvL])', svg)]
    assert "nan" not in re.sub(r"class=\"nan\"|NaN|not finite", "", svg)
    assert "inf" not in svg.replace("not finite", "").replace("Inf", "")
    assert all(-10 <= number <= max(WIDTH, HEIGHT) + 10 for number in numbers)


def test_points_lie_inside_the_frame_in_order() -> None:
    svg = draw([raw([0.1, 0.5, 0.3])], [], WORDS, "loss")
    path = re.search(r'class="raw tone0" d="([^"]*)"', svg)
    assert path is not None
    points = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path[1])]
    assert points[0][0] == LEFT
    assert points[-1][0] == WIDTH - RIGHT
    assert points[1][1] < points[2][1] < points[0][1]  # the larger, the higher


@pytest.mark.parametrize(
    ("low", "high", "kind"), [(0.01, 1.0, "log"), (0.1, 0.2, "linear"), (0.0, 1e-4, "linear"), (-1.0, 100.0, "linear")]
)
def test_axis_follows_the_data(low: float, high: float, kind: str) -> None:
    assert choose_kind([low, high]) == kind


def test_labels_of_small_learning_rates() -> None:
    assert [text for _, text in ticks(make_scale("linear", [0.0, 1e-4], 0, 1), 5)] == [
        "0",
        "2.5e-5",
        "5e-5",
        "7.5e-5",
        "1e-4",
    ]


def test_labels_of_near_values_differ() -> None:
    labels = [text for _, text in ticks(make_scale("linear", [0.17123, 0.17136], 0, 1), 5)]
    assert len(set(labels)) == len(labels) >= 3


def test_rounding_is_drawn_flat() -> None:
    scale = make_scale("linear", [0.16672231, 0.16672233], 0, 100)
    assert abs(scale.place(0.16672233) - scale.place(0.16672231)) < 0.1
    assert max(len(text) for _, text in ticks(scale, 5)) <= 7


def test_ticks_are_few_and_inside() -> None:
    chance = random.Random(3)
    for _ in range(300):
        low = 10 ** chance.uniform(-12, 6)
        values = [low, low * 10 ** chance.uniform(0, 12)]
        for kind in KINDS:
            scale = make_scale(kind, values, 0, 1)
            found = ticks(scale, 5)
            assert 1 <= len(found) <= 12
            assert all(scale.low <= value <= scale.high for value, _ in found)
            assert len({text for _, text in found}) == len(found)


def test_step_ticks_are_whole() -> None:
    assert step_ticks(1, 4, 8) == [1, 2, 3, 4]
    assert step_ticks(5, 5, 8) == [5]
    assert step_ticks(0, 1600, 8)[-1] == 1600


def test_save_points_are_marked_and_thinned() -> None:
    marks = [Mark(step, f"saved {step}", is_main=step == 400) for step in range(10, 401, 10)]
    svg = draw([raw([0.1] * 400)], marks, WORDS, "loss")
    assert svg.count('class="save') == 40
    assert svg.count('class="save main"') == 1
    assert svg.count('<text class="mark"') <= 10
    assert ">400</text>" in svg


def test_text_of_others_is_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    words = Words(evil, evil, evil, evil)
    svg = draw([Curve(evil, [1, 2], [math.nan, 1.0], "raw")], [Mark(1, evil)], words, "x")
    assert "<script" not in svg
    assert '"><' not in svg.replace('"><path', "").replace('"><title', "").replace('"><text', "").replace('"><desc', "")


def test_an_interval_is_an_area_with_gaps_where_it_is_unknown() -> None:
    nan = math.nan
    curve = Curve(
        "held out",
        [1, 2, 3, 4, 5],
        [0.0, -1, -2, -3, -4],
        "validation",
        lows=[-1, -2, nan, -4, -5],
        highs=[1, 0, nan, -2, -3],
    )
    svg = picture(Plot("probe", WORDS, (curve,), base=(0.0, "base <model>"), unit=" %"))
    area = re.search(r'<path class="area validation tone0" d="([^"]*)"', svg)
    assert area is not None
    assert (area[1].count("M"), area[1].count("Z")) == (2, 2)
    assert "base &lt;model&gt;" in svg
    assert re.search(r'text-anchor="end">-?\d+ %</text>', svg)


def test_a_window_of_one_step_can_be_seen() -> None:
    plot = Plot("probe", WORDS, (raw([0.1] * 400),), shades=(Shade(100, 200, "files"), Shade(300, 300, "one")))
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', picture(plot))]
    assert widths[0] == pytest.approx(100 / 399 * (WIDTH - LEFT - RIGHT), abs=0.1)
    assert widths[1] == 4


def test_what_lies_beyond_the_limits_is_drawn_at_the_edge() -> None:
    svg = picture(Plot("loss", WORDS, (raw([0.1, 0.2, 50.0, 0.1]),), limits=(0.0, 0.3), kind="linear"))
    path = re.search(r'class="raw tone0" d="([^"]*)"', svg)
    assert path is not None
    heights = [float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h0", path[1])]
    assert min(heights) >= 0
    assert heights[2] == min(heights)
    assert heights[0] - heights[1] > 40  # 0.1 and 0.2 are still apart


def test_two_hundred_thousand_points_are_quick() -> None:
    chance = random.Random(4)
    curve = raw([chance.random() for _ in range(200_000)])
    begin = time.process_time()
    svg = draw([curve])
    assert time.process_time() - begin < 0.3  # 0.03 s on a quiet 2-core machine
    assert len(svg) < 120_000
