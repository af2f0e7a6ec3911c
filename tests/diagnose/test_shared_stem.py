from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.shared_stem import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_a_shared_name_is_to_fix() -> None:
    assert "cover" in catches(RULE, Case(dataset=dataset(folder(shared_stems=("cover",)))), Severity.FIX).message.en


def test_names_that_are_one_elsewhere_are_worth_a_look() -> None:
    pictures = [picture(name) for name in ("A.PNG", "a.png", "caf\u00e9.png", "cafe\u0301.jpg", "b.png")]
    finding = catches(RULE, Case(dataset=dataset(folder(pictures))), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["A.PNG", "a.png", "caf\u00e9.png", "cafe\u0301.jpg"]
    assert finding.message.en.startswith("4 names differ from another in case")


def test_equal_stems_are_not_told_twice() -> None:
    pictures = [picture(name) for name in ("a.png", "a.jpg")]
    catches(RULE, Case(dataset=dataset(folder(pictures, shared_stems=("a",)))), Severity.FIX)


def test_own_names_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
