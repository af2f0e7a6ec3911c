from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orchestrator.diagnose.signals import trend

few = st.integers(-5, 5).map(float)
numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
series = st.lists(st.one_of(few, numbers), min_size=2, max_size=40)


@given(series)
@settings(deadline=None)
def test_theil_sen_agrees_with_scipy(values: list[float]) -> None:
    ours = trend.theil_sen(range(len(values)), values)
    theirs = stats.theilslopes(values, range(len(values)))
    assert ours.slope == pytest.approx(theirs.slope, abs=1e-12)
    assert ours.intercept == pytest.approx(theirs.intercept, abs=1e-9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low_slope, theirs.high_slope), abs=1e-12)


def test_theil_sen_at_repeated_places_agrees_with_scipy() -> None:
    draw = np.random.default_rng(3)
    x, y = draw.integers(0, 8, 25).astype(float), draw.normal(size=25)
    ours, theirs = trend.theil_sen(x.tolist(), y.tolist()), stats.theilslopes(y, x)
    assert ours.slope == pytest.approx(theirs.slope)
    assert (ours.low, ours.high) == pytest.approx((theirs.low_slope, theirs.high_slope))


@pytest.mark.parametrize("values", [[], [1.0], [math.nan, 1.0], [math.nan] * 5])
def test_a_line_needs_two_values(values: list[float]) -> None:
    assert math.isnan(trend.theil_sen(range(len(values)), values).slope)
    assert math.isnan(trend.mann_kendall(values).p)
    assert trend.is_flat(range(len(values)), values, 1.0) is None


def test_what_is_not_finite_is_left_out() -> None:
    values = [1.0, 2.0, math.nan, 4.0, math.inf, 6.0]
    assert trend.theil_sen(range(6), values).slope == pytest.approx(1.0)
    assert trend.mann_kendall(values).statistic == 6


@given(series.filter(lambda values: len(values) > 2))
@settings(deadline=None)
def test_mann_kendall_is_kendalls_tau_against_time(values: list[float]) -> None:
    ours = trend.mann_kendall(values, least_correlation=math.inf)
    theirs = stats.kendalltau(range(len(values)), values, method="asymptotic")
    if len(set(values)) == 1:
        assert (ours.p, ours.statistic) == (1.0, 0)
        return
    assert ours.tau == pytest.approx(theirs.statistic)
    # scipy's z has no continuity correction: S / sd instead of (|S| - 1) / sd.
    z = stats.norm.isf(theirs.pvalue / 2)
    if theirs.pvalue > 1e-12 and ours.statistic:
        expected = z * (abs(ours.statistic) - 1) / abs(ours.statistic)
        assert abs(ours.z) == pytest.approx(expected, abs=1e-6)
        assert ours.p == pytest.approx(2 * stats.norm.sf(expected), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_mann_kendall_is_near_the_exact_test(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=12) + 0.1 * np.arange(12)
    exact = stats.kendalltau(range(12), values, method="exact").pvalue
    assert trend.mann_kendall(values.tolist(), math.inf).p == pytest.approx(exact, abs=0.01)


def _first_order(draw: np.random.Generator, rho: float, count: int) -> list[float]:
    values = [float(draw.normal())]
    for _ in range(count - 1):
        values.append(rho * values[-1] + math.sqrt(1 - rho * rho) * float(draw.normal()))
    return values


def test_autocorrelated_noise_is_taken_for_a_trend_only_without_the_correction() -> None:
    draw = np.random.default_rng(0)
    runs = [_first_order(draw, 0.6, 50) for _ in range(200)]
    plain = sum(trend.mann_kendall(run, math.inf).p < 0.05 for run in runs) / 200
    corrected = sum(trend.mann_kendall(run).p < 0.05 for run in runs) / 200
    assert plain > 0.2
    assert corrected < 0.65 * plain


def test_white_noise_is_rarely_a_trend_and_a_fall_is() -> None:
    draw = np.random.default_rng(1)
    noise = [draw.normal(size=50) for _ in range(200)]
    assert sum(trend.mann_kendall(run.tolist()).p < 0.05 for run in noise) / 200 < 0.09
    falls = [trend.mann_kendall((run - 0.05 * np.arange(50)).tolist()) for run in noise]
    assert sum(found.p < 0.01 and found.z < 0 for found in falls) / 200 > 0.9


def test_flat_is_said_only_where_it_is_certain() -> None:
    draw = np.random.default_rng(2)
    quiet, loud = 0.01 * draw.normal(size=40), 2.0 * draw.normal(size=40)
    places = range(40)
    assert trend.is_flat(places, quiet.tolist(), 0.1) is True
    assert trend.is_flat(places, loud.tolist(), 0.1) is None
    assert trend.is_flat(places, (quiet - 0.02 * np.arange(40)).tolist(), 0.1) is False


def test_a_trend_is_told_in_percent_with_how_sure_it_is() -> None:
    draw = np.random.default_rng(6)
    noise = 0.01 * draw.normal(size=40)
    fall = trend.trend_of(range(40), (noise - math.log(1.25) * np.arange(40) / 39).tolist(), 2.0)
    assert fall is not None
    assert fall.percent == pytest.approx(-20, abs=1)
    assert fall.low < -20 < fall.high < 0
    assert fall.p < 1e-6
    assert fall.is_flat is False
    still = trend.trend_of(range(40), (0.1 * noise).tolist(), 2.0)
    assert still is not None
    assert (still.is_flat, still.p > 0.01) == (True, True)
    assert trend.trend_of(range(7), [0.0] * 7, 2.0) is None


def test_autocorrelation_agrees_with_numpy() -> None:
    values = np.random.default_rng(4).normal(size=80)
    centred = values - values.mean()
    expected = np.correlate(centred, centred, "full")[79 + 3] / (centred**2).sum()
    assert trend.autocorrelation(values.tolist(), 3) == pytest.approx(float(expected))
    assert math.isnan(trend.autocorrelation([1.0, 1.0, 1.0, 1.0]))
    assert math.isnan(trend.autocorrelation([1.0, 2.0]))


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trend.theil_sen([1, 1, 1], [1, 2, 3])
        trend.mann_kendall([1.0] * 10)
