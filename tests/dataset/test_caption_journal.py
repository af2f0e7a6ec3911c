from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

import filelock
import pytest

from orchestrator.core.errors import EnvironmentFault, InputError, RecordError
from orchestrator.core.text import Text
from orchestrator.dataset import caption_journal
from orchestrator.dataset.caption_edits import adding, plan_edits, removing
from orchestrator.dataset.caption_journal import FOLDER, apply_edits, undo_last
from orchestrator.dataset.scan import scan_folder

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.caption_edits import Change
    from orchestrator.dataset.caption_journal import Written

CAPTIONS = {
    "a.txt": b"zxq, hat, smile",
    "b.txt": b"\xef\xbb\xbfzxq,hat\r\nsecond line\r\n",
    "c.txt": "zxq, hat, 红发\u2028x\n".encode(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    made.mkdir()
    for name, text in CAPTIONS.items():
        (made / name.replace(".txt", ".png")).write_bytes(b"no picture")
        (made / name).write_bytes(text)
    return made


def _edit(folder: Path, change: Change) -> Written:
    return apply_edits(folder, plan_edits(scan_folder(folder), change).edits, "test")


def _captions(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


def test_what_was_applied_is_undone_to_the_byte(folder: Path) -> None:
    done = _edit(folder, removing(["hat"]))
    assert _captions(folder)["b.txt"] == b"\xef\xbb\xbfzxq\r\nsecond line\r\n"
    assert [edit.path.name for edit in done.done] == list(CAPTIONS)
    assert len(undo_last(folder).done) == 3
    assert _captions(folder) == CAPTIONS


def test_edits_are_taken_back_last_first_and_then_there_is_none(folder: Path) -> None:
    _edit(folder, adding("one"))
    after_one = _captions(folder)
    _edit(folder, adding("two"))
    undo_last(folder)
    assert _captions(folder) == after_one
    undo_last(folder)
    assert _captions(folder) == CAPTIONS
    with pytest.raises(InputError):
        undo_last(folder)
    assert (_edit(folder, adding("three")).journal or folder).name == "captions-0003.jsonl"


def test_of_a_folder_of_folders_those_with_an_edit_are_named(folder: Path) -> None:
    wrap = folder.parent / "wrap"
    one, two, undone = (shutil.copytree(folder, wrap / "deep" / name) for name in ("10_one", "10_two", "10_undone"))
    for edited in (one, two, undone):
        _edit(edited, adding("hat stand"))
    undo_last(undone)
    with pytest.raises(InputError) as caught:
        undo_last(wrap)
    (problem,) = caught.value.problems
    assert (problem.code, problem.fix) == (
        "edits-only-below",
        Text(f"name one of them: `{one}`, `{two}`", f"请指定其中一个：`{one}`、`{two}`"),
    )
    assert not (wrap / FOLDER).exists()
    undo_last(one)
    undo_last(two)
    with pytest.raises(InputError) as caught:
        undo_last(wrap)
    assert [problem.code for problem in caught.value.problems] == ["nothing-to-undo"]


def test_nothing_to_edit_leaves_no_trace(folder: Path) -> None:
    assert _edit(folder, removing(["sky"])).journal is None
    assert not (folder / FOLDER).exists()
    with pytest.raises(InputError):
        undo_last(folder)
    assert not (folder / FOLDER).exists()


def test_a_caption_changed_since_is_refused_and_the_others_restored(folder: Path) -> None:
    _edit(folder, removing(["hat"]))
    (folder / "a.txt").write_bytes(b"mine")
    back = undo_last(folder)
    assert [one.path.name for one in back.skipped] == ["a.txt"]
    assert _captions(folder) == {**CAPTIONS, "a.txt": b"mine"}
    (folder / "a.txt").write_bytes(b"zxq, smile")
    assert [edit.path.name for edit in undo_last(folder).done] == ["a.txt"]
    assert _captions(folder) == CAPTIONS


def test_changed_captions_can_be_left_behind(folder: Path) -> None:
    _edit(folder, adding("one"))
    _edit(folder, removing(["hat"]))
    (folder / "a.txt").write_bytes(b"mine")
    assert undo_last(folder, leave_changed=True).skipped
    assert [edit.path.name for edit in undo_last(folder, leave_changed=True).done] == ["b.txt", "c.txt"]
    assert _captions(folder) == {**CAPTIONS, "a.txt": b"mine"}


def test_a_caption_changed_between_plan_and_writing_is_left_alone(folder: Path) -> None:
    edits = plan_edits(scan_folder(folder), removing(["hat"])).edits
    (folder / "a.txt").write_bytes(b"mine")
    (folder / "b.txt").unlink()
    done = apply_edits(folder, edits, "test")
    assert {one.path.name for one in done.skipped} == {"a.txt", "b.txt"}
    assert _captions(folder) == {"a.txt": b"mine", "c.txt": "zxq, 红发\u2028x\n".encode()}


def test_an_edit_that_was_cut_off_is_taken_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = caption_journal._write, []

    def dies(path: Path, content: bytes, like: Path | None = None) -> None:
        calls.append(path.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(path, content, like)

    monkeypatch.setattr(caption_journal, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        _edit(folder, removing(["hat"]))
    assert calls[0] == "captions-0001.jsonl"
    monkeypatch.undo()
    assert _captions(folder) != CAPTIONS
    assert [edit.path.name for edit in undo_last(folder).done] == ["a.txt"]
    assert _captions(folder) == CAPTIONS


def test_two_edits_at_once_are_refused(folder: Path) -> None:
    (folder / FOLDER).mkdir()
    with filelock.FileLock(folder / FOLDER / "lock"), pytest.raises(EnvironmentFault) as refused:
        _edit(folder, removing(["hat"]))
    assert refused.value.problems[0].code == "captions-locked"
    assert _captions(folder) == CAPTIONS


def test_where_no_journal_can_be_written_no_caption_is_touched(folder: Path) -> None:
    (folder / FOLDER).write_bytes(b"in the way")
    with pytest.raises(EnvironmentFault) as refused:
        _edit(folder, removing(["hat"]))
    assert refused.value.problems[0].code == "captions-not-writable"
    assert _captions(folder) == CAPTIONS


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(folder: Path) -> None:
    folder.chmod(0o555)
    try:
        with pytest.raises(EnvironmentFault):
            _edit(folder, removing(["hat"]))
    finally:
        folder.chmod(0o755)
    assert _captions(folder) == CAPTIONS


def test_the_mode_of_a_caption_stays_and_nothing_is_left_over(folder: Path) -> None:
    (folder / "a.txt").chmod(0o640)
    _edit(folder, removing(["hat"]))
    assert stat.S_IMODE((folder / "a.txt").stat().st_mode) == 0o640
    assert not list(folder.glob(".*.part"))


def test_pictures_are_never_touched_and_the_journal_is_no_caption(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    _edit(folder, removing(["hat"]))
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")} == before
    read = scan_folder(folder)
    assert (read.nested, read.orphan_captions) == ((), ())


@pytest.mark.parametrize("damage", ["cut", "text", "path", "version", "empty"])
def test_a_damaged_journal_restores_nothing(folder: Path, damage: str) -> None:
    journal = _edit(folder, removing(["hat"])).journal
    assert journal is not None
    after = _captions(folder)
    head, first, *rest = journal.read_text(encoding="utf-8").split("\n")
    row = json.loads(first)
    text = {
        "cut": "\n".join([head, first[: len(first) // 2]]),
        "text": "\n".join([head, json.dumps({**row, "before": "other"}), *rest]),
        "path": "\n".join([head, json.dumps({**row, "file": "../a.txt"}), *rest]),
        "version": "\n".join([json.dumps({**json.loads(head), "version": 2}), first, *rest]),
        "empty": "",
    }[damage]
    journal.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError):
        undo_last(folder)
    assert _captions(folder) == after
