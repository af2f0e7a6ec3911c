from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.no_hold_out import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, series, subset


def test_without_hold_out_it_is_told() -> None:
    catches(RULE, Case(plan=plan(subsets=(subset(12),))), Severity.INFO)


def test_under_twelve_pictures_none_is_held_out_rightly() -> None:
    catches_not(RULE, Case(plan=plan(subsets=(subset(11),))), Status.NOT_APPLICABLE)


def test_held_out_pictures_are_clear() -> None:
    catches_not(RULE, Case(plan=plan(validation=subset(2))), Status.CLEAR)
    catches_not(RULE, Case(settings={"validation_split": 0.2}), Status.CLEAR)
    catches_not(RULE, observed(further=[series([0.1], "loss/validation/epoch_average")]), Status.CLEAR)
