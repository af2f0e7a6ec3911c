from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.looked import Looked
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.plain_background import NAMED, RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.looked_at import SOUND, looked_at, not_looked_at


def _case(plain: int, total: int = 20, kind: str | None = "character", word: str = "smile") -> Case:
    pictures = [picture(f"{i:03}.png", f"alicexyz, {word}") for i in range(total)]
    facts = {p.path: replace(SOUND, background_share=0.7 if place < plain else 0.0) for place, p in enumerate(pictures)}
    return Case(dataset=replace(dataset(folder(pictures)), looked=Looked(facts)), kind=kind)


def test_mostly_plain_backgrounds_are_told_with_their_pictures() -> None:
    finding = catches(RULE, _case(16), Severity.WATCH)
    assert "16 of 20 pictures" in finding.message.en
    assert ([fact.value for fact in finding.evidence], len(finding.paths)) == ([80, 0], 16)


@pytest.mark.parametrize(
    ("kind", "unnamed", "named"),
    [
        ("character", Severity.WATCH, Severity.INFO), ("object", Severity.WATCH, Severity.INFO), (None, Severity.WATCH, Severity.INFO),
        ("style", Severity.FIX, Severity.WATCH),
    ],
)  # fmt: skip
def test_a_style_needs_surroundings_more_and_what_captions_name_is_told_softly(
    kind: str | None, unnamed: Severity, named: Severity
) -> None:
    catches(RULE, _case(20, kind=kind), unnamed)
    catches(RULE, _case(20, kind=kind, word="white_background"), named)


def test_three_of_five_may_be_plain() -> None:
    finding = catches_not(RULE, _case(12), Status.CLEAR)
    assert finding.evidence[0].value == 60


@pytest.mark.parametrize(
    "caption",
    [
        "alicexyz, simple background", "alicexyz, white_background", "a mug on a plain white background.", "a man before a grey studio backdrop",
        "a toy isolated on white", "她站在白色背景前", "alicexyz, 简单背景", "against a plain white wall", "solid light blue background", "cut-out",
    ],
)  # fmt: skip
def test_words_that_name_a_plain_background(caption: str) -> None:
    finding = catches(RULE, _case(20, word=caption), Severity.INFO)
    assert finding.evidence[1].value == 100


@pytest.mark.parametrize(
    "caption", ["blurry background", "city in the background", "white dress, forest background", "a white wall clock"]
)
def test_other_words_do_not(caption: str) -> None:
    assert NAMED.search(caption) is None


def test_fields_of_one_colour_edit_pairs_and_small_sets_are_not_asked() -> None:
    catches_not(RULE, _case(9, 9), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(20, kind="edit"), Status.NOT_APPLICABLE)
    catches_not(RULE, looked_at(*[{"background_share": 1.0, "contrast": 0.0}] * 20), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)
    catches_not(RULE, looked_at(*[{"background_share": 0.7}] * 20, is_whole=False), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
