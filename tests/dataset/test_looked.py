"""A data set and its pixels: what is kept, what is asked for again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.dataset import near as near_module
from orchestrator.dataset.looked import NOT_COMPARED, look_at, recall
from orchestrator.dataset.pixels import look as look_module
from orchestrator.dataset.pixels.cache import SETTLED_S, Cache
from orchestrator.dataset.pixels.measure import measure
from orchestrator.dataset.pixels.model import FACES, WHOLE
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from tests.dataset.pixels.conftest import draw_scene

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.pixels.model import PixelFacts


@pytest.fixture
def found(tmp_path: Path) -> Dataset:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        draw_scene(number).save(folder / f"{number}.png")
    (folder / "copy.png").write_bytes((folder / "2.png").read_bytes())
    _age(folder)
    return scan_dataset([FolderRequest(folder)])


def _age(folder: Path) -> None:
    """Let the files be older than what may still be written to."""
    import os

    for path in folder.iterdir():
        status = path.stat()
        os.utime(path, (status.st_atime - 10 * SETTLED_S, status.st_mtime - 10 * SETTLED_S))


def test_facts_groups_and_equal_files(found: Dataset) -> None:
    told: list[tuple[int, int]] = []
    seen = look_at(found, progress=lambda done, total: told.append((done, total)))
    assert seen.looked is not None
    assert seen.looked.is_whole
    assert set(seen.looked.facts) == {picture.path for picture in found.folders[0].pictures}
    assert [[path.name for path in group.paths] for group in seen.looked.groups or ()] == [["2.png", "copy.png"]]
    assert [[path.name for path in group] for group in seen.equal_files] == [["2.png", "copy.png"]]
    assert told[-1] == (5, 5)
    assert seen.not_looked_at == ()


def test_what_is_kept_is_recalled_without_opening_a_file(
    found: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cache(tmp_path / "cache") as cache:
        first = look_at(found, cache=cache)

    def never(*_args: object, **_more: object) -> PixelFacts:
        raise AssertionError("opened")

    monkeypatch.setattr(look_module, "measure", never)
    monkeypatch.setattr(near_module, "find_matches", never)
    with Cache(tmp_path / "cache") as cache:
        assert look_at(found, cache=cache).looked == first.looked
        again = recall(found, cache)
    assert (again.looked, again.not_looked_at) == (first.looked, ())


def test_a_second_look_reads_no_fingerprint(found: Dataset, tmp_path: Path) -> None:
    """They are three quarters of what is kept: nothing asks for them once the groups are known."""
    with Cache(tmp_path / "cache") as cache:
        first = look_at(found, cache=cache)
    with sqlite3.connect(tmp_path / "cache" / "pixels.sqlite3") as file:
        file.execute("UPDATE facts SET pixels = substr(pixels, 1, 48)")
    told: list[tuple[int, int]] = []
    with Cache(tmp_path / "cache") as cache:
        again = look_at(found, cache=cache, progress=lambda done, total: told.append((done, total)))
    assert (again.looked, again.equal_files, again.not_looked_at) == (first.looked, first.equal_files, ())
    assert told == [(5, 5)]


def test_a_look_for_faces_is_not_served_by_one_without(
    found: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cache(tmp_path / "cache") as cache:
        look_at(found, cache=cache)
    asked: list[int] = []

    def watched(path: str, *, depth: int, **more: Any) -> PixelFacts:
        asked.append(depth)
        return measure(path, depth=WHOLE, **more)

    monkeypatch.setattr(look_module, "why_not", lambda: None)
    monkeypatch.setattr(look_module, "measure", watched)
    with Cache(tmp_path / "cache") as cache:
        look_at(found, cache=cache, with_faces=True)
    assert asked == [FACES] * 5


def test_pictures_that_were_never_compared_say_so(found: Dataset, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        first = look_at(found, cache=cache)
    with sqlite3.connect(tmp_path / "cache" / "pixels.sqlite3") as file:
        file.execute("DELETE FROM compared")
    with Cache(tmp_path / "cache") as cache:
        again = recall(found, cache)
    assert first.looked is not None
    assert again.looked is not None
    assert (again.looked.facts, again.looked.is_whole, again.looked.groups) == (first.looked.facts, True, None)
    assert again.not_looked_at == (NOT_COMPARED,)


def test_nothing_kept_is_nothing_looked_at(found: Dataset, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        assert recall(found, cache) is found


def test_groups_that_were_kept_in_another_form_are_found_anew(found: Dataset, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        first = look_at(found, cache=cache)
    with sqlite3.connect(tmp_path / "cache" / "pixels.sqlite3") as damaged:
        assert damaged.execute("UPDATE compared SET groups = '[[1'").rowcount == 1
    with Cache(tmp_path / "cache") as cache:
        assert look_at(found, cache=cache).looked == first.looked


def test_another_picture_is_another_set(found: Dataset, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        look_at(found, cache=cache)
    folder = found.folders[0].image_dir
    (folder / "second.png").write_bytes((folder / "1.png").read_bytes())
    with Cache(tmp_path / "cache") as cache:
        seen = look_at(scan_dataset([FolderRequest(folder)]), cache=cache).looked
    assert seen is not None
    assert [[path.name for path in group.paths] for group in seen.groups or ()] == [
        ["1.png", "second.png"],
        ["2.png", "copy.png"],
    ]
