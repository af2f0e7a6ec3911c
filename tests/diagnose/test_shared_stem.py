from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.shared_stem import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder


def test_a_shared_name_is_to_fix() -> None:
    assert "cover" in catches(RULE, Case(dataset=dataset(folder(shared_stems=("cover",)))), Severity.FIX).message.en


def test_own_names_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
