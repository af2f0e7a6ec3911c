from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.dataset.model import Folder, Picture
from orchestrator.dataset.pairs import find_pairs, is_one_pair, with_shifts
from tests.diagnose.cases import dataset


def _folder(name: str, *stems: str, width: int = 640) -> Folder:
    root = Path("set") / name
    return Folder(root, tuple(Picture(root / f"{stem}.png", width, 800, 10, "png") for stem in stems), ".txt")


@pytest.mark.parametrize(
    ("before", "after"), [("source", "target"), ("Before", "after"), ("control", "edited"), ("10_before", "1_after")]
)
def test_folders_that_say_which_half_they_hold(before: str, after: str) -> None:
    pairs = find_pairs([_folder(before, "1", "2", "3"), _folder(after, "1", "2")])
    assert [(pair.name, pair.is_whole) for pair in pairs] == [("1", True), ("2", True), ("3", False)]
    assert pairs[0].before == Path("set") / before / "1.png"
    assert pairs[0].sizes == ((640, 800), (640, 800))


def test_names_that_end_in_the_half() -> None:
    pairs = find_pairs([_folder("images", "a_before", "a_after", "b-input", "b-output", "c.src")])
    assert [(Path(pair.name).name, pair.is_whole) for pair in pairs] == [("a", True), ("b", True), ("c", False)]


def test_single_pictures_are_no_pairs_whatever_a_few_are_called() -> None:
    assert find_pairs([_folder("images", "a", "b", "sunset_before", "c", "d")]) == ()
    assert find_pairs([_folder("images", *(str(i) for i in range(8)), "x_before", "x_after")]) == ()


def test_halves_of_two_folders_are_no_pair() -> None:
    assert find_pairs([_folder("one", "1_before"), _folder("two", "1_after")]) == ()


def test_what_cannot_be_read_is_left_as_it_is() -> None:
    (pair,) = with_shifts(find_pairs([_folder("source", "1"), _folder("target", "1")]))
    assert (pair.is_whole, pair.shift) == (True, None)


def test_halves_of_one_pair_are_alike_on_purpose() -> None:
    from dataclasses import replace

    pairs = find_pairs([_folder("source", "1", "2"), _folder("target", "1", "2")])
    found = replace(dataset(), pairs=pairs)
    first, second = Path("set/source/1.png"), Path("set/target/1.png")
    assert is_one_pair(found, (first, second))
    assert not is_one_pair(found, (first, second, Path("set/source/2.png")))
