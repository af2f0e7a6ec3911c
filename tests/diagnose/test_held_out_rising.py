from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.measured import EPOCH_AVERAGE
from orchestrator.diagnose.rules.held_out_rising import RULE
from tests.diagnose.cases import catches, catches_not, observed, series
from tests.diagnose.recorded import recorded

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

MEMORISED = [0.1469, 0.1613, 0.1700, 0.1674, 0.1860, 0.1875, 0.1838, 0.1967]


def _held_out(values: list[float]) -> Case:
    return observed(further=[series(values, EPOCH_AVERAGE)])


def test_memorising_is_seen_and_the_epoch_named() -> None:
    finding = catches(RULE, _held_out(MEMORISED), Severity.WATCH)
    assert "lowest at epoch 1" in finding.message.en
    assert finding.evidence[0].value == pytest.approx(0.34)


def test_a_small_rise_is_only_told() -> None:
    catches(RULE, _held_out([0.170, 0.168, 0.166, 0.167, 0.168, 0.169]), Severity.INFO)


@pytest.mark.parametrize(
    "values",
    [
        [0.1719] * 5,
        [0.170, 0.168, 0.166, 0.165, 0.164],
        [0.170, 0.168, 0.166, 0.164, 0.170],
        [0.170, 0.150, 0.180, 0.151, 0.178, 0.155],
    ],
)
def test_level_falling_late_or_shaking_is_clear(values: list[float]) -> None:
    catches_not(RULE, _held_out(values), Status.CLEAR)


def test_without_held_out_pictures_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, _held_out([0.1, float("nan"), 0.1, 0.1]), Status.INCONCLUSIVE)


def test_nobody_is_told_to_stop_before_the_best_step() -> None:
    rising = recorded([-1.0 * n for n in range(1, 9)], [-5.0, -3.0, -1.0, 1.0, 3.0, 4.0, 5.0, 6.0], every=4)
    fix = catches(RULE, rising, Severity.FIX).fix
    assert fix is not None
    assert "stop at about 4," in fix.advice.en


def test_a_rise_without_better_training_pictures_is_damage_and_no_memory() -> None:
    both = [-2.0, -4.0, -5.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 1.0]
    finding = catches(RULE, recorded(both, both), Severity.FIX)
    assert finding.state is State.UNSTABLE
    assert finding.fix is not None
    assert "train.target_steps" not in {change.key for change in finding.fix.changes}
    train = [-2.0 * n for n in range(1, 13)]
    assert catches(RULE, recorded(train, both)).state is State.OVERFIT
