from __future__ import annotations

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.plateau_reached import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, recorded


def test_a_gain_that_came_to_rest_is_good_news() -> None:
    finding = catches(RULE, recorded(approach(-6.0, rate=12), approach(-2.0, rate=12)), Severity.INFO)
    assert finding.state is State.CONVERGED
    assert "2.0 %" in finding.message.en
    assert "step 300" in finding.message.en
    assert "2 pictures: too few to speak for others" in finding.message.en


def test_one_that_goes_on_has_not() -> None:
    catches_not(RULE, recorded(approach(-6.0, rate=1)), Status.CLEAR)
    catches_not(RULE, recorded(approach(-6.0, rate=1), approach(-2.0, rate=12)), Status.CLEAR)


def test_one_that_turned_back_has_not() -> None:
    rebound = [-2.0, -3.0, -3.0, -3.0, -2.5, -2.0, -1.6, -1.3, -1.2, -1.2, -1.2, -1.2]
    catches_not(RULE, recorded(approach(-6.0, rate=12), rebound), Status.CLEAR)


def test_nothing_gained_has_no_plateau() -> None:
    catches_not(RULE, recorded([0.0] * 12), Status.NOT_APPLICABLE)


def test_without_telemetry_a_flat_loss_proves_nothing() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
