"""Read a recorded console log of any size: everything that means something, and the training bar as columns.

Nearly all of a log is refreshes of one bar. They are taken out of each block of bytes by one regular expression; only
what stands between them is looked at as text. Memory stays bounded: lines are cut, events and points are capped.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from orchestrator.observe.console import BAR, MAX_LINE_CHARACTERS, RECORD, ConsoleParser
from orchestrator.observe.console_facts import collect_facts
from orchestrator.observe.console_wrap import group_records, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.core.observation import LogEvent

BLOCK_BYTES: Final = 64 * 1024
MAX_POINTS: Final = 100_000
"""Points of the bar kept; beyond it every second one goes. The bar's value is a moving average of three digits: the
exact series is in the event file."""
MAX_EVENTS_PER_KIND: Final = 300
MAX_TEXT_LINES: Final = 1_000_000
"""Lines of text looked at, far more than a run prints; beyond them, up to the last `END_BYTES`, only the bar is read."""
END_BYTES: Final = 16 * 1024 * 1024
_MAX_RECORD_LINES: Final = 60
_BARS = re.compile(rb"(?<![^\r\nA])" + BAR.encode())
"""Bars at the start of a line, or behind the cursor movement (`ESC [ A`) of nested bars."""
_GAP_MARK = b"what lies between was dropped]"
_GAP = "the log was longer than what is kept of it: its middle was dropped"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_COUNTED: Final = ("nan-latents", "caption-empty", "warning", "error")


@dataclass(frozen=True, slots=True)
class Progress:
    """The training bar, last value of each step: `steps` int64 (N,), `avr_loss` and `rates` float64 (N,), NaN where unknown.

    `rates` is steps per second as the bar shows it; the bar overstates it for steps under a tenth of a second.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    avr_loss: array[float] = field(default_factory=lambda: array("d"))
    rates: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class ConsoleReading:
    """A console log, read."""

    events: tuple[LogEvent, ...]
    """Without `progress`; at most `MAX_EVENTS_PER_KIND` of each kind (dataset settings and buckets: ten times that)."""
    progress: Progress
    facts: Mapping[str, int | float | str]
    notes: tuple[str, ...] = ()
    """What was cut or left out."""


class _Columns:
    """Progress, growing: the last value of each step, thinned when it becomes too long."""

    def __init__(self) -> None:
        self.kept = Progress()
        self.last_step: int | None = None
        self.first_nan_step: int | None = None
        self.stride = 1
        self._seen = 0
        self._last: tuple[bytes, bytes | None, bytes | None] | None = None
        self._last_finite: bytes | None = None

    def add(self, bars: Iterable[tuple[bytes, bytes | None, bytes | None]]) -> None:
        """Take refreshes of the bar as (step, rate, loss) in the trainer's own digits."""
        last = self._last
        for bar in bars:
            if last is not None and bar[0] != last[0]:
                self._take(last)
            last = bar
        self._last = last

    def _take(self, bar: tuple[bytes, bytes | None, bytes | None]) -> None:
        text, rate, loss = bar
        self._seen += 1
        if loss is not None and self.first_nan_step is None:
            # The average never recovers, so the first NaN ends the search.
            if math.isnan(_loss(loss)):
                self.first_nan_step = int(text)
            else:
                self._last_finite = text
        if self._seen % self.stride:
            return
        step = int(text)
        if step == 0:
            # The empty bar before the first step.
            self._seen -= 1
            return
        kept = self.kept
        kept.steps.append(step)
        kept.avr_loss.append(math.nan if loss is None else _loss(loss))
        kept.rates.append(_rate(rate))
        if len(kept.steps) > MAX_POINTS:
            self.kept = Progress(kept.steps[1::2], kept.avr_loss[1::2], kept.rates[1::2])
            self.stride *= 2

    @property
    def last_finite_step(self) -> int | None:
        """The last step before the first NaN whose average was a number."""
        return None if self._last_finite is None else int(self._last_finite)

    def finish(self) -> None:
        """Take the last refresh too, whatever the stride."""
        if self._last is not None:
            self.last_step = int(self._last[0])
            self._seen, self.stride, stride = 0, 1, self.stride
            self._take(self._last)
            self.stride = stride
            self._last = None


