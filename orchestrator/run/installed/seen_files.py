"""Files that were hashed before and were not touched since, so that a launch need not read a whole checkout again.

A file counts as untouched while size, inode and both of its times are what they were; the time of change (`ctime`) is kept by
the system and cannot be set back by a program that edits a file. As in git, a file that had been changed less than two seconds
before it was hashed is not remembered: within the grain of a file system's clock another edit could look the same.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from orchestrator.core.errors import RecordError
from orchestrator.core.record import read_record, write_record

if TYPE_CHECKING:
    import os
    from pathlib import Path

KIND = "seen-files"
VERSION = 1
GRAIN_NS = 2_000_000_000
"""The coarsest clock of a file system in use (FAT) moves every two seconds."""
Stamp = list[str | int]


class SeenFiles:
    """What is remembered of one checkout. A record that is absent, damaged or of another checkout remembers nothing."""

    def __init__(self, record: Path, checkout: Path) -> None:
        self._record, self._checkout = record, str(checkout)
        self._stamps: dict[str, Stamp] = {}
        self._has_news = False
        if (
            sys.platform == "win32"
        ):  # `ctime` is the time of creation there: nothing tells of an edit that sets `mtime` back
            return
        with contextlib.suppress(RecordError):
            body = read_record(record, KIND, VERSION)
            if body.get("checkout") == self._checkout and isinstance(body.get("files"), dict):
                self._stamps = body["files"]

    def is_untouched(self, name: str, blob: str, now: os.stat_result) -> bool:
        """Return whether the file `name` had the content `blob` (git's hash) when it was hashed and is as it was then."""
        return self._stamps.get(name) == _stamp(blob, now)

    def note(self, name: str, blob: str, before: os.stat_result) -> None:
        """Remember that a file has the content `blob`; `before` was taken before it was read."""
        if sys.platform == "win32" or max(before.st_mtime_ns, before.st_ctime_ns) + GRAIN_NS > time.time_ns():
            return
        self._stamps[name] = _stamp(blob, before)
        self._has_news = True

    def save(self) -> None:
        """Write the record where there is something new. Where it cannot be written, files are hashed again next time."""
        if self._has_news:
            with contextlib.suppress(OSError):
                write_record(self._record, KIND, VERSION, {"checkout": self._checkout, "files": self._stamps})


def _stamp(blob: str, stat: os.stat_result) -> Stamp:
    return [blob, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]
