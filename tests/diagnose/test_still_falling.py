from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rules.still_falling import HELD_OUT, RULE
from tests.diagnose.cases import catches, catches_not, observed, series

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

FALLING = [0.180, 0.174, 0.168, 0.162, 0.156, 0.150, 0.144, 0.138]
SETTLED = [0.180, 0.160, 0.152, 0.150, 0.1495, 0.1493, 0.1492, 0.1491]


def _held_out(values: list[float], **facts: int) -> Case:
    return observed(facts=facts, further=[series(values, HELD_OUT)])


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
