from __future__ import annotations

from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.orphan_captions import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture

ORPHANS = (Path("pictures/old.txt"),)


def test_an_orphan_beside_a_picture_without_caption_looks_like_a_renamed_picture() -> None:
    bare = folder([picture("new.png", caption=None)], orphan_captions=ORPHANS)
    assert "old.txt" in catches(RULE, Case(dataset=dataset(bare)), Severity.WATCH).message.en


def test_an_orphan_beside_captioned_pictures_is_only_told() -> None:
    catches(RULE, Case(dataset=dataset(folder(orphan_captions=ORPHANS))), Severity.INFO)


def test_pairs_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
