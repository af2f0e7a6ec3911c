from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.diagnose.signals.jitter import LEAST_JITTER, is_better, late_noise, neighbour_noise
from tests.diagnose.recorded import approach, shaken


def _noise(values: list[float]) -> float:
    return neighbour_noise(range(100, 100 * len(values) + 1, 100), values)


def test_jitter_measures_noise_and_no_line() -> None:
    draw = np.random.default_rng(0)
    steps = np.sort(draw.choice(100_000, 4000, replace=False)).tolist()
    line = [0.01 * step for step in steps]
    noise = draw.normal(0, 0.3, 4000).tolist()
    assert neighbour_noise(steps, line) == pytest.approx(0, abs=1e-9)
    assert neighbour_noise(steps, [a + b for a, b in zip(line, noise, strict=True)]) == pytest.approx(0.3, rel=0.05)
    assert math.isnan(neighbour_noise([1, 2], [1.0, 2.0]))
    assert math.isnan(neighbour_noise([1, 2, 3], [1.0, math.nan, 2.0]))


def test_it_is_blind_to_a_single_jump_and_to_the_first_fall() -> None:
    assert _noise([0.0] * 6 + [5.0] * 6) < 0.01
    assert _noise(approach(-8.0, rate=8)) < 0.3
    # Up and down by 1: each lies 2 from the line through its neighbours, whose own noise makes that sqrt(1.5) deviations.
    assert _noise(shaken([3.0] * 12, 1.0)) == pytest.approx(1.4826 * 2 / math.sqrt(1.5), rel=1e-6)


def test_what_the_schedule_did_is_no_noise() -> None:
    steps, values = list(range(100, 1300, 100)), [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    assert neighbour_noise(steps[:3], values[:3]) > 1
    assert neighbour_noise(steps[:7], values, jumps=(250,)) == 0.0
    assert math.isnan(neighbour_noise(steps[:3], values[:3], jumps=(250,)))


def test_the_end_counts_but_not_less_than_a_third_of_all() -> None:
    calm_end = [*shaken([0.0] * 8, 1.0), *[0.0] * 10]
    steps = range(100, 100 * len(calm_end) + 1, 100)
    assert late_noise(steps, calm_end) == pytest.approx(max(_noise(calm_end) / 3, LEAST_JITTER))
    assert late_noise(range(12), [0.0] * 12) == LEAST_JITTER
    assert math.isnan(late_noise([1, 2], [0.0, 0.0]))


def test_learned_is_more_than_three_jitters() -> None:
    assert is_better(-1.0, 0.3)
    assert not is_better(-0.9, 0.31)
    assert not is_better(1.0, 0.1)
    assert not is_better(-1.0, math.nan)
