from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.diagnose.signals.schedule import LrAccount, account_lr, account_step_size, rise_at, step_sizes


def account(lrs: list[float]) -> LrAccount:
    found = account_lr("lr/unet", range(1, len(lrs) + 1), lrs)
    assert found is not None
    return found


def cosine(steps: int, cycles: int = 1) -> list[float]:
    return [0.5e-4 * (1 + math.cos(math.pi * ((cycles * n / steps) % 1))) for n in range(steps)]


def test_a_constant_rate_has_no_warm_up_and_no_tail() -> None:
    found = account([1e-4] * 100)
    assert (found.peak, found.warm_up_end, found.warm_up_integral, found.dead_tail) == (1e-4, 1, 0, 0)
    assert found.dead_from is None
    assert found.restarts == ()
    assert found.mean == pytest.approx(1e-4)


def test_a_linear_warm_up_does_half_of_its_steps() -> None:
    found = account([1e-4 * n / 100 for n in range(100)] + [1e-4] * 300)
    assert found.warm_up_end == 101
    assert found.warm_up_steps == pytest.approx(0.25)
    assert found.warm_up_integral == pytest.approx(49.5 / 349.5)


def test_a_cosine_ends_in_a_dead_tail() -> None:
    found = account(cosine(1000))
    # 2 % of the peak is reached where 1 + cos(pi x) = 0.04.
    assert found.dead_tail == pytest.approx(1 - math.acos(0.04 - 1) / math.pi, abs=0.002)
    assert found.dead_from == pytest.approx(910, abs=2)


def test_restarts_are_counted_and_a_warm_up_of_one_step_is_none() -> None:
    assert account(cosine(900, 3)).restarts == (301, 601)
    assert account([0.0, *cosine(100)]).restarts == ()
    assert account([0.0, *cosine(100)]).warm_up_end == 2


def test_a_rate_that_is_zero_or_unknown_has_no_account() -> None:
    assert account_lr("x", [], []) is None
    assert account_lr("x", [1, 2], [0.0, 0.0]) is None
    assert account_lr("x", [1], [math.nan]) is None
    found = account_lr("x", [1, 2, 3], [1e-4, math.nan, 1e-4])
    assert found is not None
    assert found.count == 2


def test_a_step_size_that_never_moved() -> None:
    found = account_step_size("group 0", [1e-6] * 300, [1.0] * 300)
    assert found is not None
    assert (found.growth, found.moved_after, found.late_growth, found.largest_lr) == (1, 1, 0, 1e-6)


def test_a_step_size_that_runs_away() -> None:
    found = account_step_size("group 0", [1e-6 * 1.03**n for n in range(300)], [1.0] * 300)
    assert found is not None
    assert found.moved_after == pytest.approx(24 / 300)
    assert found.late_growth == pytest.approx(1.03**99 - 1)
    assert found.largest_lr == pytest.approx(1e-6 * 1.03**299)


def test_a_step_size_needs_three_values_and_its_rate_may_be_unknown() -> None:
    assert account_step_size("x", [1e-6, math.nan, 1e-6]) is None
    found = account_step_size("x", [1e-6, 0.0, 2e-6, 4e-6])
    assert found is not None
    assert found.growth == pytest.approx(4)
    assert math.isnan(found.largest_lr)


def test_the_step_size_is_the_logged_product_over_the_rate() -> None:
    found = step_sizes([2e-5, 1e-5, 0.0], [1.0, 0.5, 0.0])
    assert found[:2] == pytest.approx([2e-5, 2e-5])
    assert math.isnan(found[2])


def test_a_rise_at_a_known_place_is_two_means() -> None:
    steps = np.arange(1, 1001)
    levels = np.where((steps >= 501) & (steps < 541), 0.3, 0.1)
    found = rise_at(501, steps, levels, noise=0.1)
    assert found is not None
    assert found.rise == pytest.approx(0.2)
    assert found.z == pytest.approx(0.2 / (0.1 * math.sqrt(2 / 30)))
    assert found.later == pytest.approx(0.0)


def test_a_place_at_an_end_has_no_two_sides() -> None:
    steps, levels = np.arange(1, 101), np.zeros(100)
    assert rise_at(2, steps, levels, noise=0.1) is None
    assert rise_at(99, steps, levels, noise=0.1) is None
    assert rise_at(50, steps, levels, noise=0.0) is None
    late = rise_at(95, steps, levels, noise=0.1)
    assert late is not None
    assert math.isnan(late.later)
