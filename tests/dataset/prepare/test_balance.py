"""Kinds of shots, and repeats that show them equally often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset.below import scan_below
from orchestrator.dataset.prepare.balance import MOST_TIMES, balanced
from orchestrator.dataset.prepare.shots import SHOTS, UNNAMED, kind_of_shot, shot_words
from orchestrator.dataset.vocabulary import vocabulary, written
from tests.dataset.prepare.conftest import Set, codes, picture


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("zxq, smile, closeup, red wall", "close-up"),
        ("zxq, full-body, standing, closed mouth", "full-body"),
        ("zxq, full body, from behind, street", "back"),
        ("zxq, cowboy_shot, smile, street", "upper-body"),
        ("zxq, smile, street, red wall", UNNAMED),
        ("a photo of zxq woman, full body, standing in the street with a dog.", "full-body"),
        ("A full-body picture of a woman who is standing in a street with her dog.", "full-body"),
        ("zxq is seen from behind, walking along a street that leads to the sea.", "back"),
        ("A full-length portrait of alice", "full-body"),
        ("A photo of alice from the waist up", "upper-body"),
        ("alice, head to toe, smile, street", "full-body"),
        ("zxq, 全身, 站立", "full-body"),
        ("zxq, bust, smile, wall", "upper-body"),
        ("zxq, eye focus, smile, wall", "close-up"),
        ("zxq, full body, close-up, wall", UNNAMED),
        ("no humans, street, wall, forest", UNNAMED),
        (None, UNNAMED),
        ("", UNNAMED),
    ],
)
def test_captions_name_kinds(caption: str | None, kind: str) -> None:
    assert kind_of_shot(caption) == kind


def test_every_word_of_a_kind_stands_in_our_list_as_we_write_it() -> None:
    for word in (word for words in SHOTS.values() for word in words):
        assert written(word) == word
        assert vocabulary().category(word) in {"framing", "view"}


def test_words_of_hair_and_place_make_no_other_shot() -> None:
    assert shot_words("zxq, red hair, forest, night, smile") == {"smile"}


def test_the_rare_are_shown_as_often() -> None:
    assert balanced({"close-up": 12, "upper-body": 6, "full-body": 3, "detail": 1, UNNAMED: 5}) == {
        "close-up": 1, "upper-body": 2, "full-body": 4, "detail": MOST_TIMES, UNNAMED: 1,
    }  # fmt: skip
    assert balanced({"close-up": 10, "full-body": 7}, base=10) == {"close-up": 10, "full-body": 14}
    assert balanced({UNNAMED: 5}, base=3) == {UNNAMED: 3}


@given(st.dictionaries(st.sampled_from(sorted(SHOTS)), st.integers(1, 500), min_size=1), st.integers(1, 20))
def test_exposures_are_even_within_the_limit(pictures: dict[str, int], base: int) -> None:
    repeats = balanced(pictures, base)
    most = base * max(pictures.values())
    for kind, number in pictures.items():
        assert base <= repeats[kind] <= base * MOST_TIMES
        # Even to half a repeat, unless the limit stops it.
        assert abs(repeats[kind] * number - most) <= number / 2 + 1e-6 or repeats[kind] == base * MOST_TIMES


def test_folders_by_repeats_with_the_arithmetic(pictures: Set) -> None:
    pictures.old = pictures.old.rename(pictures.old.with_name("2_zxq"))
    for seed, tags in enumerate(["close-up"] * 4 + ["full body"] * 2 + ["street"]):
        pictures.draw(f"{seed}.png", seed, f"zxq, {tags}, smile, wall")
    told = pictures.prepare(layout="repeats", balance=True)
    assert [file for file in pictures.files if file.endswith(".png")] == [
        "2_zxq/0.png", "2_zxq/1.png", "2_zxq/2.png", "2_zxq/3.png", "2_zxq/6.png", "4_zxq/4.png", "4_zxq/5.png",
    ]  # fmt: skip
    assert told["exposures"] == [
        {"folder": "2_zxq", "shot": "close-up", "pictures": 4, "repeats": 2, "exposures": 8},
        {"folder": "4_zxq", "shot": "full-body", "pictures": 2, "repeats": 4, "exposures": 8},
        {"folder": "2_zxq", "shot": "unnamed", "pictures": 1, "repeats": 2, "exposures": 2},
    ]
    assert (picture(told, "4.png")["shot"], picture(told, "4.png")["repeats"]) == ("full-body", 4)


def test_a_concept_of_ones_own(pictures: Set) -> None:
    pictures.draw("a.png", 1)
    pictures.prepare(layout="repeats", concept="alice girl", repeats=7)
    assert pictures.files == ["7_alice girl/a.png"]


def test_what_is_not_trained_on_keeps_its_place_and_its_repeats(pictures: Set) -> None:
    for seed, tags in enumerate(["close-up"] * 4 + ["full body"]):
        pictures.draw(f"train/2_zxq/{seed}.png", seed, f"zxq, {tags}, wall")
        pictures.draw(f"reg/1_girl/{seed}.png", 20 + seed, f"girl, {tags}, wall")
    pictures.draw("val/9.png", 40, "zxq, close-up, wall")
    told = pictures.prepare(layout="repeats", repeats=3, balance=True)
    assert sorted({file.rpartition("/")[0] for file in pictures.files}) == [
        "12_zxq", "3_zxq", "reg/1_girl", "val/1_val",
    ]  # fmt: skip
    assert {one["folder"] for one in told["exposures"]} == {"12_zxq", "3_zxq"}
    assert picture(told, "reg/1_girl/4.png")["role"] == "regularisation"
    assert sum("by the names of their folders" in note for note in told["notes"]) == 2


def test_a_picture_that_is_trained_on_is_kept_apart_from_nothing_else(pictures: Set) -> None:
    pictures.draw("train/2_zxq/a.png", 1)
    pictures.draw("train/2_zxq/b.png", 2)
    pictures.draw("reg/1_girl/a.png", 1, "girl")
    pictures.draw("reg/1_girl/c.png", 3)
    pictures.draw("val/b.png", 2, size=(480, 600))
    told = pictures.prepare(layout="repeats")
    assert pictures.files == ["2_zxq/a.png", "2_zxq/b.png", "reg/1_girl/c.png"]
    assert codes(told, "reg/1_girl/a.png") == codes(told, "val/b.png") == ["trained-on"]
    # Words about the class are none about the subject.
    assert picture(told, "train/2_zxq/a.png")["caption"] is None
    assert not any("two concepts" in note for note in told["notes"])


@pytest.mark.parametrize("name", ["{}/{}.png", "5_zxq/{1}_{0}.png"])
def test_halves_of_a_pair_stay_together_and_are_found_again(pictures: Set, name: str) -> None:
    for number, tags in enumerate(["close-up"] * 3 + ["full body"]):
        pictures.draw(name.format("before", number), number, size=(64, 64))
        pictures.draw(name.format("after", number), 20 + number, f"zxq, {tags}, wall", size=(64, 64))
    told = pictures.prepare(layout="repeats", balance=True)
    files = {one["source"]: one["files"][0]["path"] for one in told["pictures"]}
    repeats = {one["source"]: one["repeats"] for one in told["pictures"]}
    first, second = name.format("before", 3), name.format("after", 3)
    assert repeats[first] == repeats[second] == 3 * repeats[name.format("after", 0)]
    assert files[first].partition("_")[0] == files[second].partition("_")[0]
    assert sum(row["pictures"] for row in told["exposures"]) == 4
    assert [pair.is_whole for pair in scan_below(pictures.new).pairs] == [True] * 4


def test_a_concept_may_have_regularisation_pictures_beside_it(pictures: Set) -> None:
    pictures.draw("2_zxq/a.png", 1, size=(64, 64))
    pictures.draw("reg/1_girl/b.png", 2, size=(64, 64))
    told = pictures.prepare(layout="repeats", concept="alice", keep_copies=True)
    assert pictures.files == ["2_alice/a.png", "reg/1_girl/b.png"]
    assert not any("left out" in note for note in told["notes"])
