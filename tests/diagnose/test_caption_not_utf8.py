from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_not_utf8 import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_what_is_no_utf8_stops_and_is_named() -> None:
    case = Case(dataset=dataset(folder([picture("a.png", caption_problem="caption-not-utf8"), picture("b.png")])))
    finding = catches(RULE, case, Severity.STOP)
    assert [path.name for path in finding.paths] == ["a.png"]
    assert "a.txt" in finding.message.en


def test_what_cannot_be_opened_is_not_meant() -> None:
    case = Case(dataset=dataset(folder([picture("a.png", caption_problem="caption-unreadable")])))
    catches_not(RULE, case, Status.CLEAR)


def test_text_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
