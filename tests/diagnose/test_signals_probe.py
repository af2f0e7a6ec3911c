from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from orchestrator.core.telemetry import Probe
from orchestrator.diagnose.signals import probe as signals

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMESTEPS = (100.0, 500.0, 900.0)
BASE = ((0.5, 0.1, 0.01), (0.6, 0.2, 0.02), (0.4, 0.15, 0.03))


def probe(step: int, factors: Sequence[Sequence[float]] | float, *, on: bool = True) -> Probe:
    """Return a probe whose losses are the base's times one factor, or one factor per picture and timestep."""
    rows = factors if not isinstance(factors, (int, float)) else [[factors] * 3] * 3
    losses = tuple(tuple(b * f for b, f in zip(base, row, strict=True)) for base, row in zip(BASE, rows, strict=True))
    return Probe(step, on, "train" if on else "start", TIMESTEPS, (0, 1, 2), losses, ((1.0,) * 3,) * 3)


def curve(*changes: float, every: int = 10) -> signals.ProbeCurve:
    """Return the curve of probes that all lie `changes` percent from the base."""
    later = [probe((n + 1) * every, 1 + change / 100) for n, change in enumerate(changes)]
    found = signals.probe_curve([probe(0, 1.0, on=False), *later], {0, 1, 2})
    assert found is not None
    return found


def test_a_change_is_told_in_percent_of_the_base() -> None:
    found = curve(-1.0, -3.0, -5.0, -4.0)
    assert found.steps == (10, 20, 30, 40)
    assert found.changes == pytest.approx((-1, -3, -5, -4))
    assert (found.best, found.best_step, found.last) == pytest.approx((-5, 30, -4))
    assert found.rebound == pytest.approx(100 * (0.96 / 0.95 - 1))
    assert found.is_best_near_end
    assert found.lows == pytest.approx(found.changes)


