"""Going on without a terminal: the command splits in two, one side trains, the other says where and ends.

The side that trains gets a session of its own, so that nothing that happens to the terminal reaches it. Until the trainer is
started it still speaks on the terminal: whatever is refused is read there, and its exit code is the command's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.core.rundir import RunDir


@dataclass(frozen=True, slots=True)
class Onlooker:
    """The side that keeps the terminal, after it has waited for the other one."""

    run: Path | None
    """Folder of the run that goes on; None: it has ended already, and has said why."""
    exit_code: int = 0


class Worker:
    """The side that trains."""

    def __init__(self, write_end: int) -> None:
        self._write_end: int | None = write_end

    def leave(self, rundir: RunDir) -> None:
        """Tell the other side that the run goes on, and speak into its `supervisor.log` from now on. Later calls do nothing."""
        if self._write_end is None:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            log = os.open(rundir.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:  # a full disk; what it says is in the report too
            log = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(log, number)
        os.close(log)
        with contextlib.suppress(OSError):  # the other side is gone: the run goes on all the same
            os.write(self._write_end, os.fsencode(rundir.root))
        os.close(self._write_end)
        self._write_end = None


def split() -> Worker | Onlooker:
    """Split this process. Returns in the side that trains at once, in the other one when the run goes on or was refused.

    Call it before any thread is started or lock is taken. Raises EnvironmentFault where the system cannot split a process.
    """
    if not hasattr(os, "fork"):
        raise EnvironmentFault([_no_fork()])
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        return Worker(write_end)
    os.close(write_end)
    try:
        return _waited(child, read_end)
    except BaseException:  # Ctrl-C: the user wants neither side
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
        raise


def _waited(child: int, read_end: int) -> Onlooker:
    """Wait until the other side tells its run folder, or ends without."""
    with open(read_end, "rb") as pipe:
        told = pipe.read()
    if told:
        return Onlooker(Path(os.fsdecode(told)))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Onlooker(None, code if code >= 0 else 128 - code)


def _no_fork() -> Problem:
    return Problem(
        "no-detach",
        Text("`--detach` does not work on this system", "此系统不支持 `--detach`"),
        Text("it cannot split a process", "系统无法拆分进程"),
        Text("start the run without it and leave its window open", "请不带该选项启动，并保持窗口打开"),
    )
