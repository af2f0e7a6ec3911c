from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.measured import EPOCH_AVERAGE
from orchestrator.diagnose.rules.still_falling import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, series, step_plan
from tests.diagnose.recorded import ended_early, recorded, step_records

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

FALLING = [0.180, 0.174, 0.168, 0.162, 0.156, 0.150, 0.144, 0.138]
SETTLED = [0.180, 0.160, 0.152, 0.150, 0.1495, 0.1493, 0.1492, 0.1491]


def _held_out(values: list[float], **facts: int) -> Case:
    return observed(facts=facts, further=[series(values, EPOCH_AVERAGE)])


def test_a_held_out_loss_that_falls_to_the_end_wants_half_as_many_steps_again() -> None:
    finding = catches(RULE, _held_out(FALLING, total_steps=1000), Severity.WATCH)
    assert finding.confidence is Confidence.LOW
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.target_steps", 1500)]


def test_a_settled_held_out_loss_is_clear() -> None:
    catches_not(RULE, _held_out(SETTLED), Status.CLEAR)


def test_a_fall_too_small_to_matter_is_clear() -> None:
    catches_not(RULE, _held_out([0.1667 - 0.00001 * i for i in range(8)]), Status.CLEAR)


def test_a_rise_at_the_end_is_clear() -> None:
    catches_not(RULE, _held_out([*FALLING, 0.150]), Status.CLEAR)


def test_raw_loss_alone_is_never_enough() -> None:
    finding = catches_not(RULE, observed([0.2 - 0.0001 * i + 0.1 * (i % 3) for i in range(400)]), Status.INCONCLUSIVE)
    assert "falls above" in finding.message.en
    catches_not(RULE, observed(), Status.INCONCLUSIVE)


def test_few_measurements_are_not_enough() -> None:
    catches_not(RULE, _held_out(FALLING[:5]), Status.INCONCLUSIVE)


def _decaying(end_rate: float, views: float = 8.0) -> Case:
    """A run under a cosine schedule whose probe approaches its level, `end_rate` time constants over the whole run."""
    count = 1200
    lr = [0.5 * (1 + math.cos(math.pi * n / count)) for n in range(count)]
    done = [sum(lr[: 100 * (n + 1)]) / sum(lr) for n in range(12)]
    curve = [-20 * (1 - math.exp(-end_rate * part)) for part in done]
    return recorded(
        curve, [0.8 * change for change in curve], steps=step_records(count, lr=lr),
        plan=plan(steps=step_plan(count, exposures=views)),
    )  # fmt: skip


def test_a_schedule_that_ends_does_not_pass_for_a_plateau() -> None:
    finding = catches(RULE, _decaying(1.0), Severity.WATCH)
    assert finding.state is State.UNDERTRAINED
    assert "learning rate had ended" in finding.message.en
    assert "plateau-reached" in RULE.suppresses


def test_the_steps_asked_for_follow_the_bend_of_the_curve() -> None:
    # 95 % of the way take 3 time constants: one is done, and of a nearly straight course not more than three times is guessed.
    for rate, steps in ((1.3, 2770), (1.0, 3600), (0.2, 3600)):
        fix = catches(RULE, _decaying(rate)).fix
        assert fix is not None
        assert [(c.key, c.value) for c in fix.changes] == [("train.target_steps", pytest.approx(steps, abs=30))]


def test_a_run_that_ended_early_is_to_end_first() -> None:
    falling = recorded([-0.5 * (n + 1) for n in range(12)])
    assert falling.plan is None  # else its length would come from there
    for case in (
        ended_early(falling),
        observed([0.1] * 1200, further=[series(FALLING, EPOCH_AVERAGE)], facts={"total_steps": 5000}),
    ):
        fix = catches(RULE, case).fix
        assert fix is not None
        assert "step 1200" in fix.advice.en
        assert "5000" in fix.advice.en
        assert fix.changes == ()
    whole = catches(RULE, falling).fix
    assert whole is not None
    assert whole.changes


def test_a_run_that_came_to_rest_before_its_schedule_is_clear() -> None:
    catches_not(RULE, _decaying(4.0), Status.CLEAR)


def test_pictures_seen_often_enough_may_lie_still() -> None:
    catches_not(RULE, _decaying(1.0, views=60.0), Status.CLEAR)
