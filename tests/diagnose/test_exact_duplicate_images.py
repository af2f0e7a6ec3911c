from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.exact_duplicate_images import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder


def test_equal_files_are_named() -> None:
    same = replace(dataset(folder(20)), equal_files=((Path("p/001.png"), Path("p/007.png"), Path("p/009.png")),))
    finding = catches(RULE, Case(dataset=same), Severity.WATCH)
    assert finding.confidence is Confidence.HIGH
    assert "2 pictures are the same file" in finding.message.en
    assert len(finding.paths) == 3


def test_different_files_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)


def test_without_pictures_nothing_is_said() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
