from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.empty_caption import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_an_empty_file_stops() -> None:
    case = Case(dataset=dataset(folder([picture("a.png", "", caption_problem="empty-caption")])))
    finding = catches(RULE, case, Severity.STOP)
    assert "a.txt" in finding.message.en
    assert [path.name for path in finding.paths] == ["a.png"]


def test_a_blank_first_line_is_to_fix() -> None:
    case = Case(dataset=dataset(folder([picture("a.png", "", caption_problem="blank-caption")])))
    assert [path.name for path in catches(RULE, case, Severity.FIX).paths] == ["a.png"]


def test_captions_with_words_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
