from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.too_many_steps import RULE
from tests.diagnose.cases import catches, catches_not, plan, recipe, step_plan


@pytest.mark.parametrize(
    ("family", "kind", "steps", "exposures", "severity"),
    [
        ("sd15", "character", 2001, 100.0, Severity.INFO),
        ("sd15", "character", 4001, 100.0, Severity.WATCH),
        ("sdxl", "character", 4001, 100.0, Severity.WATCH),
        ("sd15", "style", 10001, 100.0, Severity.WATCH),
        ("sd15", "character", 1500, 201.0, Severity.INFO),
        ("sd15", "character", 1500, 401.0, Severity.WATCH),
    ],
)
def test_long_runs_are_told(family: str, kind: str, steps: int, exposures: float, severity: Severity) -> None:
    catches(RULE, Case(plan=plan(family=family, kind=kind, steps=step_plan(steps, exposures=exposures))), severity)


@pytest.mark.parametrize(
    ("family", "kind", "steps"), [("sd15", "character", 1500), ("sdxl", "person", 3000), ("sd15", "style", 9000)]
)
def test_ordinary_runs_are_clear(family: str, kind: str, steps: int) -> None:
    catches_not(RULE, Case(plan=plan(family=family, kind=kind, steps=step_plan(steps))), Status.CLEAR)


def test_the_recipes_own_band_decides() -> None:
    own = recipe(train={"exposures_per_image": [50.0, 500.0]})
    case = Case(recipe=own, plan=plan(steps=step_plan(1500, exposures=450.0)))
    catches_not(RULE, case, Status.CLEAR)
    catches(RULE, Case(recipe=own, plan=plan(steps=step_plan(1500, exposures=501.0))), Severity.WATCH)
