from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.mixed_style import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.clean_captions import SENTENCES, TAGS
from tests.diagnose.looked_at import looked_at


def _case(*captions: str, kind: str = "style") -> Case:
    pictures = [picture(f"{i:02}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)), kind=kind)


def test_photos_among_drawings_are_named() -> None:
    finding = catches(
        RULE, _case(*["inkxyz, 1girl, watercolor (medium), tree"] * 12, *["inkxyz, photo, street"] * 3), Severity.WATCH
    )
    assert [path.name for path in finding.paths] == ["12.png", "13.png", "14.png"]
    assert "3 photo, 12 drawn" in finding.message.en


def test_sentences_say_it_too() -> None:
    captions = [*["a photo of a cat on a wall."] * 8, *["a 3D render of a cat on a wall."] * 4]
    assert "8 photo, 4 3D" in catches(RULE, _case(*captions)).message.en


def test_one_kind_two_strays_and_both_words_at_once_are_fine() -> None:
    catches_not(
        RULE, _case(*["inkxyz, sketch, tree"] * 10, *["inkxyz, oil painting (medium), tree"] * 10), Status.CLEAR
    )
    catches_not(RULE, _case(*["inkxyz, sketch, tree"] * 15, *["inkxyz, photo, tree"] * 2), Status.CLEAR)
    catches_not(RULE, _case(*["inkxyz, sketch"] * 10, *["a drawing of a man who holds a photo."] * 9), Status.CLEAR)


@pytest.mark.parametrize("captions", [TAGS, SENTENCES], ids=["tags", "sentences"])
def test_ordinary_captions_are_of_one_kind(captions: tuple[str, ...]) -> None:
    catches_not(RULE, _case(*captions))


def test_grey_pictures_among_coloured_ones_are_named() -> None:
    grey = replace(looked_at(*[{"chroma": 2.0}] * 3), kind="style")
    finding = catches(RULE, grey, Severity.WATCH)
    assert [path.name for path in finding.paths] == ["000.png", "001.png", "002.png"]
    catches_not(RULE, replace(looked_at(*[{"chroma": 2.0}] * 2), kind="style"), Status.CLEAR)


def test_captions_that_say_nothing_decide_nothing() -> None:
    catches_not(RULE, _case(*["inkxyz, 1girl, tree, sky"] * 20), Status.NOT_APPLICABLE)


def test_other_kinds_are_not_asked() -> None:
    captions = [*["a photo of a cat"] * 8, *["a drawing of a cat"] * 8]
    catches_not(RULE, _case(*captions, kind="character"), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
