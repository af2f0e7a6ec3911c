"""Who may train where: one process per run folder, one run per GPU. A lock dies with its process, `kill -9` included."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record, write_record
from orchestrator.core.text import Text
from orchestrator.run.records.identity import ProcessIdentity, identity_of, lives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.model import Plan

KIND = "owner"
VERSION = 1
_PATIENCE_S = 1.0
"""Somebody who only asks whether the lock is held may hold it for a moment."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds or last held a lock."""

    pid: int
    started: str
    boot: str
    since: str
    """ISO 8601, UTC."""
    run: str = ""
    """Name of the run folder."""

    @property
    def identity(self) -> ProcessIdentity:
        """The process, so that a later one of the same number is not taken for it."""
        return ProcessIdentity(self.pid, self.started, self.boot)


@contextlib.contextmanager
def run_locked(rundir: RunDir) -> Iterator[None]:
    """Hold the run folder. Raises InputError, exit code 2, when another living process holds it."""
    with _held(rundir.lock, rundir.owner_json, rundir.root.name, _run_taken):
        yield


@contextlib.contextmanager
def gpus_locked(plan: Plan, *, is_shared: bool = False) -> Iterator[None]:
    """Hold every GPU that the run will use; none for a trainer that uses none. Raises InputError as above."""
    with contextlib.ExitStack() as held:
        for gpu in () if is_shared or plan.family == "pocket" else gpus_of(plan.num_processes, os.environ):
            held.enter_context(
                gpu_locked(user_data_path("lora-orchestrator", appauthor=False) / "locks", gpu, plan.name)
            )
        yield


def gpus_of(num_processes: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs that a run takes, by number or name: the first ones, of those that CUDA_VISIBLE_DEVICES leaves.

    Empty or beginning with -1 it leaves none: such a run trains on the CPU.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(str(number) for number in range(num_processes))
    named = [name.strip() for name in visible.split(",")]
    end = next((place for place, name in enumerate(named) if name in ("", "-1")), len(named))  # CUDA looks no further
    return tuple(named[:end][:num_processes])


@contextlib.contextmanager
def gpu_locked(folder: Path, gpu: str, run: str) -> Iterator[None]:
    """Hold GPU `gpu` of this machine, by its number or name; `folder` keeps the locks. Raises InputError as above."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in gpu)
    with _held(folder / f"gpu-{name}.lock", folder / f"gpu-{name}.json", run, lambda owner: _gpu_taken(gpu, owner)):
        yield


@contextlib.contextmanager
def _held(lock_path: Path, owner_path: Path, run: str, taken: Callable[[Owner | None], Problem]) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(lock_path, timeout=_PATIENCE_S)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError([taken(read_owner(owner_path))]) from None
    try:
        write_owner(owner_path, run)
        yield
    finally:
        with contextlib.suppress(OSError):
            owner_path.unlink(missing_ok=True)
        lock.release()


def is_going_on(rundir: RunDir) -> bool:
    """Whether a living process trains in the run folder. Makes no file, and holds up nobody."""
    owner = read_owner(rundir.owner_json)
    if owner is None:
        return False  # written as soon as the lock is held, taken away before it is let go
    return lives(owner.identity) or _is_locked(rundir.lock)  # the latter: by a process that this one cannot see


def _is_locked(lock_path: Path) -> bool:
    if not lock_path.exists():
        return False
    import filelock

    lock = filelock.FileLock(lock_path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def write_owner(path: Path, run: str) -> None:
    """Write down that this process holds a lock, for messages only: a full disk is told elsewhere."""
    me = identity_of()
    if me is None:
        return
    since = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    with contextlib.suppress(OSError):
        write_record(path, KIND, VERSION, asdict(Owner(me.pid, me.started, me.boot, since, run)))


def read_owner(path: Path) -> Owner | None:
    """Return who wrote `path` last, None where that cannot be told."""
    try:
        body = read_record(path, KIND, VERSION)
        return Owner(
            int(body["pid"]), str(body["started"]), str(body["boot"]), str(body["since"]), str(body.get("run", ""))
        )
    except (RecordError, KeyError, TypeError, ValueError):
        return None


def _run_taken(owner: Owner | None) -> Problem:
    by = told_owner(owner)
    return Problem(
        "run-locked",
        Text(f"this run is going on already{by.en}", f"该训练正在进行{by.zh}"),
        Text("two processes in one run folder would write over each other", "同一目录中的两个进程会互相覆盖文件"),
        Text("watch it with `lora-run logs RUN -f`, or end it with `lora-run stop RUN`",
             "用 `lora-run logs RUN -f` 查看，或用 `lora-run stop RUN` 停止"),
    )  # fmt: skip


def _gpu_taken(gpu: str, owner: Owner | None) -> Problem:
    by = told_owner(owner)
    return Problem(
        "gpu-locked",
        Text(f"GPU {gpu} trains another run{by.en}", f"GPU {gpu} 正在进行另一个训练{by.zh}"),
        Text("two runs on one GPU mostly end both for lack of memory", "同一 GPU 上的两个训练多半会因显存不足而都失败"),
        Text("wait for it, choose another with CUDA_VISIBLE_DEVICES, or share it with `--share-gpu`",
             "等它结束、用 CUDA_VISIBLE_DEVICES 换一块，或用 `--share-gpu` 共用"),
    )  # fmt: skip


def told_owner(owner: Owner | None) -> Text:
    """Return who holds a lock, in brackets behind a blank; nothing where that is not known."""
    if owner is None:
        return Text("", "")
    run = f"{owner.run}, " if owner.run else ""
    return Text(f" ({run}process {owner.pid}, since {owner.since})", f"（{run}进程 {owner.pid}，自 {owner.since}）")
