"""Is there room for what a run will write? Bytes and files, on every file system concerned, before anything is started.

A user's quota is not seen by `statvfs`: a run that meets one ends as on a full disk.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.number_text import size
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text
from orchestrator.plan.disk import disk_need, parts_line, ways_to_save
from orchestrator.run.saved.keeper import KEPT_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.plan.disk import DiskNeed
    from orchestrator.plan.model import Plan

NEAR = 1.2
"""Less room than this many times the need is told: others write on the disk too."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the file system of a folder."""

    folder: Path
    """The folder that was asked for, or the nearest one above it that exists."""
    device: int
    """Number of the file system: two folders with the same share their room."""
    free_bytes: int
    free_files: int | None
    """None: the file system makes room for file names as they come."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What will be written below one folder."""

    folder: Path
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A file system with less room than what will be written there."""

    room: Room
    size_bytes: int
    files: int

    @property
    def short_bytes(self) -> int:
        """Bytes that are missing."""
        return max(0, self.size_bytes - self.room.free_bytes)

    @property
    def short_files(self) -> int:
        """File names that are missing."""
        return 0 if self.room.free_files is None else max(0, self.files - self.room.free_files)


def run_need(plan: Plan, after_step: int = 0, folder: Path | None = None) -> DiskNeed:
    """Return what a run of `plan` writes at most after `after_step` optimizer steps, old states let go as this tool does.

    `folder`: where run folders are; where it knows no hard links, network files lie there twice. Reads the headers of the base
    model's files.
    """
    from orchestrator.backends.network_size import network_size

    copies = 1 if folder is None or knows_links(folder) else 2
    return disk_need(plan, network_size(plan), keep_states=KEPT_STATES, copies=copies, after_step=after_step)


def knows_links(folder: Path) -> bool:
    """Whether hard links can be made at `folder`, which need not exist yet; True where nothing can be written there at all."""
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix=".probe-", dir=_nearest(folder)) as made:
        first = Path(made) / "a"
        first.touch()
        try:
            os.link(first, first.with_name("b"))
        except OSError:
            return False
    return True


def room_at(folder: Path) -> Room:
    """Return what this user may still write at `folder`, which need not exist yet. Raises OSError where nothing can be asked."""
    place = _nearest(folder)
    device = place.stat().st_dev
    if not hasattr(os, "statvfs"):  # Windows
        return Room(place, device, shutil.disk_usage(place).free, None)
    told = os.statvfs(place)
    return Room(place, device, told.f_bavail * told.f_frsize, told.f_favail if told.f_files else None)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def free_bytes_at(folder: Path) -> int:
    """Return the bytes this user may still write at `folder`; 0 where no file can be made there any more."""
    room = room_at(folder)
    return 0 if room.free_files == 0 else room.free_bytes


def shortages(demands: Iterable[Demand], factor: float = 1.0) -> tuple[Shortage, ...]:
    """Return each file system that has less room than `factor` times what will be written there, all its folders together."""
    rooms: dict[int, Room] = {}
    asked: dict[int, tuple[int, int]] = {}
    for demand in demands:
        room = room_at(demand.folder)
        rooms.setdefault(room.device, room)
        size_bytes, files = asked.get(room.device, (0, 0))
        asked[room.device] = size_bytes + demand.size_bytes, files + demand.files
    found = (
        Shortage(room, math.ceil(asked[device][0] * factor), math.ceil(asked[device][1] * factor))
        for device, room in rooms.items()
    )
    return tuple(one for one in found if one.short_bytes or one.short_files)


def require_room(folder: Path, plan: Plan, need: DiskNeed, tell: Callable[[Text], None]) -> None:
    """Refuse a run that has no room at `folder`, where the run folders are; tell where it is near.

    Raises EnvironmentFault with what is needed, what is free, and what to change.
    """
    demands = [Demand(folder, need.size_bytes, need.files)]
    try:
        short = shortages(demands)
        near = shortages(demands, NEAR)
    except OSError as error:
        raise EnvironmentFault([_cannot_ask(folder, error)]) from error
    if short:
        raise EnvironmentFault([_problem(one, plan, need) for one in short])
    if not need.is_known:
        tell(
            Text(
                "how much the network files take is not known: the disk was looked at for the rest alone",
                "模型文件的大小未知：只检查了其余部分所需的磁盘空间",
            )
        )
    for one in near:
        tell(_near(one))


def _problem(short: Shortage, plan: Plan, need: DiskNeed) -> Problem:
    room, parts = short.room, parts_line(need)
    if not short.short_bytes:
        return Problem(
            "disk-files",
            Text(
                f"the run may write {short.files} files, the file system of {room.folder} has room for {room.free_files}",
                f"本次训练最多写入 {short.files} 个文件，{room.folder} 所在的文件系统只能再放 {room.free_files} 个",
            ),
            why=Text("it has run out of inodes, whatever its free bytes", "它的 inode 已用完，与剩余字节无关"),
            fix=Text("delete files there, or put the runs on another disk with `--runs-dir`", "删除该处的文件，或用 `--runs-dir` 换一块磁盘"),
        )  # fmt: skip
    ways = ways_to_save(plan, need, short.short_bytes)
    return Problem(
        "disk-space",
        Text(
            f"the run may write {size(short.size_bytes)}, {size(room.free_bytes)} are free at {room.folder}",
            f"本次训练最多写入 {size(short.size_bytes)}，{room.folder} 只剩 {size(room.free_bytes)}",
        ),
        why=Text(
            f"a full disk ends the run and loses what is being saved; it needs: {parts.en}",
            f"磁盘写满会中断训练并丢失正在保存的文件；需要：{parts.zh}",
        ),
        fix=Text(
            "; ".join(["free space, or put the runs on another disk with `--runs-dir`", *(f"or: {way.en}" for way in ways)]),
            "；".join(["清理空间，或用 `--runs-dir` 换一块磁盘", *(f"或者：{way.zh}" for way in ways)]),
        ),
    )  # fmt: skip


def _near(short: Shortage) -> Text:
    room, needed = short.room, size(math.ceil(short.size_bytes / NEAR))
    if not short.short_bytes:
        files = math.ceil(short.files / NEAR)
        return Text(
            f"the disk is nearly full: {files} files may be written, {room.folder} has room for {room.free_files}",
            f"磁盘快满了：最多写入 {files} 个文件，{room.folder} 还能放 {room.free_files} 个",
        )
    return Text(
        f"the disk is nearly full: up to {needed} will be written, {size(room.free_bytes)} are free at {room.folder}",
        f"磁盘快满了：最多写入 {needed}，{room.folder} 还剩 {size(room.free_bytes)}",
    )


def _cannot_ask(folder: Path, error: OSError) -> Problem:
    return Problem(
        "cannot-write",
        Text(f"the run folder cannot be written: {folder}", f"无法写入训练文件夹：{folder}"),
        why=reason_of(error),
        fix=Text("choose another place with `--runs-dir`", "用 `--runs-dir` 换一个目录"),
    )
