from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.dataset.model import Folder, Picture
from orchestrator.dataset.pairs import Pair, find_pairs, is_one_pair, with_shifts
from orchestrator.dataset.pixels import decode as decoding
from orchestrator.dataset.pixels.cache import Cache
from tests.dataset.pixels.conftest import draw_scene
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


def test_what_was_measured_once_is_kept_by_the_contents_of_both_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{name}.png" for name in ("a_before", "a_after")]
    for number, path in enumerate(paths):
        scene = draw_scene(1, (240, 300))
        scene.paste((200 * number, 0, 0), (60, 60, 120, 120))
        scene.save(path)
    pairs = [Pair("a", paths[0], paths[1])]
    told: list[tuple[int, int]] = []
    with Cache(tmp_path / "cache") as cache:
        first = with_shifts(pairs, dict.fromkeys(paths, b"one"), cache, lambda done, total: told.append((done, total)))
    assert first[0].shift is not None
    assert first[0].difference is not None
    monkeypatch.setattr(decoding, "decode", lambda _path: pytest.fail("decoded again"))
    with Cache(tmp_path / "cache") as cache:
        assert with_shifts(pairs, dict.fromkeys(paths, b"one"), cache) == first
        with pytest.raises(pytest.fail.Exception):
            with_shifts(pairs, dict.fromkeys(paths, b"other"), cache)
    assert told == [(1, 1)]


def test_what_was_kept_and_damaged_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair("a", tmp_path / "a_before.png", tmp_path / "a_after.png")]
    digests = {tmp_path / "a_before.png": b"1", tmp_path / "a_after.png": b"2"}
    with Cache(tmp_path / "cache") as cache:
        monkeypatch.setattr(cache, "change_of", lambda _halves: "[[1], 2]")
        assert with_shifts(pairs, digests, cache) == tuple(pairs)
