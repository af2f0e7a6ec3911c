from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Confidence
from orchestrator.diagnose.course import (
    SAMPLE,
    Course,
    caveat,
    course,
    ending,
    surety,
)
from orchestrator.diagnose.signals.ending import change_at, is_at_best, is_still, late_share, plateau_step
from tests.diagnose.cases import observed
from tests.diagnose.recorded import approach, recorded, step_records

if TYPE_CHECKING:
    from orchestrator.diagnose.signals.probe import ProbeCurve


def _course(train: list[float], held_out: list[float] | None = None) -> Course:
    found = course(recorded(train, held_out))
    assert found is not None
    return found


def _curve(train: list[float]) -> ProbeCurve:
    return _course(train).decisive


def test_held_out_pictures_decide() -> None:
    found = _course([-5.0] * 8, [-1.0] * 8)
    assert found.decisive is found.held_out
    assert found.decisive.last == pytest.approx(-1.0)
    assert _course([-5.0] * 8).decisive.last == pytest.approx(-5.0)


def test_fewer_than_six_finite_probes_are_no_course() -> None:
    assert course(recorded([-1.0] * 5)) is None
    assert course(recorded([*[math.nan] * 5, *[-1.0] * 5])) is None
    assert course(observed([0.1] * 100)) is None


def test_a_gain_on_held_out_pictures_says_how_far_it_speaks_for_others() -> None:
    two = course(recorded(approach(-6.0), approach(-2.0)))
    assert two is not None
    assert two.held_out is not None
    assert "2 pictures: too few" in caveat(two.held_out, is_held_out=True).en
    assert caveat(two.decisive, is_held_out=False).en == ""
    four = replace(two.held_out, pictures=(4, 5, 6, 7), lows=(-3.14,) * 12, highs=(0.5,) * 12)
    assert caveat(four, is_held_out=True).en == " (95 % interval over 4 pictures: -0.5 to 3.1 %)"


def test_the_ending_of_an_approach_is_fitted() -> None:
    case = recorded(approach(-6.0, 12, rate=3))
    found = course(case)
    assert found is not None
    end = ending(case, found.decisive)
    assert end is not None
    assert end.is_fitted
    assert end.third == pytest.approx(6 * (math.exp(-2) - math.exp(-3)) / (1 - math.exp(-3)), rel=0.05)
    assert end.third > end.quarter > 0
    assert late_share(found.decisive, end) == pytest.approx(end.quarter / 6)
    assert is_still(found.decisive, end)  # the last third brings 9 %, and a tenth is the margin
    slower = recorded(approach(-6.0, 12, rate=2))
    seen = course(slower)
    assert seen is not None
    late = ending(slower, seen.decisive)
    assert late is not None
    assert not is_still(seen.decisive, late)


def test_summed_learning_rates_count_instead_of_steps() -> None:
    count = 1200
    decayed = [1e-4 * (1 - n / count) for n in range(count)]
    case = recorded(approach(-6.0, 12, rate=3), steps=step_records(count, lr=decayed))
    found = course(case)
    assert found is not None
    end = ending(case, found.decisive)
    assert end is not None
    assert end.quarter > 0


def test_another_shape_has_a_line_through_its_end() -> None:
    rebound = [-1.0, -3.0, -5.0, -5.0, -3.0, -1.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    case = recorded(rebound)
    found = course(case)
    assert found is not None
    end = ending(case, found.decisive)
    assert end is not None
    assert not end.is_fitted
    assert end.third == pytest.approx(-8.0, rel=0.05)


def test_rest_and_best_and_where_the_plateau_began() -> None:
    case = recorded([-1.0, -3.0, -5.9, -6.0, -6.0, -6.0, -6.0, -6.0, -6.0])
    found = course(case)
    assert found is not None
    curve = found.decisive
    end = ending(case, curve)
    assert end is not None
    assert is_still(curve, end)
    assert is_at_best(curve)
    assert plateau_step(curve) == 300
    assert not is_at_best(_curve([-1.0, -6.0, -6.0, -5.0, -4.0, -3.0, -2.0]))


def test_a_change_between_probes_lies_on_the_line() -> None:
    curve = _curve([-2.0, -4.0, -4.0, -4.0, -4.0, -4.0])
    assert change_at(curve, 50) == pytest.approx(-1.0)
    assert change_at(curve, 150) == pytest.approx(-3.0)
    assert change_at(curve, 10_000) == pytest.approx(-4.0)


def test_evidence_of_twice_its_limit_and_enough_probes_is_sure() -> None:
    assert surety(recorded([-5.0] * 8), 2.0, is_about_others=False) is Confidence.HIGH
    assert surety(recorded([-5.0] * 8), 1.9, is_about_others=False) is Confidence.MEDIUM
    assert surety(recorded([-5.0] * 7), 9.0, is_about_others=False) is Confidence.MEDIUM


def test_as_long_as_memory_is_an_open_question_nothing_is_surer_than_a_hint() -> None:
    assert surety(recorded([-9.0] * 8), 9.0) is Confidence.LOW
    assert surety(recorded([-9.0] * 8), 9.0, is_about_others=False) is Confidence.HIGH
    assert surety(recorded([-9.0] * 8, [-9.0] * 8), 9.0) is not Confidence.LOW


def test_two_held_out_pictures_or_none_do_not_speak_surely_for_others() -> None:
    assert surety(recorded([-5.0] * 8), 9.0) is Confidence.MEDIUM
    held = recorded([-5.0] * 8, [-5.0] * 8)
    seen = course(held)
    assert seen is not None
    assert seen.held_out is not None
    expected = Confidence.HIGH if len(seen.held_out.pictures) >= SAMPLE else Confidence.MEDIUM
    assert surety(held, 9.0) is expected
