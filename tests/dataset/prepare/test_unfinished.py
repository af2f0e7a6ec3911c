"""A new folder is whole or not there; what a killed run left is taken away, and nothing else is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.prepare import write as write_module
from orchestrator.dataset.prepare.unfinished import LOCK, MARK, UnfinishedFolder

if TYPE_CHECKING:
    from tests.dataset.prepare.conftest import Set

FILES = (PurePosixPath("a.png"), PurePosixPath("sub/b.png"))


def _killed(folder: Path) -> Path:
    """Leave what a run leaves that is killed after its first file."""
    unfinished = UnfinishedFolder(folder, FILES)
    unfinished.__enter__()
    (unfinished.path / "sub" / "b.png").write_bytes(b"half")
    assert unfinished._lock is not None
    unfinished._lock.release()
    return unfinished.path


def test_finished_it_holds_its_files_and_nothing_else(tmp_path: Path) -> None:
    with UnfinishedFolder(tmp_path / "new", FILES) as unfinished:
        assert unfinished.path.name == "new.unfinished"
        for file in FILES:
            (unfinished.path / file).write_bytes(b"x")
        assert not (tmp_path / "new").exists()
        unfinished.finish()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "new", "new/a.png", "new/sub", "new/sub/b.png",
    ]  # fmt: skip


def test_an_empty_folder_may_be_there_and_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with UnfinishedFolder(tmp_path / "link", FILES) as unfinished:
        (unfinished.path / "a.png").write_bytes(b"x")
        unfinished.finish()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.png").read_bytes() == b"x"


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), UnfinishedFolder(tmp_path / "new", FILES) as unfinished:  # noqa: PT012
        (unfinished.path / "a.png").write_bytes(b"x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="No space left"), UnfinishedFolder(tmp_path / "new", FILES):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path) -> None:
    left = _killed(tmp_path / "new")
    assert sorted(path.name for path in left.iterdir()) == [LOCK, "sub", MARK]
    with UnfinishedFolder(tmp_path / "new", FILES[:1]) as unfinished:
        assert unfinished.has_cleared
        assert not (unfinished.path / "sub").exists()
        unfinished.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("mark", ["whole", "damaged", "missing"])
def test_what_is_not_ours_stops_it(tmp_path: Path, mark: str) -> None:
    left = _killed(tmp_path / "new")
    (left / "mine.png").write_bytes(b"mine")
    if mark == "damaged":
        (left / MARK).write_text("{")
    if mark == "missing":
        (left / MARK).unlink()
    with pytest.raises(InputError, match=r"mine\.png"), UnfinishedFolder(tmp_path / "new", FILES):
        pass
    assert (left / "mine.png").read_bytes() == b"mine"
    assert not (tmp_path / "new").exists()


def test_a_list_that_leads_out_of_the_folder_deletes_nothing_there(tmp_path: Path) -> None:
    left = _killed(tmp_path / "new")
    (tmp_path / "mine.png").write_bytes(b"mine")
    listed = '{"record": "unfinished-dataset", "version": 1, "files": ["../mine.png", "%s", "sub/b.png"]}'
    (left / MARK).write_text(listed % (tmp_path / "mine.png"))
    with UnfinishedFolder(tmp_path / "new", FILES):
        pass
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_two_at_once_are_told(tmp_path: Path) -> None:
    with UnfinishedFolder(tmp_path / "new", FILES) as first:
        with pytest.raises(InputError, match="another run"), UnfinishedFolder(tmp_path / "new", FILES):
            pass
        (first.path / "a.png").write_bytes(b"x")
        first.finish()
    assert (tmp_path / "new" / "a.png").exists()


def test_what_came_to_lie_there_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not empty"), UnfinishedFolder(tmp_path / "new", FILES) as unfinished:  # noqa: PT012
        (unfinished.path / "a.png").write_bytes(b"x")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "mine.txt").write_text("mine")
        unfinished.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "mine.txt").read_text() == "mine"


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("mine")
    with pytest.raises(InputError, match="is a file"), UnfinishedFolder(tmp_path / "new", FILES):
        pass
    (tmp_path / "other.unfinished").write_text("mine")
    with pytest.raises(InputError, match="in the way"), UnfinishedFolder(tmp_path / "other", FILES):
        pass


def test_prepare_interrupted_between_two_pictures_leaves_nothing(
    pictures: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        pictures.draw(f"{seed}.png", seed)
    write = write_module._write

    def interrupted(draft: object, *rest: object) -> object:
        if draft.path.name == "2.png":  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return write(draft, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(write_module, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pictures.prepare()
    assert [path.name for path in pictures.old.parent.iterdir()] == ["old"]
