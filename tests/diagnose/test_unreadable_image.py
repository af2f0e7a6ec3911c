from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.unreadable_image import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.looked_at import looked_at, path


def test_bad_files_stop_and_are_named() -> None:
    bad = [picture(f"{i}.png", problem="truncated-file") for i in range(5)]
    finding = catches(RULE, Case(dataset=dataset(folder([picture(), *bad]))), Severity.STOP)
    assert "5 picture files" in finding.message.en
    assert "0.png, 1.png, 2.png and 2 more" in finding.message.en
    assert {e.value for e in finding.evidence} == {"truncated-file"}


def test_sound_files_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)


def test_what_was_seen_when_it_was_decoded() -> None:
    damaged = catches(RULE, looked_at({"problem": "damaged-data"}), Severity.FIX)
    assert damaged.paths == (path(0),)
    cut = catches(RULE, looked_at({"problem": "truncated-file"}), Severity.STOP)
    assert cut.paths == (path(0),)
    assert "can be read" in catches_not(RULE, looked_at({}), Status.CLEAR).message.en
