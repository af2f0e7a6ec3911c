from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.unreadable_caption import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


@pytest.mark.parametrize("problem", ["caption-not-utf8", "caption-unreadable"])
def test_what_is_no_text_stops(problem: str) -> None:
    finding = catches(RULE, Case(dataset=dataset(folder([picture("a.png", caption_problem=problem)]))), Severity.STOP)
    assert finding.evidence[0].value == problem
    assert finding.evidence[0].source == "a.txt"


def test_text_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
