from __future__ import annotations

import math
import random
from array import array

import pytest

from orchestrator.core.observation import Series
from orchestrator.diagnose.signals import raw as signals
from orchestrator.diagnose.signals.validation import possible_leak


def _draws(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(1.0, 0.5) for _ in range(count)]


def test_first_nonfinite_step_is_a_step_not_an_index() -> None:
    found = Series("loss/current", array("q", [5, 7, 9]), array("d", [0.1, math.inf, math.nan]))
    assert signals.first_nonfinite_step(found) == 7
    assert signals.first_nonfinite_step(Series("x", array("q", [1]), array("d", [0.1]))) is None


def test_effective_lr_is_the_rate_at_alpha_equal_rank() -> None:
    assert signals.effective_lr(1e-4, 32, 32) == pytest.approx(1e-4)
    assert signals.effective_lr(4e-4, 1, 16) == pytest.approx(1e-4)


def test_coefficient_of_variation_steps_over_what_is_not_finite() -> None:
    assert signals.coefficient_of_variation([1.0, 3.0, math.nan]) == pytest.approx(math.sqrt(2) / 2)
    assert math.isnan(signals.coefficient_of_variation([1.0]))


@pytest.mark.parametrize(
    ("steps", "cv", "measured"), [(300, 1.25, 0.46), (1500, 1.25, 0.20), (1500, 0.64, 0.10), (5000, 1.25, 0.11)]
)
def test_minimum_detectable_change_is_near_what_was_measured_on_public_runs(
    steps: int, cv: float, measured: float
) -> None:
    assert signals.minimum_detectable_change(cv, steps) == pytest.approx(measured, rel=0.15)


def test_a_change_of_the_detectable_size_is_found_four_times_in_five() -> None:
    count, cv = 400, 0.5
    least = signals.minimum_detectable_change(cv, count)
    limit = 2.576 * cv * 2 / math.sqrt(count)
    found = 0
    for seed in range(200):
        values = _draws(count, seed)
        raised = [v + (least if i >= count // 2 else 0.0) for i, v in enumerate(values)]
        found += signals.half_change(raised) > limit
    assert 140 <= found <= 180


def test_too_few_values_detect_nothing() -> None:
    assert signals.minimum_detectable_change(1.0, 3) == math.inf


def test_collapse_needs_windows_in_a_row() -> None:
    low, high = [0.2] * 10, [1.0] * 10
    assert signals.collapse_start([*low, *high, *low, *high], 0.6, 10) is None
    assert signals.collapse_start([*low, *high, *high, *low], 0.6, 10) == 10
    assert signals.collapse_start([*low, *[math.nan] * 20], 0.6, 10) is None


def test_min_snr_weights_shrink_the_loss_more_for_v() -> None:
    assert signals.min_snr_mean_weight(1e9) == pytest.approx(1.0)
    assert signals.min_snr_mean_weight(5) == pytest.approx(0.917, abs=0.001)
    assert signals.min_snr_mean_weight(5, is_v=True) == pytest.approx(0.294, abs=0.001)


def test_jitter_of_a_straight_line_is_nothing() -> None:
    assert signals.jitter([1.0, 2.0, 3.0, 4.0]) == 0
    assert signals.jitter(_draws(3000)) == pytest.approx(0.5, rel=0.05)
    assert math.isnan(signals.jitter([1.0, 2.0]))


@pytest.mark.parametrize(
    ("train", "held", "split", "leaks"), [(14, 2, 0.1, True), (16, 4, 0.2, False), (18, 2, 0.1, False)]
)
def test_possible_leak_knows_both_roundings(train: int, held: int, split: float, leaks: bool) -> None:
    assert possible_leak(train, held, split) is leaks


def test_possible_leak_agrees_with_the_trainers_own_split() -> None:
    for count in range(4, 101):
        for split in (0.1, 0.2, 0.3):
            train, held = math.ceil(count * (1 - split)), round(count * split)
            if possible_leak(train, held, split):
                assert train + held == count + 1
