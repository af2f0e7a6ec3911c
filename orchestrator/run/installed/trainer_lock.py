"""No trainer is changed under a run: runs share its installation, an installation has it alone.

The lock is the system's and dies with its process, `kill -9` included. Windows has none of this kind; there nothing is held.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.run.records.identity import lives
from orchestrator.run.records.locks import read_owner, told_owner, write_owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.run.installed.vendor_home import VendorHome


@contextlib.contextmanager
def trainer_in_use(home: VendorHome, run: str) -> Iterator[None]:
    """Keep the trainer as it is while `run` goes on. Raises EnvironmentFault while it is being installed or updated."""
    mine = home.users / f"{os.getpid()}.json"
    with _locked(home, is_shared=True) as has_it:
        if not has_it:
            raise EnvironmentFault([installation_running(home)])
        with contextlib.suppress(OSError):
            home.users.mkdir(exist_ok=True)
        write_owner(mine, run)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                mine.unlink(missing_ok=True)


@contextlib.contextmanager
def trainer_free(home: VendorHome) -> Iterator[None]:
    """Hold the trainer alone. Raises EnvironmentFault, naming the runs, while one of them uses it."""
    with _locked(home, is_shared=False) as has_it:
        if not has_it:
            raise EnvironmentFault([_used(home)])
        for left in home.users.glob("*.json"):  # of a run that was killed
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
        yield


@contextlib.contextmanager
def _locked(home: VendorHome, *, is_shared: bool) -> Iterator[bool]:
    """Take the lock without waiting; yield whether that went. A folder that cannot be written can be installed into by nobody either."""
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    try:
        fd = os.open(home.use_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield True
        return
    try:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def installation_running(home: VendorHome) -> Problem:
    """Say that the trainer is being installed."""
    return Problem(
        "installation-running",
        Text(f"another installation of {home.name} is going on", f"另一个 {home.name} 安装正在进行"),
        fix=Text("wait until it has ended", "请等它结束"),
    )


def _used(home: VendorHome) -> Problem:
    owners = [
        owner for path in sorted(home.users.glob("*.json")) if (owner := read_owner(path)) and lives(owner.identity)
    ]
    told = [told_owner(owner) for owner in owners]
    by = Text("".join(one.en for one in told), "".join(one.zh for one in told))
    return Problem(
        "trainer-in-use",
        Text(f"{home.name} is in use by a run that goes on{by.en}", f"{home.name} 正被训练使用{by.zh}"),
        Text("a trainer that changes under a run ends it, or trains on with files of two versions", "训练中途更改训练器会使训练失败，或混用两个版本的文件"),
        Text("wait until it has ended, or end it with `lora-run stop RUN`", "等它结束，或用 `lora-run stop RUN` 停止"),
    )  # fmt: skip
