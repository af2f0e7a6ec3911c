from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.durable import flush, link_or_copy, name_new

if TYPE_CHECKING:
    from pathlib import Path


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, refused)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_does_not_take_a_file_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "a").write_text("a")
    refuse(monkeypatch, "fsync", number)
    with pytest.raises(OSError, match=os.strerror(number)):
        flush(tmp_path / "a")
    with pytest.raises(OSError, match=os.strerror(number)):
        link_or_copy(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    flush(tmp_path)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_that_knows_no_flushing_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "a").write_text("a")
    refuse(monkeypatch, "fsync", number)
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")


@pytest.mark.parametrize("has_links", [True, False])
def test_a_finished_file_takes_only_a_free_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    if not has_links:
        refuse(monkeypatch, "link", errno.EPERM)
    beside = tmp_path / ".a.part"
    beside.write_text("new")
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileExistsError):
        name_new(beside, tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    (tmp_path / "a").unlink()
    name_new(beside, tmp_path / "a")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "new")]


def test_half_a_copy_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(_source: Path, target: Path) -> None:
        target.write_text("ha")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").write_text("half")
    refuse(monkeypatch, "link", errno.EPERM)
    monkeypatch.setattr("shutil.copyfile", torn)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        link_or_copy(tmp_path / "a", tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
