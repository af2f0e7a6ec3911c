from __future__ import annotations

from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.no_pictures import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder


def test_an_empty_folder_stops_and_its_sub_folders_are_named() -> None:
    empty = folder([], image_dir=Path("set"), nested=((Path("set/10_alice"), 20),))
    finding = catches(RULE, Case(dataset=dataset(folder(), empty)), Severity.STOP)
    assert finding.fix is not None
    assert "10_alice" in finding.fix.advice.en


def test_pictures_of_another_kind_are_named_as_the_reason() -> None:
    finding = catches(RULE, Case(dataset=dataset(folder([], ignored=(Path("pictures/a.heic"),)))))
    assert finding.fix is not None
    assert "convert" in finding.fix.advice.en


def test_a_folder_with_pictures_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
