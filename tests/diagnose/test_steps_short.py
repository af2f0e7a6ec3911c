from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.steps_short import RULE
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import catches, catches_not, checkpoint, outcome, plan, step_plan


def _case(done: str | None, ending: Ending = Ending.SUCCEEDED) -> Case:
    metadata = {} if done is None else {"ss_steps": done}
    seen = Observations(checkpoints=(checkpoint(metadata=metadata),))
    return Case(plan=plan(steps=step_plan(1500)), observations=seen, outcome=outcome(ending))


def test_a_file_of_half_the_steps_is_to_fix() -> None:
    assert "750 of 1500" in catches(RULE, _case("750"), Severity.FIX).message.en


def test_all_steps_are_clear() -> None:
    catches_not(RULE, _case("1500"), Status.CLEAR)
    catches_not(RULE, _case("1486"), Status.CLEAR)


@pytest.mark.parametrize("ending", [Ending.INTERRUPTED, Ending.STOPPED])
def test_a_run_ended_early_is_not_asked(ending: Ending) -> None:
    catches_not(RULE, _case("750", ending), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("done", [None, "None", ""])
def test_unknown_steps_are_not_judged(done: str | None) -> None:
    catches_not(RULE, _case(done), Status.NOT_APPLICABLE)
