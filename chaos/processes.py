"""Which processes belong to a run, found by other means than the tool's."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VICTIMS = ("tool", "trainer", "accelerate", "helper", "all")


def processes_of(victim: str, tool: int, run: Path) -> list[int]:
    """Return the processes that `victim` names, of the tool with number `tool` and its run; empty where none of them lives."""
    if victim == "tool":
        return [tool]
    helpers = [pid for pid in _children_of(tool) if b"reaper.py" in _command_of(pid)]
    if victim == "helper":
        return helpers
    living = living_in(run)
    if victim == "all":
        return [*helpers, *living, tool]
    return [pid for pid in living if (victim == "accelerate") == (b"accelerate.commands.launch" in _command_of(pid))]


def living_in(run: Path) -> list[int]:
    """Return the processes that work in the run folder: accelerate, trainer, data workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                is_zombie = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
                if not is_zombie and Path(os.readlink(entry / "cwd")) == run:
                    found.append(int(entry.name))
    return found


def kill(pids: Iterable[int]) -> None:
    """Send SIGKILL; those that are gone already are no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def _command_of(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
