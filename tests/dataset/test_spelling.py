from __future__ import annotations

import pytest

from orchestrator.dataset.spelling import Speller, is_known, known_tags, spellings


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("looking at veiwer", "looking at viewer"),
        ("whie shirt", "white shirt"),
        ("red eeys", "red eyes"),
        ("serafuuku", "serafuku"),
        ("twintials", "twintails"),
        ("high heelss", None),
        ("simple backgrund", "simple background"),
    ],
)
def test_a_word_one_letter_away_is_found(typo: str, meant: str | None) -> None:
    assert known_tags().meant(typo) == meant


@pytest.mark.parametrize(
    "tag",
    ["belly", "xed hair", "2girls", "smille", "red hair", "o_o", "", "a" * 60, "サクラ", "unknown word", "red chair"],
)
def test_what_is_known_short_or_begins_otherwise_is_left_alone(tag: str) -> None:
    assert known_tags().meant(tag) is None


def test_a_set_may_know_words_of_its_own() -> None:
    own = Speller(["zxqchara", "smile"])
    assert own.meant("zxqchare") == "zxqchara"
    assert own.meant("zxqcahra") == "zxqchara"
    assert own.meant("zxqchara") is None
    assert own.meant("zxqther") is None


def test_tags_are_known_in_any_spelling() -> None:
    assert is_known("fullbody")
    assert not is_known("fulbody")


def test_spellings_are_grouped_and_the_leading_one_is_right() -> None:
    (found,) = spellings([["long hair"], ["long hair"], ["long_hair", "sky"]])
    assert (found.counts, found.odd_captions, found.is_other_name) == ({"long hair": 2, "long_hair": 1}, (2,), False)


def test_a_tag_with_several_spellings_and_names_is_told_as_both() -> None:
    found = spellings([["full body"], ["full_body"], ["outdoors"], ["outdoor"], ["smile"]])
    assert [(group.tag, group.is_other_name) for group in found] == [("full body", False), ("outdoors", True)]
