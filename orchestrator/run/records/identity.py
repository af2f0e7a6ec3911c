"""Which process, on which start of the machine: a process number alone is used again after a while."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    started: str
    """When it began, in the system's own words; compared only for being equal."""
    boot: str


def boot_id() -> str:
    """Return a name of this start of the machine, empty where the system does not tell."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def identity_of(pid: int | None = None) -> ProcessIdentity | None:
    """Return who process `pid` (default: this one) is, None where it does not live."""
    number = os.getpid() if pid is None else pid
    started = _started(number)
    return None if started is None else ProcessIdentity(number, started, boot_id())


def lives(identity: ProcessIdentity) -> bool:
    """Whether exactly that process still lives: same number, same beginning, same start of the machine."""
    return identity_of(identity.pid) == identity


def _started(pid: int) -> str | None:
    """Return when process `pid` began, in clock ticks since the machine started; None where it does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _started_by_psutil(pid) if not Path("/proc/self").exists() else None
    fields = stat[stat.rfind(b")") + 2 :].split()  # the name before it may hold blanks and brackets
    return None if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")


def _started_by_psutil(pid: int) -> str | None:
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
