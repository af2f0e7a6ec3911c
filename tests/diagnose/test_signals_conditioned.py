from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orchestrator.core.telemetry import SampleLosses
from orchestrator.diagnose.signals import conditioned as signals
from orchestrator.diagnose.signals.instability import explained_windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.diagnose.signals.conditioned import Conditioned


def epsilon(t: Any) -> Any:
    """Return a falling curve over a hundredfold range, like a noise-predicting model's."""
    return np.log(0.004 + 0.5 * np.exp(-t / 180))


def flow(t: Any) -> Any:
    """Return a curve that falls and rises again, like a flow model's."""
    return np.log(0.15 + 0.6 * (t / 1000 - 0.45) ** 2)


def samples(
    count: int = 1000,
    batch: int = 2,
    *,
    curve: Callable[[Any], Any] = epsilon,
    level: Callable[[Any], Any] = lambda share: 0 * share,
    effects: Any = (0.0,),
    noise: float = 0.18,
    seed: int = 0,
) -> SampleLosses:
    """Return `count` steps of `batch` samples: curve(t) + level(share of the run) + picture effect + noise."""
    draw = np.random.default_rng(seed)
    steps = np.repeat(np.arange(1, count + 1), batch)
    t = draw.uniform(1, 999, len(steps))
    pictures = draw.integers(0, len(effects), len(steps))
    logs = curve(t) + level(steps / count) + np.asarray(effects)[pictures] + noise * draw.normal(size=len(steps))
    return SampleLosses(
        array("q", steps.tolist()),
        array("d", t.tolist()),
        array("d", np.exp(logs).tolist()),
        array("d", [1.0] * len(steps)),
        array("q", pictures.tolist()),
    )


def must(found: Conditioned | None) -> Conditioned:
    assert found is not None
    return found


@pytest.mark.parametrize("curve", [epsilon, flow])
def test_the_curve_is_found_whatever_its_shape(curve: Callable[[Any], Any]) -> None:
    found = must(signals.condition(samples(curve=curve)))
    t = np.linspace(20, 980, 30)
    np.testing.assert_allclose(found.curve.at(t), curve(t), atol=0.06)
    assert found.curve.noise == pytest.approx(0.18, rel=0.06)


def test_the_timestep_was_almost_all_of_the_noise() -> None:
    assert must(signals.condition(samples())).variance_ratio > 40


def test_outliers_do_not_bend_the_curve() -> None:
    plain, hit = samples(), samples()
    for index in range(0, len(hit), 12):
        hit.losses[index] *= 30
    t = np.linspace(20, 980, 30)
    clean, bent = must(signals.condition(plain)).curve, must(signals.condition(hit)).curve
    np.testing.assert_allclose(clean.at(t), bent.at(t), atol=0.05)


def test_a_fall_that_raw_losses_hide_is_seen() -> None:
    hidden = samples(600, level=lambda share: -0.05 * share, seed=1)
    change = signals.level_change(must(signals.condition(hidden)))
    assert change.percent == pytest.approx(-4, abs=2)
    assert change.high < 0


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_a_run_without_change_holds_nothing(seed: int) -> None:
    change = signals.level_change(must(signals.condition(samples(400, seed=seed))), z=3.3)
    assert change.low < 0 < change.high


def test_pictures_are_taken_out_of_the_levels() -> None:
    effects = [-0.4, -0.2, 0.0, 0.2, 0.4]
    found = must(signals.condition(samples(1500, 1, effects=effects, noise=0.1)))
    assert [found.effects[i] - found.effects[2] for i in range(5)] == pytest.approx(effects, abs=0.05)
    assert float(found.levels.std()) == pytest.approx(0.1, rel=0.1)
    assert float(found.residuals.std()) > 0.25


