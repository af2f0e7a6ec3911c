"""Draining the trainer's output: into the console log byte for byte, and line by line to whoever watches."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.core.record import HIDDEN, scrub
from orchestrator.run.console_log import ConsoleLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from orchestrator.core.text import Text

MAX_LINE_BYTES = 64 * 1024
QUEUE_BYTES = 16 * 1024 * 1024
"""Text waiting for a slow watcher. Above half of it progress updates are let go, above all of it other lines too."""
_READ_BYTES = 64 * 1024
_END = re.compile(rb"([\r\n])")
_BAR = re.compile(r"\d+%\|[^|]*\|.*\]\s*$")
"""The last update of a bar ends with a newline. A text printed right behind a bar makes it an ordinary line."""
_SECRET_NAME = re.compile(r"(?i)(token|secret|passw|api_?key|access_?key|credential)")
_SHORTEST_SECRET = 8


@dataclass(slots=True)
class Splitter:
    """Cuts a stream of bytes at carriage returns and newlines. A line keeps its first 64 KiB; what is cut is counted."""

    pending: bytearray = field(default_factory=bytearray)
    cut_bytes: int = 0
    last_end: bytes = b""

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Return the lines that `chunk` completes, as (text, end)."""
        parts = _END.split(chunk)
        lines = []
        for index in range(0, len(parts) - 1, 2):
            self._add(parts[index])
            lines.append((self._take(), parts[index + 1]))
            self.last_end = parts[index + 1]
        self._add(parts[-1])
        return lines

    def rest(self) -> bytes:
        """Return what came after the last line end."""
        return self._take()

    def _add(self, text: bytes) -> None:
        room = MAX_LINE_BYTES - len(self.pending)
        self.pending += text[:room]
        self.cut_bytes += max(0, len(text) - room)

    def _take(self) -> bytes:
        line = bytes(self.pending)
        if self.cut_bytes:
            line += f" [{self.cut_bytes} bytes cut]".encode()
        self.pending.clear()
        self.cut_bytes = 0
        return line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trainer, secrets removed."""

    text: str
    is_progress: bool
    """A bar, or text that the next update writes over."""
    at: float
    """By the clock of the launch."""


class Waiting:
    """Lines between the pump and the watcher. Putting never blocks; under pressure progress updates go first."""

    def __init__(self, limit_bytes: int = QUEUE_BYTES) -> None:
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped_lines = 0
        """Lines other than progress updates that the watcher never saw; the console log has them."""

    def put(self, lines: Iterable[Line]) -> None:
        """Add lines and wake the watcher."""
        with self._changed:
            for line in lines:
                size = len(line.text) + 200
                if self._bytes + size > (self._limit // 2 if line.is_progress else self._limit):
                    self.dropped_lines += not line.is_progress
                    continue
                self._lines.append(line)
                self._bytes += size
            self._changed.notify()

    def close(self) -> None:
        """No more lines will come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[list[Line], bool]:
        """Return all lines that wait (after at most `timeout_s` seconds) and whether these were the last ones."""
        with self._changed:
            if not self._lines and not self._is_closed:
                self._changed.wait(timeout_s)
            lines = list(self._lines)
            self._lines.clear()
            self._bytes = 0
            return lines, self._is_closed


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of variables whose names say that they are secret, longest first."""
    values = {v for name, v in environment.items() if _SECRET_NAME.search(name) and len(v) >= _SHORTEST_SECRET}
    return tuple(sorted(values, key=len, reverse=True))


class Pump(threading.Thread):
    """Reads the trainer's pipe until it ends. A log that cannot be written is told at the end and never stops training."""

    def __init__(
        self,
        read_end: int,
        log: Path,
        waiting: Waiting,
        secrets: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="trainer output", daemon=True)
        self._fd = read_end
        self._log = ConsoleLog(log, clock)
        self._waiting = waiting
        self._secrets = secrets
        self._clock = clock
        self._splitter = Splitter()
        self._shown_early = b""
        self.last_byte_at: float | None = None
        self.first_byte_at: float | None = None

    @property
    def log_error(self) -> str:
        """Why the console log is not whole; empty where it is."""
        return self._log.error

    def take_warnings(self) -> list[Text]:
        """Return what is to be told about the console log while the run goes on, each once. May be called by another thread."""
        return self._log.take_warnings()

    def run(self) -> None:
        """Pump until the last writer closes the pipe."""
        try:
            while chunk := self._read():
                now = self._clock()
                self.first_byte_at = now if self.first_byte_at is None else self.first_byte_at
                self.last_byte_at = now
                self._pass_on(self._splitter.feed(chunk), now)
            if rest := self._splitter.rest():
                self._pass_on([(rest, b"")], self._clock())
        finally:
            self._log.close()
            self._waiting.close()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError:  # closed by the launcher because a stranger kept the pipe open
            return b""

    def _pass_on(self, lines: list[tuple[bytes, bytes]], now: float) -> None:
        written, handed = [], []
        for raw, end in lines:
            text, clean = self._hide(raw)
            written.append(clean + end)
            if text.strip() and raw != self._shown_early:
                handed.append(Line(text, end == b"\r" or bool(_BAR.search(text)), now))
            self._shown_early = b""
        if written:
            self._log.write(b"".join(written))
        if early := self._unfinished_progress():
            handed.append(Line(self._hide(early)[0], is_progress=True, at=now))
        if handed:
            self._waiting.put(handed)

    def _unfinished_progress(self) -> bytes:
        """Return a progress update that was written whole but is only ended by the next one.

        tqdm writes a carriage return and then the bar: without this, each step would be seen one step late.
        """
        early = bytes(self._splitter.pending) if self._splitter.last_end == b"\r" else b""
        if not early.strip() or early == self._shown_early:
            return b""
        self._shown_early = early
        return early

    def _hide(self, raw: bytes) -> tuple[str, bytes]:
        text = raw.decode("utf-8", "backslashreplace")
        clean = scrub(text)
        for value in self._secrets:
            clean = clean.replace(value, HIDDEN)
        return (text, raw) if clean == text else (clean, clean.encode("utf-8", "backslashreplace"))
