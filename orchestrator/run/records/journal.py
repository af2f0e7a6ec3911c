"""The run's diary: one JSON object a line, only ever added to. What happened is read from here and from nowhere else.

One process writes, the holder of the run's lock; anybody may read meanwhile. Each line goes out in one write. A last line
that was cut off (power, `kill -9`, a full disk) is no entry to the reader and is taken away by the next writer, so that it
can never swallow the line after it. Order is by `seq`: the wall clock may jump, and is for people only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import to_plain
from orchestrator.core.text import Text
from orchestrator.run.records.identity import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MILESTONES = frozenset({"attempt-started", "state", "published", "quarantined", "attempt-ended", "run-ended"})
"""Events that reach the disk before the run goes on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    seq: int
    event: str
    """`planned`, `attempt-started`, `step`, `state`, `published`, `quarantined`, `stop-asked`, `attempt-ended` ..."""
    at: str
    """ISO 8601, UTC, as the wall clock said it."""
    up_s: float
    """Seconds of the monotonic clock; comparable between entries of the same `boot` only."""
    boot: str
    """Which start of the machine; empty where the system does not say."""
    attempt: int
    """0 before the first attempt."""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JournalReading:
    """What could be read."""

    entries: tuple[Entry, ...]
    damage: tuple[Text, ...] = ()
    """Lines that are no entries, by their number; a torn last line is none of them: it is expected."""


class Journal:
    """Adds lines. Open it only while holding the run's lock."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Open for adding. Raises OSError when the file cannot be read or made."""
        self._path, self._clock = path, clock
        self._boot = boot_id()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        self._waiting: list[bytes] = []
        _mend_tail(self._fd, path)
        reading = read_journal(path)
        self._seq = max((entry.seq for entry in reading.entries), default=0)
        self.attempt = max((entry.attempt for entry in reading.entries), default=0)
        self.error = ""
        """Why the last line did not reach the disk; empty when it did. The lines wait and go out with the next one."""

    def add(self, event: str, **facts: Any) -> Entry:
        """Add one line; milestones are on the disk when this returns. A full disk is noted in `error`, never raised."""
        self._seq += 1
        at = dt.datetime.now(dt.timezone.utc).isoformat(timespec="milliseconds")
        entry = Entry(self._seq, event, at, round(self._clock(), 3), self._boot, self.attempt, facts)
        self._waiting.append(_line(entry))
        self._write(is_milestone=event in MILESTONES)
        return entry

    def close(self) -> None:
        """Close the file. Lines that never reached the disk are lost with the process."""
        if self._waiting:
            self._write(is_milestone=True)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _write(self, *, is_milestone: bool) -> None:
        try:
            while self._waiting:
                size = os.fstat(self._fd).st_size
                if os.write(self._fd, self._waiting[0]) < len(self._waiting[0]):
                    os.ftruncate(self._fd, size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as the next write would say
                self._waiting.pop(0)
            if is_milestone:
                os.fsync(self._fd)
            self.error = ""
        except OSError as error:
            self.error = error.strerror or str(error)


def read_journal(path: Path) -> JournalReading:
    """Read all whole lines; an absent file is an empty journal. Raises OSError when it cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return JournalReading(())
    entries: list[Entry] = []
    damage: list[Text] = []
    lines = data.split(b"\n")
    lines.pop()  # empty where the last line is whole, else torn
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            damage.append(Text(f"line {number} is no entry", f"第 {number} 行不是记录"))
        elif entries and entry.seq <= entries[-1].seq:
            damage.append(Text(f"line {number} is out of order", f"第 {number} 行次序不对"))
        else:
            entries.append(entry)
    return JournalReading(tuple(entries), tuple(damage))


def _line(entry: Entry) -> bytes:
    body = to_plain(entry)
    if not entry.facts:
        del body["facts"]
    return (json.dumps(body, ensure_ascii=True, separators=(",", ":")) + "\n").encode("ascii")


def _entry(line: bytes) -> Entry | None:
    try:
        body = json.loads(line)
        facts = body.get("facts", {})
        if not isinstance(facts, Mapping):
            return None
        return Entry(
            int(body["seq"]), str(body["event"]), str(body["at"]), float(body["up_s"]), str(body["boot"]),
            int(body["attempt"]), facts,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _mend_tail(fd: int, path: Path) -> None:
    """Take away what was written of a torn last line; one that lacks nothing but its end is ended."""
    data = path.read_bytes()
    tail = data[data.rfind(b"\n") + 1 :]
    if not tail:
        return
    if _entry(tail) is not None:
        os.write(fd, b"\n")
    else:
        os.ftruncate(fd, len(data) - len(tail))