def test_every_picture_and_timestep_weighs_the_same() -> None:
    rows = [[0.5, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]
    found = signals.probe_curve([probe(0, 1.0, on=False), probe(10, rows)], {0, 1, 2})
    assert found is not None
    assert found.changes[0] == pytest.approx(0)
    assert [row[0] for row in found.bands] == pytest.approx([100 * (0.5 ** (1 / 3) - 1), 0, 100 * (2 ** (1 / 3) - 1)])
    assert [row[0] for row in found.by_picture] == pytest.approx(
        [100 * (0.5 ** (1 / 3) - 1), 0, 100 * (2 ** (1 / 3) - 1)]
    )
    assert found.lows[0] < -15 < 15 < found.highs[0]


def test_sets_of_pictures_are_told_apart() -> None:
    rows = [[0.9] * 3, [0.9] * 3, [1.1] * 3]
    probes = [probe(0, 1.0, on=False), probe(10, rows)]
    train, held = signals.probe_curve(probes, {0, 1}), signals.probe_curve(probes, {2})
    assert train is not None
    assert held is not None
    assert train.last == pytest.approx(-10)
    assert held.last == pytest.approx(10)
    assert math.isnan(held.lows[0])
    assert signals.band_gaps(train, held) == pytest.approx(dict.fromkeys(TIMESTEPS, 100 * (1.1 / 0.9 - 1)))
    assert signals.probe_curve(probes, {7}) is None


def test_without_a_base_or_without_the_lora_there_is_no_curve() -> None:
    assert signals.probe_curve([probe(10, 0.9)], {0, 1, 2}) is None
    assert signals.probe_curve([probe(0, 1.0, on=False)], {0, 1, 2}) is None
    assert signals.probe_curve([], {0}) is None


def test_two_measurements_of_the_base_are_compared() -> None:
    assert signals.base_drift([probe(0, 1.0, on=False), probe(90, 1.0, on=False)]) == 0
    assert signals.base_drift([probe(0, 1.0, on=False), probe(90, 1.02, on=False)]) == pytest.approx(2)
    assert math.isnan(signals.base_drift([probe(0, 1.0, on=False)]))
    means = signals.base_losses([probe(0, 1.0, on=False), probe(90, 1.21, on=False)])
    assert means[0, 100.0] == pytest.approx(0.55)


def test_the_base_explains_what_it_explains() -> None:
    expected = 1 - sum(map(sum, BASE)) / 9
    assert signals.base_share([probe(0, 1.0, on=False), probe(5, 9.0)]) == pytest.approx(expected)
    assert math.isnan(signals.base_share([probe(5, 9.0)]))
    not_wholly_off = probe(90, 9.0, on=False)
    assert signals.base_share([probe(0, 1.0, on=False), not_wholly_off]) == pytest.approx(expected)
    one_lost = replace(probe(0, 1.0, on=False), losses=((math.nan, *BASE[0][1:]), *BASE[1:]))
    known = sum(map(sum, BASE)) - BASE[0][0]
    assert signals.base_share([one_lost]) == pytest.approx(1 - known / 8)


def test_a_loss_that_is_not_finite_makes_its_step_unknown() -> None:
    found = curve(-1.0, math.nan, -2.0, math.inf)
    assert found.changes[0] == pytest.approx(-1)
    assert math.isnan(found.changes[1])
    assert found.best == pytest.approx(-2)
    assert found.best_step == 30
    assert math.isnan(found.rebound)
    assert math.isnan(found.last)
    assert not found.has_learned
    lost = curve(math.nan, math.nan)
    assert math.isnan(lost.best)
    assert lost.best_step == 0


def test_only_what_every_probe_holds_is_compared() -> None:
    fewer = Probe(20, True, "train", (100.0, 500.0), (0, 1), ((0.45, 0.09), (0.54, 0.18)), ((1.0, 1.0),) * 2)  # noqa: FBT003
    found = signals.probe_curve([probe(0, 1.0, on=False), probe(10, 0.8), fewer], {0, 1, 2})
    assert found is not None
    assert (found.timesteps, found.pictures) == ((100.0, 500.0), (0, 1))
    assert found.changes == pytest.approx((-20, -10))
    again = signals.probe_curve([probe(0, 1.0, on=False), probe(10, 0.8), probe(10, 0.9)], {0})
    assert again is not None
    assert again.changes == pytest.approx((-10,))


def test_a_curve_is_held_against_the_jitter_of_its_end() -> None:
    fast = curve(*[-5 * (1 - math.exp(-n)) for n in range(1, 13)])
    assert fast.late_jitter == 0.01 > fast.jitter
    assert fast.has_learned
    assert not curve(-0.1, 0.2, -0.2, 0.1, -0.1).has_learned


@pytest.mark.parametrize("count", [2, 4, 8, 16])
def test_the_interval_covers_the_truth_as_often_as_it_says(count: int) -> None:
    low, high = signals.picture_interval(np.random.default_rng(count).normal(size=(count, 2000)))
    assert float(((low < 0) & (high > 0)).mean()) == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_few_pictures_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).normal(size=(4, 1))
    low, high = signals.picture_interval(values)
    expected = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.95)
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_the_bootstrap_agrees_with_scipy_on_many_pictures() -> None:
    values = np.random.default_rng(1).exponential(size=(300, 1))
    low, high = signals.picture_interval(values)
    theirs = stats.bootstrap((values[:, 0],), np.mean, rng=np.random.default_rng(3)).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_a_loss_beyond_all_numbers_is_infinite_percent() -> None:
    assert signals.percent(1e6) == math.inf
    assert signals.percent(0.0) == 0


def test_a_base_that_became_nan_at_the_end_leaves_the_one_at_the_start() -> None:
    start = Probe(0, False, "start", (100.0,), (0,), ((0.5,),), ((1.0,),))  # noqa: FBT003
    end = Probe(9, False, "end", (100.0,), (0,), ((math.nan,),), ((1.0,),))  # noqa: FBT003
    assert signals.base_losses([start, end]) == {(0, 100.0): pytest.approx(0.5)}
    assert signals.base_losses([end]) == {}