class _Reader:
    def __init__(self) -> None:
        self.parser = ConsoleParser()
        self.columns = _Columns()
        self.events: list[LogEvent] = []
        self.counts: Counter[str] = Counter()
        self.cut_lines = self.text_lines = self.skimmed_lines = 0
        self._pending: list[tuple[int, str]] = []

    def take_block(self, block: bytes, line_number: int, *, is_near_end: bool = True) -> int:
        """Read whole lines; return the number of the line after them. `line_number` is that of the first line."""
        parts = _BARS.split(block)
        texts = parts[::5]
        bars = list(zip(parts[1::5], parts[3::5], parts[4::5], parts[2::5], strict=True))
        if self.text_lines > MAX_TEXT_LINES and not is_near_end:
            self._read_pending(is_end=True)
            self.columns.add([bar[:3] for bar in bars if self._is_own(bar)])
            lines = block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
            self.skimmed_lines += lines
            return line_number + lines
        total = self.parser.total_steps
        plain = {b"\r", texts[0], texts[-1]}
        if total is not None and plain.issuperset(texts) and set(parts[2::5]) == {b"%d" % total}:
            # Nothing but the trainer's own bar between the first and the last text.
            line_number = self._take_text(texts[0], line_number) if texts[0] != b"\r" else line_number + 1
            if self.parser.total_steps == total:
                self.columns.add([bar[:3] for bar in bars])
                return self._take_text(texts[-1], line_number + len(texts) - 2)
            texts[0] = b""
        for index, text in enumerate(texts):
            line_number = self._take_text(text, line_number)
            if index < len(bars) and self._is_own(bars[index]):
                self.columns.add([bars[index][:3]])
        return line_number

    def _is_own(self, bar: tuple[bytes, bytes | None, bytes | None, bytes]) -> bool:
        return self.parser.is_own_bar(int(bar[0]), int(bar[3]))

    def _take_text(self, text: bytes, line_number: int) -> int:
        if text in (b"\r", b"\n", b"\r\n"):
            return line_number + 1
        lines = _LINE_END.split(text)
        self.text_lines += len(lines)
        for offset, line in enumerate(lines):
            if not line:
                continue
            if len(line) > MAX_LINE_CHARACTERS:
                self.cut_lines += 1
            self._pending.append((line_number + offset, line[:MAX_LINE_CHARACTERS].decode("utf-8", "replace")))
        self._read_pending(is_end=False)
        return line_number + len(lines) - 1

    def _read_pending(self, *, is_end: bool) -> None:
        """Parse what is complete: a record of a narrow console ends only where the next line is no part of it."""
        lines, self._pending = self._pending, []
        groups = list(group_records(lines))
        if groups and not is_end and RECORD.match(groups[-1][0][1]) and len(groups[-1]) < _MAX_RECORD_LINES:
            self._pending = groups.pop()
        for group in groups:
            for number, line in unwrap(group):
                self._parse(number, line)

    def _parse(self, number: int, line: str) -> None:
        self.parser.line_number = number
        event = self.parser.parse(line)
        if event is None:
            return
        if event.kind == "progress":
            values = event.values
            loss = None if values["avr_loss"] is None else b"%r" % values["avr_loss"]
            rate = None if values["rate_per_s"] is None else b"%rit/s" % values["rate_per_s"]
            self.columns.add([(b"%d" % values["step"], rate, loss)])
            return
        self.counts[event.kind] += 1
        limit = MAX_EVENTS_PER_KIND * (10 if event.kind in ("dataset-setting", "bucket") else 1)
        if self.counts[event.kind] <= limit:
            self.events.append(event)

    def finish(self, last: bytes, line_number: int) -> ConsoleReading:
        self.take_block(last, line_number)
        self._read_pending(is_end=True)
        self.columns.finish()
        return ConsoleReading(tuple(self.events), self.columns.kept, self._facts(), tuple(self._notes()))

    def _facts(self) -> dict[str, int | float | str]:
        facts = collect_facts(self.events)
        for kind in _COUNTED:
            if self.counts[kind]:
                facts[f"{kind.replace('-', '_')}_lines"] = self.counts[kind]
        if self.columns.last_step is not None:
            facts["last_step"] = self.columns.last_step
        if self.columns.first_nan_step is not None:
            facts["first_nan_step"] = self.columns.first_nan_step
            if self.columns.last_finite_step is not None:
                facts["last_finite_step"] = self.columns.last_finite_step
        return facts

    def _notes(self) -> Iterator[str]:
        if self.cut_lines:
            yield f"{self.cut_lines} lines of more than {MAX_LINE_CHARACTERS} bytes were cut"
        if self.skimmed_lines:
            yield f"after {MAX_TEXT_LINES} lines of text only the bar was read in {self.skimmed_lines} lines; the end was read whole"
        for kind, count in sorted(self.counts.items()):
            kept = sum(1 for e in self.events if e.kind == kind)
            if count > kept:
                yield f"{count - kept} more lines of kind {kind} were counted, not kept"
        if self.columns.stride > 1:
            yield f"the bar moved over {self.columns.last_step} steps; {len(self.columns.kept.steps)} evenly spaced ones were kept"


def read_console(path: Path) -> ConsoleReading:
    """Read the log at `path`, and behind it the parts `NAME.2.log` and `NAME.3.log` that a long one goes on in.

    Any bytes are accepted; raises OSError when the file cannot be opened or read.
    """
    reader = _Reader()
    rest, number = b"", 1
    paths = [path, *parts_behind(path)]
    unread = sum(part.stat().st_size for part in paths)
    for block in _blocks(paths):
        unread -= len(block)
        whole = rest + block
        cut = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        if cut == 0 or (cut == len(whole) and whole.endswith(b"\r") and len(whole) == 1):
            # A line without an end: its beginning is enough.
            rest = whole if len(whole) <= 4 * BLOCK_BYTES else whole[: 2 * BLOCK_BYTES]
            continue
        rest = whole[cut:]
        number = reader.take_block(whole[:cut], number, is_near_end=unread < END_BYTES)
    reading = reader.finish(rest, number)
    return replace(reading, notes=(*reading.notes, _GAP)) if len(paths) > 1 and _has_gap(path) else reading


def _has_gap(path: Path) -> bool:
    """Whether whoever wrote the log says at the end of its first part that something was dropped behind it."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200))
        return _GAP_MARK in file.read()


def parts_behind(path: Path) -> list[Path]:
    """Return the files that the log at `path` goes on in, in order."""
    named = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in (2, 3))
    return [part for part in named if part.is_file()]


def _blocks(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block


def _rate(text: bytes | None) -> float:
    if text is None:
        return math.nan
    try:
        if text.endswith(b"it/s"):
            return float(text[:-4])
        if text.endswith(b"s/it"):
            return 1.0 / float(text[:-4])
    except (ValueError, ZeroDivisionError):
        pass
    return math.nan


def _loss(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
