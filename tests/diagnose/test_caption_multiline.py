from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_multiline import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture

LONG = dataset(folder([picture("a.png", caption_problem="caption-multiline")]))


def test_lines_that_are_not_read_are_told() -> None:
    finding = catches(RULE, Case(dataset=LONG), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["a.png"]


def test_with_wildcards_all_lines_are_read() -> None:
    catches_not(RULE, Case(dataset=LONG, settings={"enable_wildcard": True}), Status.NOT_APPLICABLE)


def test_one_line_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
