"""The console log on the disk: bounded, and written on whatever happens to the disk or to the file.

`console.log` is the beginning and is never written over. Once it holds its share the log goes on in `console.2.log` and then
`console.3.log`; when that is full too, it takes the place of `console.2.log`, whose content is dropped. So the beginning and
the newest part, up to twice its size, are always there, in the order of the names.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from orchestrator.core.number_text import size
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PART_BYTES: Final = 50 * 1024 * 1024
"""Of each of the three files."""
PARTS: Final = 3
LOOK_EVERY_S: Final = 1.0
"""How often the file is looked for under its name."""
GAP: Final = "[the console log goes on in {0}; what lies between was dropped]\n"
BEGUN_ANEW: Final = "[the console log was deleted or moved meanwhile; this is what came after]\n"
LOST: Final = "\n[{0} bytes of the console log were lost: {1}]\n"


def part_path(log: Path, number: int) -> Path:
    """Return the path of part `number`, from 1: `console.log`, `console.2.log`, `console.3.log`."""
    return log if number == 1 else log.with_name(f"{log.stem}.{number}{log.suffix}")


class ConsoleLog:
    """Writes the trainer's output. Nothing is raised: what could not be written is counted and told."""

    def __init__(self, path: Path, clock: Callable[[], float], part_bytes: int = PART_BYTES) -> None:
        self._path = path
        self._clock = clock
        self._part_bytes = part_bytes
        self._number = 1
        self._fd: int | None = None
        self._size = 0
        self._looked_at = clock()
        self._lost_bytes = 0
        self._warnings: list[Text] = []
        self.error = ""
        """Why the log is not whole, in the words of the last trouble."""
        self.dropped_bytes = 0
        """What rotation threw away."""
        self._open()

    def write(self, data: bytes) -> None:
        """Append `data`, which should end with a whole line."""
        if self._fd is not None and self._clock() - self._looked_at >= LOOK_EVERY_S:
            self._look()
        if self._size + len(data) > self._part_bytes and self._size:
            self._next_part()
        if self._fd is None:
            self._open()
        note = LOST.format(self._lost_bytes, self.error).encode() if self._lost_bytes else b""
        written = self._append(note + data)
        if written >= len(note):
            self._lost_bytes = 0
        self._lost_bytes += min(len(data), len(note) + len(data) - written)

    def take_warnings(self) -> list[Text]:
        """Return what is to be told while the run goes on, each once."""
        taken, self._warnings = self._warnings, []
        return taken

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None

    @property
    def _current(self) -> Path:
        return part_path(self._path, self._number)

    def _open(self) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._current, flags, 0o666)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            self._fail(error)

    def _append(self, data: bytes) -> int:
        """Return how many bytes were written."""
        written = 0
        if self._fd is None:
            return written
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:  # e.g. the disk is full: the trainer's pipe must be drained all the same
            self._fail(error)
        self._size += written
        return written

    def _fail(self, error: OSError) -> None:
        if not self.error:
            reason = reason_of(error)
            self._warnings.append(
                Text(
                    f"the console log cannot be written ({reason.en}); training goes on",
                    f"无法写入控制台日志（{reason.zh}）；训练继续",
                )
            )
        self.error = str(error)

    def _look(self) -> None:
        """Begin the file anew where somebody deleted or moved it: what is written to it now would be seen by nobody."""
        self._looked_at = self._clock()
        if self._fd is None:
            return
        try:
            named, opened = self._current.stat(), os.fstat(self._fd)
            is_there = (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
        except FileNotFoundError:
            is_there = False
        except OSError:
            return
        if is_there:
            return
        self.close()
        self._open()
        self._append(BEGUN_ANEW.encode())
        self.error = f"{self._current.name} was deleted or moved meanwhile"
        self._warnings.append(
            Text(
                f"{self._current.name} was deleted or moved; it was begun anew, training goes on",
                f"{self._current.name} 被删除或移走；已重新建立，训练继续",
            )
        )

    def _next_part(self) -> None:
        self.close()
        if self._number < PARTS:
            self._number += 1
        else:
            self._drop_oldest()
        self._open()

    def _drop_oldest(self) -> None:
        """Let the last part take the place of the one before."""
        second, last = part_path(self._path, PARTS - 1), part_path(self._path, PARTS)
        try:
            dropped = second.stat().st_size
            last.replace(second)
        except OSError as error:
            self._fail(error)
            return
        if not self.dropped_bytes:
            self._mark_gap(second.name)
        self.dropped_bytes += dropped

    def _mark_gap(self, name: str) -> None:
        """Say at the end of the beginning that the rest does not follow at once."""
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            file.write(GAP.format(name).encode())
        self._warnings.append(
            Text(
                f"the console log is larger than {size(PARTS * self._part_bytes)}: only its beginning and its newest part are kept",
                f"控制台日志超过 {size(PARTS * self._part_bytes)}：只保留开头和最新的部分",
            )
        )
