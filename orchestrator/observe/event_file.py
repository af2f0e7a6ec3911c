"""Read all scalars of one TensorBoard event file, window by window, around damage."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestrator.observe.event_columns import Stretch, read_stretch
from orchestrator.observe.event_records import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_RECORD_BYTES,
    BadRecordError,
    Scalar,
    is_intact,
    length_at,
    next_frame,
    read_event,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    import numpy as np

WINDOW_BYTES: Final = MAX_RECORD_BYTES + 4096
MAX_TAGS: Final = 5000
_MAX_WAIT: Final = 4096


@dataclass(slots=True)
class Columns:
    """One tag as logged, in file order: parts of steps int64, values float64, times float64."""

    parts: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]] = field(default_factory=list)
    _steps: array[int] = field(default_factory=lambda: array("q"))
    _values: array[float] = field(default_factory=lambda: array("d"))
    _times: array[float] = field(default_factory=lambda: array("d"))

    def add(self, scalar: Scalar) -> None:
        """Append one number."""
        self._steps.append(scalar.step)
        self._values.append(scalar.value)
        self._times.append(scalar.wall_time)

    def extend(self, steps: np.ndarray[Any, Any], values: np.ndarray[Any, Any], times: np.ndarray[Any, Any]) -> None:
        """Append many numbers."""
        self._close()
        self.parts.append((steps, values, times))

    def _close(self) -> None:
        if self._steps:
            import numpy as np

            self.parts.append((np.array(self._steps), np.array(self._values), np.array(self._times)))
            self._steps, self._values, self._times = array("q"), array("d"), array("d")

    def joined(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return steps, values and times, each (N,)."""
        import numpy as np

        self._close()
        if len(self.parts) != 1:
            self.parts = [(_join(np, self.parts, 0), _join(np, self.parts, 1), _join(np, self.parts, 2))]
        return self.parts[0]


def _join(np: Any, parts: list[tuple[Any, Any, Any]], which: int) -> Any:
    return np.concatenate([part[which] for part in parts]) if parts else np.array([], dtype="q" if which == 0 else "d")


@dataclass(slots=True)
class EventFile:
    """What one event file holds."""

    tags: dict[str, Columns] = field(default_factory=dict)
    record_count: int = 0
    """Records read by hand plus those read as columns."""
    damage: list[tuple[int, int]] = field(default_factory=list)
    """(offset, bytes unread), ascending and apart."""
    dropped_tags: int = 0
    """Numbers under more tags than any trainer writes."""

    def notes(self, name: str) -> tuple[str, ...]:
        """Return what a reader should know about the file, one line each."""
        lines = [f"{name}: damaged at byte {at}, {size} bytes unread" for at, size in self.damage[:20]]
        if len(self.damage) > 20:
            rest = sum(size for _, size in self.damage[20:])
            lines.append(f"{name}: damaged at {len(self.damage) - 20} more places, {rest} bytes unread")
        if self.dropped_tags:
            lines.append(f"{name}: more than {MAX_TAGS} different tags, {self.dropped_tags} numbers left out")
        return tuple(lines)


class _Reader:
    """One pass over a file. `buffer` is a window; `base` its offset in the file; `at` the place in the window."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.found = EventFile()
        self.buffer = b""
        self.base = 0
        self.at = 0
        self.is_end = False
        self._wait = 0
        self._next_wait = 1

    def read(self) -> EventFile:
        self._refill()
        while True:
            rest = len(self.buffer) - self.at
            if rest < HEADER_BYTES:
                if not self.is_end:
                    self._refill()
                    continue
                if rest:
                    self._damaged(rest)
                return self.found
            if not self._step():
                return self.found

    def _refill(self) -> None:
        self.buffer = self.buffer[self.at :]
        self.base += self.at
        self.at = 0
        block = self.file.read(WINDOW_BYTES)
        self.is_end = not block
        self.buffer += block

    def _step(self) -> bool:
        """Read one frame or stretch, or pass one damaged place; False at the end."""
        if self._wait == 0:
            stretch = read_stretch(self.buffer, self.at)
            if stretch is not None:
                self._take_stretch(stretch)
                return True
            # Not a table here: read some frames by hand before the next try, more after each failure.
            self._wait, self._next_wait = self._next_wait, min(_MAX_WAIT, self._next_wait * 2)
        self._wait -= 1
        length = length_at(self.buffer, self.at)
        if length is None:
            return self._search(self.at + 1)
        end = self.at + FRAME_BYTES + length
        if end > len(self.buffer):
            if not self.is_end:
                self._refill()
                return True
            # A torn tail, or a frame that lost bytes: what follows may still be whole.
            return self._search(self.at + 1)
        return self._take_frame(length, end)

    def _take_frame(self, length: int, end: int) -> bool:
        if not is_intact(self.buffer, self.at, length):
            # Where the next frame stands in its place only this one is lost; otherwise bytes are missing inside it.
            is_in_place = end + HEADER_BYTES > len(self.buffer) or length_at(self.buffer, end) is not None
            if not is_in_place:
                return self._search(self.at + 1)
            self._damaged(end - self.at)
            return True
        start = self.at + HEADER_BYTES
        try:
            for scalar in read_event(self.buffer[start : start + length]):
                columns = self._columns(scalar.tag)
                if columns is not None:
                    columns.add(scalar)
        except BadRecordError:
            self._damaged(end - self.at)
            return True
        self.found.record_count += 1
        self.at = end
        return True

    def _take_stretch(self, stretch: Stretch) -> None:
        for tag, steps, values, times in stretch.columns:
            columns = self._columns(tag, len(steps))
            if columns is not None:
                columns.extend(steps, values, times)
            self.found.record_count += len(steps)
        self.at = stretch.end
        self._wait, self._next_wait = 1, 1

    def _columns(self, tag: bytes, count: int = 1) -> Columns | None:
        name = tag.decode("utf-8", "replace")
        columns = self.found.tags.get(name)
        if columns is None:
            if len(self.found.tags) >= MAX_TAGS:
                self.found.dropped_tags += count
                return None
            columns = self.found.tags[name] = Columns()
        return columns

    def _search(self, start: int) -> bool:
        """Go to the next plausible frame from `start` on; False when the file ends first."""
        while True:
            found = next_frame(self.buffer, start)
            if found is not None:
                self._damaged(found - self.at)
                return True
            if self.is_end:
                self._damaged(len(self.buffer) - self.at)
                return False
            # A header may lie across the end of the window.
            self._damaged(max(0, len(self.buffer) - HEADER_BYTES - self.at))
            self._refill()
            start = self.at

    def _damaged(self, size: int) -> None:
        where = self.base + self.at
        damage = self.found.damage
        if damage and sum(damage[-1]) == where:
            damage[-1] = (damage[-1][0], damage[-1][1] + size)
        elif size:
            damage.append((where, size))
        self.at += size


def read_event_file(path: Path) -> EventFile:
    """Read every scalar of the event file at `path`. Any bytes are accepted; raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return _Reader(file).read()
