from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.checkpoint_count import RULE
from tests.diagnose.cases import catches, catches_not, plan, step_plan


def _case(epochs: int, **save: Any) -> Case:
    return Case(plan=plan(save, steps=step_plan(epochs * 10, epochs)))


@pytest.mark.parametrize(
    ("epochs", "every", "files", "severity"),
    [(10, None, 1, Severity.WATCH), (4, 1, 4, Severity.INFO), (50, 1, 50, Severity.INFO)],
)
def test_too_few_or_too_many_are_told(epochs: int, every: int | None, files: int, severity: Severity) -> None:
    finding = catches(RULE, _case(epochs, save_every_n_epochs=every), severity)
    assert finding.evidence[0].value == files


def test_a_choice_is_clear() -> None:
    catches_not(RULE, _case(10, save_every_n_epochs=1), Status.CLEAR)
    catches_not(RULE, _case(10, save_every_n_steps=10), Status.CLEAR)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
