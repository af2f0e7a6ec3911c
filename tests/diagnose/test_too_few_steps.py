from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.too_few_steps import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, step_plan


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
