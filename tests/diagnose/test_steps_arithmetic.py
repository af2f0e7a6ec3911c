from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.steps_arithmetic import RULE
from tests.diagnose.cases import catches, catches_not, plan, recipe, step_plan


def _planned(total: int, wish: int | None = None, announced: int | None = None) -> Case:
    wanted = recipe(train={"target_steps": wish}) if wish is not None else recipe()
    seen = Observations(facts={"total_steps": announced}) if announced is not None else None
    return Case(recipe=wanted, plan=plan(steps=step_plan(total, epochs=5)), observations=seen)


def test_another_announcement_than_planned_is_to_fix() -> None:
    finding = catches(RULE, _planned(1500, announced=1600), Severity.FIX)
    assert (finding.evidence[0].value, finding.evidence[0].limit) == (1600, 1500)


def test_a_missed_wish_is_told_as_information() -> None:
    assert "5 epochs of 350 steps" in catches(RULE, _planned(1750, wish=1500), Severity.INFO).message.en


def test_the_band_of_exposures_is_named_where_it_moved_the_steps() -> None:
    wanted = recipe(train={"target_steps": 2500, "exposures_per_image": [40.0, 200.0]})
    few = Case(recipe=wanted, plan=plan(steps=step_plan(1100, exposures=200.0)))
    assert "`train.exposures_per_image` allows 1100" in catches(RULE, few).message.en


def test_a_wish_nearly_met_is_clear() -> None:
    catches_not(RULE, _planned(1500, wish=1400, announced=1500), Status.CLEAR)


def test_a_foreign_run_has_no_plan() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
