from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_bom import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_a_byte_order_mark_is_told() -> None:
    marked = picture("a.png", "\ufeffalicexyz", caption_problem="caption-bom")
    finding = catches(RULE, Case(dataset=dataset(folder([marked, picture("b.png")]))), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["a.png"]


def test_captions_without_it_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
