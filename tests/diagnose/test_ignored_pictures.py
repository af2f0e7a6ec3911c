from __future__ import annotations

from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.ignored_pictures import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder


def test_files_that_are_not_taken_are_named() -> None:
    ignored = (Path("pictures/a.heic"), Path("pictures/b.Png"))
    assert "a.heic, b.Png" in catches(RULE, Case(dataset=dataset(folder(ignored=ignored))), Severity.WATCH).message.en


def test_a_folder_of_known_kinds_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
