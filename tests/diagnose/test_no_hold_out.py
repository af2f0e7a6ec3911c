from __future__ import annotations

from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.model import Dataset
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.no_hold_out import RULE
from tests.diagnose.cases import catches, catches_not, folder, observed, plan, recipe, series, subset


def test_without_hold_out_it_is_told() -> None:
    catches(RULE, Case(plan=plan(subsets=(subset(12),))), Severity.INFO)


def test_under_twelve_pictures_none_is_held_out_rightly() -> None:
    catches_not(RULE, Case(plan=plan(subsets=(subset(11),))), Status.NOT_APPLICABLE)


def test_held_out_pictures_are_clear() -> None:
    catches_not(RULE, Case(plan=plan(validation=subset(2))), Status.CLEAR)
    catches_not(RULE, Case(settings={"validation_split": 0.2}), Status.CLEAR)
    catches_not(RULE, observed(further=[series([0.1], "loss/validation/epoch_average")]), Status.CLEAR)


def test_what_is_set_is_not_advised_again() -> None:
    """The planner holds nothing out where each picture is there twice."""
    twice = Dataset((folder(12),), equal_files=((Path("a.png"), Path("b.png")),))
    for wanted, advice in (("auto", "Keep one of each"), (3, "Keep one of each"), (0, "Set `validate.hold_out: auto`")):
        made = plan(subsets=(subset(12),))
        fix = catches(RULE, Case(recipe=recipe(validate={"hold_out": wanted}), dataset=twice, plan=made)).fix
        assert fix is not None
        assert fix.advice.en.startswith(advice)
