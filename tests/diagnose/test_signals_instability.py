from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.diagnose.signals import instability as signals

STEPS = np.arange(1, 2001)


def noise(seed: int, count: int = 2000) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(0, 0.1, count)


def test_white_noise_is_not_dispersed() -> None:
    found = [signals.over_dispersion(noise(seed)) for seed in range(60)]
    ratios = np.array([one.ratio for one in found if one is not None])
    assert ratios.mean() == pytest.approx(1, abs=0.12)
    assert ratios.std() == pytest.approx(found[0].error if found[0] else 0, rel=0.3)
    assert ratios.max() < 3


def test_a_smooth_fall_is_not_dispersed_and_shaking_is() -> None:
    fall = signals.over_dispersion(noise(1) - 0.2 * (1 - np.exp(-STEPS / 400)))
    shaking = signals.over_dispersion(noise(1) + 0.1 * np.repeat(np.random.default_rng(2).normal(size=50), 40))
    assert fall is not None
    assert shaking is not None
    assert fall.ratio < 2
    assert shaking.ratio > 3
    assert shaking.z > 6


def test_dispersion_needs_eight_blocks_and_some_noise() -> None:
    assert signals.over_dispersion(noise(0, 39)) is None
    assert signals.over_dispersion(np.array([])) is None
    constant = signals.over_dispersion(np.ones(200))
    assert constant is not None
    assert constant.ratio == 1
    assert math.isnan(constant.z)
    holes = noise(0)
    holes[::7] = np.nan
    assert signals.over_dispersion(holes) is not None


def test_noise_has_no_spikes() -> None:
    assert [seed for seed in range(50) if signals.find_spikes(STEPS, noise(seed))] == []


def test_a_spike_is_told_with_its_length() -> None:
    levels = noise(3)
    levels[1000] += 2
    levels[1500:1508] += 1.5
    found = signals.find_spikes(STEPS, levels)
    assert [spike.step for spike in found] == [1001, 1501]
    assert found[0].length == 1
    assert 6 <= found[1].length <= 9
    assert found[0].z == pytest.approx(20, rel=0.25)
    assert all(spike.has_recovered for spike in found)


def test_a_level_that_stays_has_not_recovered() -> None:
    levels = noise(4)
    levels[1400:] += 2
    found = signals.find_spikes(STEPS, levels)
    assert abs(found[0].step - 1401) <= 1
    assert not found[0].has_recovered
    assert found[0].length >= signals.LONGEST_SPIKE - 1


def test_spikes_need_some_steps_and_some_noise() -> None:
    assert signals.find_spikes(STEPS[:19], noise(0, 19)) == ()
    assert signals.find_spikes(STEPS[:100], np.ones(100)) == ()


def test_a_spike_at_either_end_is_found() -> None:
    levels = noise(5)
    levels[0] += 3
    levels[-1] += 3
    found = signals.find_spikes(STEPS, levels)
    assert [spike.step for spike in found] == [1, 2000]


def test_the_explained_share_is_that_of_the_sums() -> None:
    steps = np.repeat(np.arange(1, 26), 2)
    draw = np.random.default_rng(0)
    losses, targets = draw.uniform(0.1, 0.5, 50), draw.uniform(0.8, 1.2, 50)
    ends, shares = signals.explained_windows(steps, losses, targets)
    assert ends.tolist() == [10, 20]
    assert shares.tolist() == pytest.approx(
        [1 - losses[a:b].sum() / targets[a:b].sum() for a, b in ((0, 20), (20, 40))]
    )


def test_windows_grow_where_steps_were_not_recorded() -> None:
    ends, shares = signals.explained_windows(np.arange(5, 205, 5), np.full(40, 0.2), np.ones(40))
    assert ends[0] > 40
    assert shares == pytest.approx(0.8)


def test_nothing_is_explained_by_what_is_not_finite() -> None:
    losses = np.full(40, 0.2)
    losses[3] = np.inf
    losses[15] = np.nan
    shares = signals.explained_windows(np.arange(1, 41), losses, np.ones(40))[1]
    assert np.isnan(shares).tolist() == [True, True, False, False]
    assert len(signals.explained_windows(np.arange(1, 41), losses, np.zeros(40))[0]) == 0
    assert len(signals.explained_windows(np.arange(0), losses[:0], losses[:0])[0]) == 0


@pytest.mark.parametrize(
    ("shares", "base", "index"),
    [
        ([0.6, 0.6, 0.0, -0.1, 0.0], 0.65, 2),
        ([0.6, 0.0, 0.6, 0.0, 0.6], 0.65, None),
        ([0.0, 0.0], 0.3, None),
        ([0.0, 0.0], math.nan, 0),
        ([math.nan, math.nan], 0.65, None),
        ([], 0.65, None),
    ],
)
def test_collapse_needs_two_low_windows_and_a_base_that_could_do_better(
    shares: list[float], base: float, index: int | None
) -> None:
    assert signals.collapse_index(shares, base) == index
