from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.unreadable_image import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_bad_files_stop_and_are_named() -> None:
    bad = [picture(f"{i}.png", problem="truncated-file") for i in range(5)]
    finding = catches(RULE, Case(dataset=dataset(folder([picture(), *bad]))), Severity.STOP)
    assert "5 picture files" in finding.message.en
    assert "0.png, 1.png, 2.png and 2 more" in finding.message.en
    assert {e.value for e in finding.evidence} == {"truncated-file"}


def test_sound_files_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
