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
        ("sd15", "character", 40_000, 400.0, Severity.WATCH),
        ("sd15", "character", 40_001, 400.0, Severity.FIX),
        ("sd15", "style", 100_000, 400.0, Severity.WATCH),
        ("sd15", "style", 100_001, 400.0, Severity.FIX),
        ("sdxl", "character", 1500, 4001.0, Severity.FIX),
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


def test_the_key_that_made_it_long_is_named() -> None:
    long = plan(steps=step_plan(6_000_000, exposures=1e6))
    once = plan(steps=step_plan(6_000_000, epochs=1, exposures=1e6))
    repeated = catches(RULE, Case(recipe=recipe(concepts=[{"image_dir": "a", "num_repeats": 10**6}]), plan=once)).fix
    assert repeated is not None
    assert "`num_repeats`" in repeated.advice.en
    own = catches(RULE, Case(recipe=recipe(train={"max_train_epochs": 1_000_000}), plan=long)).fix
    wished = catches(RULE, Case(recipe=recipe(train={"target_steps": 6_000_000}), plan=long)).fix
    assert own is not None
    assert wished is not None
    assert "`train.max_train_epochs`" in own.advice.en
    assert "`train.target_steps`" in wished.advice.en
