from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.no_data_found import RULE
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import catches, catches_not, event, observed, outcome

LINE = event("no-data", "No data found. Please verify arguments")


def test_the_trainers_line_stops() -> None:
    catches(RULE, observed(events=[LINE]), Severity.STOP)
    catches(RULE, observed(facts={"train_images": 0}), Severity.STOP)
    catches(RULE, Case(outcome=outcome(Ending.FAILED, "no-data")), Severity.STOP)


def test_the_missing_file_is_its_consequence() -> None:
    case = Case(observations=observed(events=[LINE]).observations, outcome=outcome())
    assert [f.name for f in judge(case, "after", reraise=True).fired] == ["no-data-found"]


def test_found_pictures_are_clear() -> None:
    catches_not(RULE, observed(facts={"train_images": 200}), Status.CLEAR)
