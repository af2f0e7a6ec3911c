from __future__ import annotations

from dataclasses import replace

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.disk_full import RULE
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import catches, catches_not, event, observed, outcome


def test_the_systems_error_stops() -> None:
    line = event("disk-full", "OSError: [Errno 28] No space left on device")
    assert catches(RULE, observed(events=[line]), Severity.STOP).evidence[0].value == line.text
    catches(RULE, Case(outcome=outcome(Ending.FAILED, "disk-full", 1)), Severity.STOP)


def test_a_run_that_came_to_its_end_is_only_warned() -> None:
    line = event("disk-full", "OSError: [Errno 28] No space left on device")
    case = replace(observed(events=[line]), outcome=outcome(Ending.SUCCEEDED, "rescued", 1))
    assert "came to its end" in catches(RULE, case, Severity.WATCH).message.en


def test_a_run_without_it_is_clear() -> None:
    catches_not(RULE, observed(), Status.CLEAR)
