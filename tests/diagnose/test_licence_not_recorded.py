from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.licence_not_recorded import RULE
from tests.diagnose.cases import catches, catches_not, recipe


def test_a_recipe_without_a_licence_is_told() -> None:
    catches(RULE, Case(recipe=recipe()), Severity.INFO)


def test_a_recorded_licence_is_clear() -> None:
    catches_not(RULE, Case(recipe=recipe(metadata={"license": "CC-BY-4.0"})), Status.CLEAR)


def test_without_a_recipe_nothing_is_asked() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