def test_an_unknown_picture_has_no_effect() -> None:
    told = samples(200, effects=[-0.5, 0.5])
    for index in range(len(told)):
        told.pictures[index] = -1
    found = must(signals.condition(told))
    assert found.effects == {}
    np.testing.assert_allclose(found.levels, found.residuals.reshape(-1, 2).mean(axis=1))


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    told = samples(100)
    told.losses[0], told.losses[1], told.losses[2], told.timesteps[7] = math.nan, math.inf, 0.0, math.nan
    found = must(signals.condition(told))
    assert found.left_out == 4
    assert found.steps[0] == 2
    assert found.counts.sum() == 196


@pytest.mark.parametrize("count", [0, 1, 11])
def test_too_few_samples_have_no_curve(count: int) -> None:
    assert signals.condition(samples(count)) is None


def test_constant_losses_and_a_single_timestep() -> None:
    same = samples(50)
    for index in range(len(same)):
        same.losses[index], same.timesteps[index] = 0.3, 500.0
    found = must(signals.condition(same))
    assert found.curve.noise == 0
    np.testing.assert_allclose(found.levels, 0, atol=1e-8)


def test_a_restricted_range_of_timesteps_is_fitted_within() -> None:
    told = samples(500)
    for index in range(len(told)):
        t = 400 + told.timesteps[index] / 5
        told.timesteps[index], told.losses[index] = t, math.exp(float(flow(t)))
    found = must(signals.condition(told))
    assert (found.curve.low, found.curve.high) == pytest.approx((400, 600), abs=2)
    assert found.curve.at(np.array([0.0])) == pytest.approx(found.curve.at(np.array([found.curve.low])))


def test_samples_of_several_ranks_may_come_out_of_order() -> None:
    told = samples(300, effects=[-0.1, 0.1])
    order = np.random.default_rng(5).permutation(len(told))
    mixed = SampleLosses(
        array("q", np.array(told.steps)[order].tolist()),
        array("d", np.array(told.timesteps)[order].tolist()),
        array("d", np.array(told.losses)[order].tolist()),
        array("d", np.array(told.targets)[order].tolist()),
        array("q", np.array(told.pictures)[order].tolist()),
    )
    np.testing.assert_allclose(must(signals.condition(mixed)).levels, must(signals.condition(told)).levels, atol=1e-4)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50))
@settings(deadline=None)
def test_the_robust_spread_agrees_with_scipy(values: list[float]) -> None:
    expected = stats.median_abs_deviation(values) * 1.4826
    assert signals.robust_spread(np.array(values)) == pytest.approx(expected)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(0, 99))
@settings(deadline=None)
def test_step_means_are_plain_means(repeats: list[int], seed: int) -> None:
    steps = np.repeat(np.arange(len(repeats)) * 3, repeats)
    values = np.random.default_rng(seed).normal(size=len(steps))
    at, means, counts = signals.step_means(steps, values)
    assert at.tolist() == [3 * i for i in range(len(repeats))]
    assert counts.tolist() == repeats
    assert means.tolist() == pytest.approx([float(values[steps == s].mean()) for s in at])


def test_blocks_cover_the_run() -> None:
    steps, levels = np.arange(1, 1001), np.random.default_rng(0).normal(size=1000)
    blocks = signals.block_means(steps, levels)
    assert len(blocks) == 60
    assert float(blocks.means @ [len(p) for p in np.array_split(levels, 60)]) == pytest.approx(float(levels.sum()))
    assert blocks.errors.mean() == pytest.approx(1 / math.sqrt(1000 / 60), rel=0.1)
    assert len(signals.block_means(steps[:12], levels[:12])) == 2
    assert len(signals.block_means(steps[:1], levels[:1])) == 1
    assert len(signals.block_means(steps[:0], levels[:0])) == 0


def test_numbers_that_cannot_be_cost_neither_memory_nor_time() -> None:
    told = samples(100, effects=[-0.1, 0.1])
    told.pictures[0], told.timesteps[1], told.timesteps[2], told.steps[-1] = 10**15, 1e308, -5.0, 10**17
    found = must(signals.condition(told))
    assert found.left_out == 2
    assert 10**15 in found.effects
    assert found.steps[-1] == 10**17
    steps, losses = np.array(told.steps), np.array(told.losses)
    assert len(explained_windows(steps[::-1], losses, np.ones(200))[0]) <= 20
