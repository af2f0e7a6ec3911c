"""The recorder's file while it is being written: only what is new, a little at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.observe.telemetry_file import TelemetryFile, take_line

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES: Final = 4 * 1024 * 1024
"""Read at one go; the rest comes with the next one."""


class TelemetryTail:
    """Reads one file from where it stopped the last time."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist yet."""
        self._path = path
        self._at = 0

    def read_new(self) -> TelemetryFile:
        """Return what was written since the last call, whole lines only; empty where there is nothing, or nothing readable."""
        found = TelemetryFile(self._path.name)
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                new = file.read(MOST_BYTES)
        except OSError:
            return found
        end = new.rfind(b"\n") + 1
        if not end and len(new) == MOST_BYTES:
            end = len(new)  # a line without end is no line of the recorder
        self._at += end
        for line in new[:end].splitlines():
            take_line(found, line)
        return found
