"""Room for a run: bytes and files, refused with what is needed and what to change, told where it is near."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.text import same
from orchestrator.plan.disk import disk_need
from orchestrator.plan.network_size import NetworkSize, Ranks, tensors_of, usual_layers
from orchestrator.run.saved import disk
from orchestrator.run.saved.disk import Demand, Room, require_room, room_at, run_need, shortages
from tests.backends.plans import make_plan
from tests.run.small_trainer import english

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.text import Text

PLAN = make_plan(save_every_n_epochs=1, save_state=True)
NEED = disk_need(
    PLAN, NetworkSize(tensors_of(usual_layers("sd15", with_unet=True, with_text=True) or (), Ranks(16)), same(""))
)


def with_room(monkeypatch: pytest.MonkeyPatch, free_bytes: int, free_files: int | None) -> None:
    monkeypatch.setattr(disk, "room_at", lambda folder: Room(folder, 1, free_bytes, free_files))


def test_a_folder_that_is_not_there_yet_is_looked_at_above(tmp_path: Path) -> None:
    room = room_at(tmp_path / "runs" / "not" / "yet")
    told = os.statvfs(tmp_path)
    assert (room.folder, room.device) == (tmp_path, tmp_path.stat().st_dev)
    assert abs(room.free_bytes - told.f_bavail * told.f_frsize) < 512 * 1024 * 1024  # others write meanwhile


def test_whether_hard_links_can_be_made_is_tried_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    plan, folder = make_plan("pocket", save_every_n_epochs=1), tmp_path / "runs"
    linked = run_need(plan, folder=folder)
    assert linked == run_need(plan)
    monkeypatch.setattr(os, "link", refuse)
    assert run_need(plan) == linked
    assert run_need(plan, folder=folder).copies == 2
    assert list(tmp_path.iterdir()) == []


def test_folders_of_one_file_system_share_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with_room(monkeypatch, 100, 10)
    assert not shortages([Demand(Path("/a"), 60, 6)])
    (short,) = shortages([Demand(Path("/a"), 60, 6), Demand(Path("/b"), 60, 6)])
    assert (short.short_bytes, short.short_files) == (20, 2)


def test_too_little_room_is_refused_with_need_free_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with_room(monkeypatch, NEED.size_bytes - 10 * 1024 * 1024, None)
    with pytest.raises(EnvironmentFault) as caught:
        require_room(Path("/runs"), PLAN, NEED, lambda _text: None)
    assert caught.value.exit_code == 4
    (problem,) = caught.value.problems
    assert problem.code == "disk-space"
    assert "free at /runs" in problem.what.en
    assert problem.why is not None
    assert problem.fix is not None
    for word in ("network files", "states", "ballast", "reserve"):
        assert word in problem.why.en
    assert "--runs-dir" in problem.fix.en
    assert "or: `save.checkpoints: " in problem.fix.en
    assert "`save.checkpoints: " in problem.fix.zh


def test_too_few_file_names_are_refused_by_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with_room(monkeypatch, 10**13, NEED.files - 1)
    with pytest.raises(EnvironmentFault) as caught:
        require_room(Path("/runs"), PLAN, NEED, lambda _text: None)
    (problem,) = caught.value.problems
    assert problem.code == "disk-files"
    assert f"{NEED.files} files" in problem.what.en
    assert problem.why is not None
    assert "inodes" in problem.why.en


@pytest.mark.parametrize(("factor", "is_told"), [(1.19, True), (1.21, False)])
def test_near_the_need_is_told(monkeypatch: pytest.MonkeyPatch, factor: float, is_told: bool) -> None:
    told: list[Text] = []
    with_room(monkeypatch, int(NEED.size_bytes * factor), None)
    require_room(Path("/runs"), PLAN, NEED, told.append)
    assert bool(told) == is_told
    assert all("nearly full" in line for line in english(told))


def test_an_unknown_size_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Text] = []
    with_room(monkeypatch, 10**13, None)
    require_room(Path("/runs"), PLAN, replace(NEED, is_known=False), told.append)
    assert "not known" in english(told)[0]


def test_another_file_system_is_looked_at_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {"runs": Room(Path("/runs"), 1, 10**13, None), "cache": Room(Path("/cache"), 2, 10, None)}
    monkeypatch.setattr(disk, "room_at", lambda folder: rooms[folder.name])
    (short,) = shortages([Demand(Path("/runs"), 1000, 1), Demand(Path("/cache"), 100, 1)])
    assert (short.room.folder, short.short_bytes) == (Path("/cache"), 90)


@pytest.mark.parametrize(
    ("options", "size_bytes", "files", "code"),
    [("size=1m", 2 * 1024 * 1024, 1, "disk-space"), ("size=8m,nr_inodes=10", 1, 100, "disk-files")],
)
def test_a_real_small_file_system(
    small_disk: Callable[[str], Path], options: str, size_bytes: int, files: int, code: str
) -> None:
    folder = small_disk(options)
    (short,) = shortages([Demand(folder / "runs", size_bytes, files)])
    assert short.short_bytes > 0 if code == "disk-space" else short.short_files > 0
