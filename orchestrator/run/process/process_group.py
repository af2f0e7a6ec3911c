"""Starting a program in a group of its own and ending the whole group. The differences between systems live here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.run.process import reaper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.backends.protocol import Command

Push = Literal["interrupt", "terminate", "kill"]


_SAFE_PATH = "PYTHONSAFEPATH"
"""Set by careful people; with it a trainer's script does not find the modules that lie beside it."""


def start(argv: tuple[str, ...], cwd: Path, environment: Mapping[str, str], token: str) -> subprocess.Popen[bytes]:
    """Start `argv` (never a shell line) in its own group, without input, both outputs merged in one pipe.

    Raises OSError when the program cannot be started.
    """
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env={**{k: v for k, v in os.environ.items() if k != _SAFE_PATH}, **environment, reaper.MARK: token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        **_own_group(),
    )


def start_trainer(command: Command, cwd: Path, token: str) -> subprocess.Popen[bytes]:
    """Start a command as `start` does. Raises EnvironmentFault when that is not possible."""
    try:
        return start(command.argv, cwd, command.environment, token)
    except OSError as error:
        program = command.argv[0]
        raise EnvironmentFault(
            [
                Problem(
                    "cannot-start",
                    Text(f"the trainer cannot be started: {program}", f"无法启动训练器：{program}"),
                    why=same(str(error)),
                    fix=Text(
                        "run `lora-run doctor`; it looks at the trainer's interpreter",
                        "运行 `lora-run doctor` 检查训练器的解释器",
                    ),
                )
            ]
        ) from error


def start_beside(argv: tuple[str, ...], token: str) -> subprocess.Popen[bytes]:
    """Start `argv` in its own group, without input, writing where this process writes. Raises OSError as `start`."""
    environment = {**os.environ, reaper.MARK: token}
    return subprocess.Popen(list(argv), env=environment, stdin=subprocess.DEVNULL, **_own_group())


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def push(process: subprocess.Popen[bytes], token: str, how: Push) -> None:
    """Ask or force the whole group to end. Processes that are gone already are no error."""
    if sys.platform == "win32":
        _push_windows(process, how)
        return
    number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill": signal.SIGKILL}[how]
    reaper.signal_all(process.pid, token, number)


def hold(process: subprocess.Popen[bytes], token: str) -> bool:
    """Stop the whole group where it is, without ending it. Returns False on a system that cannot (Windows).

    A held group does not hear that it is asked to end: let it go first.
    """
    if sys.platform == "win32":
        return False
    return reaper.signal_all(process.pid, token, signal.SIGSTOP)


def let_go(process: subprocess.Popen[bytes], token: str) -> None:
    """Let a held group go on."""
    if sys.platform != "win32":
        reaper.signal_all(process.pid, token, signal.SIGCONT)


class Hold:
    """Stops the processes of one launch where they are, and lets them go on. Without a launch it can do neither."""

    def __init__(self) -> None:
        self._of: tuple[subprocess.Popen[bytes], str] | None = None
        self.is_held = False

    def bind(self, process: subprocess.Popen[bytes], token: str) -> None:
        """Hear which launch it is for."""
        self._of = (process, token)

    def hold(self) -> bool:
        """Stop them; False where that cannot be done."""
        self.is_held = self._of is not None and hold(*self._of)
        return self.is_held

    def let_go(self) -> None:
        """Let them go on; nothing where they are not held."""
        if self._of is not None and self.is_held:
            let_go(*self._of)
        self.is_held = False


def is_any_left(process: subprocess.Popen[bytes], token: str) -> bool:
    """Return whether a process of the run still lives after its leader ended. Zombies carry no mark and do not count."""
    return sys.platform != "win32" and process.poll() is not None and bool(reaper.members(token))


def _push_windows(process: subprocess.Popen[bytes], how: Push) -> None:
    """Not run by this project's tests: written after the documentation of subprocess and psutil."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        if how == "interrupt":
            process.send_signal(getattr(signal, "CTRL_BREAK_EVENT"))  # noqa: B009 - exists on Windows only
            return
        tree = psutil.Process(process.pid)
        for child in [*tree.children(recursive=True), tree]:
            with contextlib.suppress(psutil.Error):
                child.kill()


def ask_for_stacks(token: str) -> int:
    """Have the processes of the run write where they stand into their output; return how many were asked.

    Only those that catch SIGUSR1 are: it ends the others. The recorder makes the trainer catch it (telemetry/launcher.py).
    """
    asked = 0
    if sys.platform == "win32":
        return 0
    for process in reaper.members(token):
        if _catches(process, signal.SIGUSR1):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGUSR1)
                asked += 1
    return asked


def _catches(process: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal, as Linux tells; False where nobody tells."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    mask = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(mask, 16) >> (number - 1) & 1)


@contextlib.contextmanager
def signals_noted(*, is_once: bool = False) -> Iterator[list[int]]:
    """Note Ctrl-C and requests to end instead of being ended by them. A signal that was ignored before stays ignored (nohup).

    `is_once`: only the first one is noted, the second does what it did before.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before: dict[int, Any] = {}

    def note(received: int, _frame: object) -> None:
        noted.append(received)
        if is_once:
            _give_back(before)

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, note)
    try:
        yield noted
    finally:
        _give_back(before)


def _give_back(handlers: Mapping[int, Any]) -> None:
    for number, earlier in handlers.items():
        signal.signal(number, earlier)
