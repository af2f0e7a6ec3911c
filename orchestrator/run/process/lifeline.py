"""The helper process that ends a run when this process dies in any way, and is itself looked after: whatever dies, all of it goes.

This process dies: the helper ends the trainer (see reaper.py). The helper dies: this process, which looks ten times a second,
starts another one.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.run.process import reaper

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def lifeline(token: str) -> Iterator[Lifeline]:
    """Keep a helper for the processes that carry `token`. None on Windows (not built)."""
    line = Lifeline(token)
    try:
        yield line
    finally:
        line.let_go()


class Lifeline:
    """The tool's end of the pipe."""

    def __init__(self, token: str) -> None:
        """Start the helper. Raises OSError when that is not possible."""
        self._token = token
        self._told: list[str] = []
        self._helper = _start(token) if sys.platform != "win32" else None

    @property
    def helper(self) -> int | None:
        """Its process number, None where there is none."""
        return None if self._helper is None else self._helper.pid

    def tell(self, words: str) -> None:
        """Send one line; the next helper is told it too. A helper that is gone is no reason to stop training."""
        self._told.append(words)
        self._send(words)

    def renew_if_lost(self) -> bool:
        """Start another helper where the last one has ended; return whether that was so.

        Where none can be started now (no process left to give), it is tried again at the next call.
        """
        if self._helper is None or self._helper.poll() is None:
            return False
        try:
            another = _start(self._token)
        except OSError:
            return False
        self._close()
        self._helper = another
        for words in self._told:
            self._send(words)
        return True

    def let_go(self) -> None:
        """End the helper: all is well, or what was to be ended has been."""
        if self._helper is None:
            return
        self._send("done")
        self._close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._helper.wait(timeout=2 * reaper.PATIENCE_S)

    def _send(self, words: str) -> None:
        if self._helper is not None and self._helper.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._helper.stdin.write(f"{words}\n".encode())
                self._helper.stdin.flush()

    def _close(self) -> None:
        if self._helper is not None and self._helper.stdin is not None:
            with contextlib.suppress(OSError):
                self._helper.stdin.close()


def _start(token: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(reaper.__file__)), token],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
