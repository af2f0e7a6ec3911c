"""Draining the trainer's output: into the console log byte for byte, and line by line to whoever watches."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.core.record import HIDDEN, may_hold_secret, scrub
from orchestrator.run.process.console_log import ConsoleLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from orchestrator.core.text import Text

MAX_LINE_BYTES = 64 * 1024
QUEUE_BYTES = 16 * 1024 * 1024
"""Text waiting for a slow watcher. Above half of it progress updates are let go, above all of it other lines too."""
MOST_UPDATES = 64
"""Updates of a bar that are handed on of what was read at once."""
_READ_BYTES = 64 * 1024
_SHORT_BYTES = 1024
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
        if not self.cut_bytes and len(self.pending) + len(parts[0]) <= MAX_LINE_BYTES >= max(map(len, parts)):
            if len(parts) == 1:
                self.pending += chunk
                return []
            parts[0] = bytes(self.pending) + parts[0]
            self.pending[:] = parts[-1]
            self.last_end = parts[-2]
            return list(zip(parts[:-1:2], parts[1::2], strict=True))
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
        self._secret_bytes = tuple(value.encode("utf-8", "backslashreplace") for value in secrets)
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
                self._pass_on(*self._split(chunk), now)
            if rest := self._splitter.rest():
                self._pass_on(b"", [(rest, b"")], self._clock())
        finally:
            self._log.close()
            self._waiting.close()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError:  # closed by the launcher because a stranger kept the pipe open
            return b""

    def _split(self, chunk: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """Return what is for the log alone, and the lines behind it: of many updates at once only the newest are cut apart."""
        splitter = self._splitter
        is_plain = len(splitter.pending) < _SHORT_BYTES and not splitter.cut_bytes and b"\n" not in chunk
        if not is_plain or chunk.count(b"\r") <= 2 * MOST_UPDATES:
            return b"", splitter.feed(chunk)
        older = chunk.rsplit(b"\r", MOST_UPDATES + 1)[0] + b"\r"
        head = bytes(splitter.pending) + older
        splitter.pending.clear()
        self._shown_early = b""
        return head, splitter.feed(chunk[len(older) :])

    def _pass_on(self, head: bytes, lines: list[tuple[bytes, bytes]], now: float) -> None:
        block, handed = head + b"".join(chain.from_iterable(lines)), []
        is_clean = not self._may_hold_secret(block)
        if block:
            hidden = b"" if is_clean else self._hide(head)[1] + b"".join(self._hide(raw)[1] + end for raw, end in lines)
            self._log.write(block if is_clean else hidden)
        for raw, end in _newest(lines):
            if raw.strip() and raw != self._shown_early:
                text = raw.decode("utf-8", "backslashreplace") if is_clean else self._hide(raw)[0]
                handed.append(Line(text, end == b"\r" or bool(_BAR.search(text)), now))
            self._shown_early = b""
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

    def _may_hold_secret(self, data: bytes) -> bool:
        return may_hold_secret(data) or any(value in data for value in self._secret_bytes)

    def _hide(self, raw: bytes) -> tuple[str, bytes]:
        text = raw.decode("utf-8", "backslashreplace")
        if not self._may_hold_secret(raw):
            return text, raw
        clean = scrub(text)
        for value in self._secrets:
            clean = clean.replace(value, HIDDEN)
        return (text, raw) if clean == text else (clean, clean.encode("utf-8", "backslashreplace"))


def _newest(lines: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Leave out the older updates of a bar where many came at once: nobody sees them, and the log has them."""
    if len(lines) <= MOST_UPDATES:
        return lines
    return [line for line in lines[:-MOST_UPDATES] if line[1] != b"\r"] + lines[-MOST_UPDATES:]
