from __future__ import annotations

import pytest

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.memorised_training_pictures import RULE
from orchestrator.diagnose.state import primary_state
from tests.diagnose.cases import catches, catches_not, observed, plan, subset
from tests.diagnose.recorded import approach, recorded


@pytest.mark.parametrize("end", [-9.0, -20.0, -60.0])
def test_a_large_gain_without_held_out_pictures_is_a_question_and_no_alarm(end: float) -> None:
    finding = catches(RULE, recorded(approach(end)), Severity.WATCH)
    assert (finding.state, finding.confidence) == (None, Confidence.LOW)
    assert "unproved" in finding.message.en


@pytest.mark.parametrize(("pictures", "keys"), [(20, ["validate.hold_out"]), (8, [])])
def test_pictures_are_held_out_where_some_can_be_spared(pictures: int, keys: list[str]) -> None:
    fix = catches(RULE, recorded(approach(-20.0), plan=plan(subsets=(subset(pictures),)))).fix
    assert fix is not None
    assert [change.key for change in fix.changes] == keys


def test_the_question_does_not_outrank_what_was_measured() -> None:
    falling = judge(recorded([-2.0 * n for n in range(1, 13)]), "after", reraise=True)
    assert RULE.name in {finding.name for finding in falling.fired}
    assert primary_state(falling).state is State.UNDERTRAINED
    assert primary_state(falling).confidence is Confidence.LOW


def test_a_modest_gain_is_not() -> None:
    catches_not(RULE, recorded(approach(-5.0)), Status.CLEAR)


def test_held_out_pictures_answer_for_themselves() -> None:
    catches_not(RULE, recorded(approach(-20.0), approach(-1.0)), Status.NOT_APPLICABLE)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
