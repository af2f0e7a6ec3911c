from __future__ import annotations

from statistics import mean, pstdev

import numpy as np
import pytest

from orchestrator.diagnose.signals.staircase import staircase


def _steps(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(1, count + 1, dtype=np.int64)


def test_the_height_of_a_step_is_found_within_its_error() -> None:
    steps = _steps(800)
    levels = -0.06 * np.floor((steps - 1) / 80) + 0.1 * np.random.default_rng(0).standard_normal(800)
    found = staircase(steps, levels, np.ones(800, dtype=np.int64), 80)
    assert found is not None
    assert found.drop == pytest.approx(0.06, abs=3 * found.error)
    assert found.z > 3
    assert found.epochs == 10


def test_noise_gives_standard_normal_z() -> None:
    steps, counts = _steps(400), np.ones(400, dtype=np.int64)
    rng = np.random.default_rng(1)
    zs = [found.z for _ in range(200) if (found := staircase(steps, rng.standard_normal(400), counts, 40)) is not None]
    assert len(zs) == 200
    assert abs(mean(zs)) < 0.25
    assert 0.8 < pstdev(zs) < 1.25


@pytest.mark.parametrize("bend", [0.0, 3.0])
def test_an_even_or_bent_fall_is_no_stair(bend: float) -> None:
    steps = _steps(800)
    levels = -0.5 * (steps / 800) ** (1 + bend / 3) + 0.05 * np.random.default_rng(2).standard_normal(800)
    found = staircase(steps, levels, np.ones(800, dtype=np.int64), 80)
    assert found is not None
    assert abs(found.z) < 2.5


def test_few_epochs_short_epochs_and_nothing_have_no_stairs() -> None:
    steps, ones = _steps(100), np.ones(100, dtype=np.int64)
    assert staircase(steps, np.zeros(100), ones, 40) is None
    assert staircase(steps, np.zeros(100), ones, 3) is None
    assert staircase(steps[:0], np.zeros(0), ones[:0], 10) is None


def test_a_step_number_far_ahead_is_refused() -> None:
    steps = np.r_[_steps(99), 10**12].astype(np.int64)
    assert staircase(steps, np.zeros(100), np.ones(100, dtype=np.int64), 10) is None
