from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.dataset.caption_edits import (
    adding,
    check_tags,
    edited,
    moving_first,
    plan_edits,
    removing,
    replacing,
)
from orchestrator.dataset.scan import scan_folder

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.caption_edits import Change, Planned


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("zxq, smile", adding("night"), "zxq, smile, night"),
        ("smile", adding("zxq", first=True), "zxq, smile"),
        ("zxq,smile", adding("night"), "zxq,smile,night"),
        ("zxq, Night", adding("night"), "zxq, Night"),
        ("zxq, red_hair, (red hair:1.2), sky", removing(["red hair"]), "zxq, sky"),
        ("zxq, red hair ribbon", removing(["red hair"]), "zxq, red hair ribbon"),
        ("zxq, gray eyes, sky", replacing("gray eyes", "grey eyes"), "zxq, grey eyes, sky"),
        ("zxq, grey eyes, gray eyes", replacing("gray eyes", "grey eyes"), "zxq, grey eyes"),
        ("zxq, long_hair, sky", replacing("long_hair", "long hair"), "zxq, long hair, sky"),
        ("zxq, sky", replacing("gray eyes", "grey eyes"), "zxq, sky"),
        ("smile, zxq, sky", moving_first("zxq"), "zxq, smile, sky"),
        ("smile, sky", moving_first("zxq"), "smile, sky"),
        ("zxq ,, smile , sky", removing(["sky"]), "zxq, , smile"),
    ],
)
def test_only_what_was_asked_for_changes(before: str, change: Change, after: str) -> None:
    assert edited(before, change) == after


@pytest.mark.parametrize("untidy", ["zxq ,, smile , sky\n", " zxq\t", "", "\ufeff\n", ","])
def test_a_caption_the_edit_does_not_touch_stays_to_the_byte(untidy: str) -> None:
    assert edited(untidy, removing(["hat"])) == untidy


def test_mark_further_lines_and_line_ends_stay() -> None:
    text = "\ufeffzxq, hat\r\nhat, a note\r\n"
    assert edited(text, removing(["hat"])) == "\ufeffzxq\r\nhat, a note\r\n"
    assert edited("zxq, hat\rmore", adding("sky")) == "zxq, hat, sky\rmore"


@pytest.mark.parametrize("tag", ["", " ", "a,b", "a\nb", "\ufeffzxq"])
def test_what_is_not_one_tag_is_refused(tag: str) -> None:
    with pytest.raises(InputError):
        check_tags([tag])


def _plan(folder: Path, change: Change, only: str | None = None) -> Planned:
    return plan_edits(scan_folder(folder), change, only)


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """Three captioned pictures; their pixels are of no interest."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a", "b", "night c"):
        (folder / f"{name}.png").write_bytes(b"no picture")
        (folder / f"{name}.txt").write_text(f"zxq, hat, {name}", encoding="utf-8")
    return folder


def test_planning_writes_nothing_and_names_both_lines(captions: Path) -> None:
    before = {path.name: path.read_bytes() for path in captions.iterdir()}
    planned = _plan(captions, removing(["hat"]))
    assert next(edit.lines for edit in planned.edits) == ("zxq, hat, a", "zxq, a")
    assert {path.name: path.read_bytes() for path in captions.iterdir()} == before


def test_an_edit_can_be_kept_to_some_pictures(captions: Path) -> None:
    assert [edit.path.name for edit in _plan(captions, adding("night"), "night*").edits] == ["night c.txt"]
    with pytest.raises(InputError):
        _plan(captions, adding("night"), "nobody*")


def test_what_cannot_be_edited_is_told_and_left_alone(captions: Path, tmp_path: Path) -> None:
    (captions / "a.txt").write_bytes("zxq, hat, 红发".encode("gbk"))
    (captions / "b.txt").rename(tmp_path / "elsewhere.txt")
    (captions / "b.txt").symlink_to(tmp_path / "elsewhere.txt")
    (captions / "night c.txt").write_text("hat", encoding="utf-8")
    planned = _plan(captions, removing(["hat"]))
    assert planned.edits == ()
    told = {one.path.name: one.why.en for one in planned.skipped}
    assert "not UTF-8" in told["a.txt"]
    assert "a link" in told["b.txt"]
    assert "nothing would be left" in told["night c.txt"]


def test_a_caption_that_vanished_or_cannot_be_opened_is_told(captions: Path) -> None:
    read = scan_folder(captions)
    (captions / "a.txt").unlink()
    (captions / "b.txt").unlink()
    os.mkfifo(captions / "b.txt")
    planned = plan_edits(read, removing(["hat"]))
    assert [edit.path.name for edit in planned.edits] == ["night c.txt"]
    assert "No such file" in {one.path.name: one.why.en for one in planned.skipped}["a.txt"]


def test_a_caption_that_two_pictures_share_is_edited_once(captions: Path) -> None:
    (captions / "a.jpg").write_bytes(b"no picture")
    assert len(_plan(captions, removing(["hat"])).edits) == 3
