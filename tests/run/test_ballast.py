"""The file that is only there to be deleted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.core.rundir import RunDir
from orchestrator.run.saved.ballast import free_ballast, make_ballast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

MIB = 1024 * 1024
RELIABILITY = {"B07 (ballast)": "a full tmpfs of 8 MiB: nothing can be written, then the ballast is let go"}


def test_its_room_is_really_taken_and_comes_back(small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("size=8m")
    path = RunDir(folder).ballast
    assert make_ballast(path, 4 * MIB) is None
    (folder / "filler").write_bytes(b"x" * (4 * MIB - 64 * 1024))
    words = folder / "journal.jsonl"
    written = 0
    try:
        with words.open("wb", buffering=0) as file:
            while written < MIB:
                written += file.write(b"y" * 4096)
    except OSError:
        pass
    assert written < MIB
    assert free_ballast(path) == 4 * MIB
    words.write_bytes(b"z" * MIB)
    assert words.stat().st_size == MIB
    assert free_ballast(path) == 0


def test_a_disk_without_room_has_no_ballast_and_nothing_of_one(small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("size=2m")
    told = make_ballast(folder / ".ballast", 4 * MIB)
    assert told is not None
    assert "No space left" in told.en
    assert "磁盘空间不足" in told.zh
    assert list(folder.iterdir()) == []


def test_there_is_one_ballast_however_often_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / ".ballast"
    assert make_ballast(path, MIB) is None
    assert make_ballast(path, 2 * MIB) is None
    assert path.stat().st_size == MIB
    assert path.stat().st_blocks * 512 >= MIB


def test_without_fallocate_bytes_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    assert make_ballast(tmp_path / ".ballast", 2 * MIB) is None
    assert (tmp_path / ".ballast").stat().st_blocks * 512 >= 2 * MIB
