from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.finding import Fix, Severity, Status
from orchestrator.diagnose.facts import LONGER_AT_BAND
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.steps_arithmetic import RULE as STEPS_ARITHMETIC
from orchestrator.diagnose.rules.too_few_steps import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, recipe, step_plan
from tests.diagnose.recorded import approach, recorded


@pytest.mark.parametrize(
    ("family", "kind", "steps", "exposures", "severity"),
    [
        ("sd15", "character", 399, 100.0, Severity.WATCH),
        ("sd15", "character", 799, 100.0, Severity.INFO),
        ("sd15", "style", 799, 100.0, Severity.WATCH),
        ("sd15", "style", 1499, 100.0, Severity.INFO),
        ("sdxl", "person", 2000, 9.0, Severity.WATCH),
        ("sdxl", "person", 2000, 29.0, Severity.INFO),
        ("pocket", "object", 99, 60.0, Severity.WATCH),
    ],
)
def test_short_runs_are_told(family: str, kind: str, steps: int, exposures: float, severity: Severity) -> None:
    catches(RULE, Case(plan=plan(family=family, kind=kind, steps=step_plan(steps, 3, exposures))), severity)


@pytest.mark.parametrize(
    ("family", "kind", "steps"), [("sd15", "character", 1500), ("sd15", "style", 2500), ("pocket", "object", 300)]
)
def test_ordinary_runs_are_clear(family: str, kind: str, steps: int) -> None:
    catches_not(RULE, Case(plan=plan(family=family, kind=kind, steps=step_plan(steps))), Status.CLEAR)


def test_a_foreign_run_is_measured_by_its_announcement() -> None:
    catches(RULE, observed(facts={"total_steps": 60}), Severity.WATCH)


def test_few_exposures_are_named_as_the_reason() -> None:
    finding = catches(RULE, Case(plan=plan(steps=step_plan(1500, exposures=9.0))))
    assert "only 9 times" in finding.message.en


def _at_band(total: int, exposures: float, wish: int = 2500) -> Case:
    own = recipe(train={"target_steps": wish, "exposures_per_image": [30.0, 200.0]})
    return Case(recipe=own, plan=plan(kind="style", steps=step_plan(total, exposures=exposures)))


@pytest.mark.parametrize("wish", [2500, 5000])
def test_where_the_band_decides_no_higher_wish_is_advised(wish: int) -> None:
    """Twelve pictures at batch 4: 500 steps, whatever is wished for. Both rules of the length say the same."""
    case = _at_band(500, 196.0, wish)
    advice = [catches(rule, case).fix for rule in (RULE, STEPS_ARITHMETIC)]
    assert advice == [Fix(LONGER_AT_BAND)] * 2


def test_where_the_band_makes_a_run_longer_it_is_not_blamed() -> None:
    finding = catches(RULE, _at_band(300, 30.0, wish=100))
    assert finding.fix is not None
    assert "Raise `train.target_steps`" in finding.fix.advice.en


def test_epochs_of_the_recipe_are_what_makes_it_longer() -> None:
    own = recipe(train={"max_train_epochs": 2, "exposures_per_image": [30.0, 200.0]})
    fix = catches(RULE, Case(recipe=own, plan=plan(steps=step_plan(300, epochs=2, exposures=198.0)))).fix
    assert fix is not None
    assert fix.advice.en == "Raise `train.max_train_epochs`."


def test_a_small_set_seen_often_enough_asks_for_no_more_steps() -> None:
    catches_not(RULE, _at_band(900, 180.0), Status.CLEAR)
    catches(RULE, _at_band(900, 60.0), Severity.INFO)


def test_a_short_run_that_came_to_rest_is_only_told() -> None:
    rested = replace(recorded(approach(-20.0, rate=12)), plan=plan(steps=step_plan(160, exposures=16)), cache={})
    assert "come to rest" in catches(RULE, rested, Severity.INFO).message.en
    going = replace(recorded(approach(-20.0, rate=0.5)), plan=plan(steps=step_plan(160, exposures=16)), cache={})
    catches(RULE, going, Severity.WATCH)
