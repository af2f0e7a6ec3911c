from __future__ import annotations

from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.nested_pictures import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder


def test_each_sub_folder_is_told_with_its_number() -> None:
    nested = folder(image_dir=Path("/home/set"), nested=((Path("/home/set/a"), 3), (Path("/home/set/a/b"), 5)))
    finding = catches(RULE, Case(dataset=dataset(nested)), Severity.WATCH)
    assert "3 pictures in `set/a`" in finding.message.en
    assert [f.evidence[0].value for f in RULE.check(Case(dataset=dataset(nested)))] == [3, 5]


def test_a_flat_folder_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
