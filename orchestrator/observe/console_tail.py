"""The console log of a run while it is being written: its last lines, and what is added to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.rundir import RunDir
from orchestrator.observe.console import MAX_LINE_CHARACTERS, clean
from orchestrator.run.process.console_log import PARTS, part_path
from orchestrator.run.process.pump import Splitter
from orchestrator.run.saved.publish import newest_attempt

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

MOST_BACK_BYTES: Final = 16 * 1024 * 1024
"""How far back the beginning of the last lines is looked for: refreshes of a bar have no line end."""
_BLOCK_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 1024 * 1024


def newest_console(rundir: RunDir) -> RunDir:
    """Return the run folder seen from its newest attempt; the first one where none has begun."""
    return RunDir(rundir.root, max(1, newest_attempt(rundir)))


def newest_part(log: Path) -> Path:
    """Return the part of a console log that is written now: a large one goes on in further files."""
    return next((p for p in (part_path(log, n) for n in range(PARTS, 1, -1)) if p.is_file()), log)


def start_of_last_lines(path: Path, count: int) -> int:
    """Return where the last `count` lines of the file begin, in bytes; 0 for an absent file. Raises OSError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        end = file.seek(0, os.SEEK_END)
        at, found = end, 0
        while at > 0 and end - at < MOST_BACK_BYTES:
            size = min(_BLOCK_BYTES, at)
            file.seek(at - size)
            block = file.read(size)
            if at == end and block.endswith(b"\n"):
                block = block[:-1]  # ends the last line, begins none
            where = len(block)
            while (where := block.rfind(b"\n", 0, where)) >= 0:
                found += 1
                if found == count:
                    return at - size + where + 1
            at -= size
        return at if count else end


class ConsoleTail:
    """Reads what is added to the log of a run's newest attempt, and goes on to its further parts and to the next attempt's.

    A log that was cut short or put aside is read from the beginning of the new one.
    """

    def __init__(self, rundir: RunDir, start: int = 0) -> None:
        """`start`: bytes of the newest part of the newest attempt's log that are passed over."""
        self.run = newest_console(rundir)
        """Seen from the attempt whose log is being read."""
        self._path = newest_part(self.run.console_log)
        self._file: BinaryIO | None = None
        self._start = start

    def read_new(self) -> bytes:
        """Return what was added since the last call, of one attempt only; empty where nothing was. `run` says which."""
        data = self._read()
        if data:
            return data
        following = self._following()
        if following is None:
            return b""
        if data := self._read():  # written between the look and now
            return data
        self.close()
        self.run, self._path = following
        return self._read()

    def _following(self) -> tuple[RunDir, Path] | None:
        """Return what is to be read once the present file is read to its end; None: it goes on."""
        if self._is_replaced():
            return self.run, self._path
        parts = [part_path(self.run.console_log, number) for number in range(1, PARTS + 1)]
        later = parts[parts.index(self._path) + 1 :]
        if self._file is not None and later and later[0].is_file():
            return self.run, later[0]
        if newest_attempt(self.run) > self.run.attempt:
            run = RunDir(self.run.root, self.run.attempt + 1)
            return run, run.console_log
        return None

    def close(self) -> None:
        """Close the file; the next one is read from its beginning."""
        if self._file is not None:
            self._file.close()
        self._file, self._start = None, 0

    def _read(self) -> bytes:
        try:
            if self._file is None:
                self._file = self._path.open("rb")
                self._file.seek(self._start)
            return self._file.read(_READ_BYTES)
        except OSError:  # not there yet
            return b""

    def _is_replaced(self) -> bool:
        if self._file is None:
            return False
        try:
            now, mine = self._path.stat(), os.fstat(self._file.fileno())
        except OSError:  # taken away: what is written to it is still read
            return False
        return (now.st_ino, now.st_dev) != (mine.st_ino, mine.st_dev) or now.st_size < self._file.tell()


@dataclass(frozen=True, slots=True)
class Shown:
    """One line as a terminal would show it, without anything that could drive the terminal."""

    text: str
    is_ended: bool
    """False: a line that the next one writes over, as a bar."""


class Lines:
    """Makes lines of bytes: of the refreshes of one line the last one stays, escapes and control characters are left out."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._standing = b""

    def feed(self, data: bytes) -> list[Shown]:
        """Return the lines that are ended, and what stands behind them now."""
        ended = []
        for text, end in self._splitter.feed(data):
            standing = text or self._standing
            if end == b"\n":
                ended.append(Shown(_plain(standing), is_ended=True))
                standing = b""
            self._standing = standing
        standing = bytes(self._splitter.pending) or self._standing
        return [*ended, Shown(_plain(standing), is_ended=False)] if standing else ended


def _plain(line: bytes) -> str:
    return clean(line[: 2 * MAX_LINE_CHARACTERS].decode("utf-8", "backslashreplace"))
