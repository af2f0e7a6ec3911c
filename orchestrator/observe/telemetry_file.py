"""One file of the recorder: JSON, one object a line. Damaged lines are counted and read around, nothing is raised for them."""

from __future__ import annotations

import json
import math
import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.telemetry import Probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_LINE_BYTES: Final = 1024 * 1024
"""A step with thousands of samples stays far below."""
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""A million steps stay below; more is not read, and told."""
MAX_TEXT: Final = 300
MAX_NOTES: Final = 200
MAX_GROUPS: Final = 64
"""Parameter groups of an optimizer: more is damage."""
VERSION: Final = 1
FILE_NAME: Final = re.compile(r"rank(\d{1,5})\.jsonl")
"""Of the process with that rank."""
_WHEN: Final = ("start", "train", "end", "no-trigger")


class _WrongValueError(Exception):
    """A line is JSON, but not what the recorder writes."""


@dataclass(slots=True)
class Columns:
    """Numbers of one row each, in groups that may differ from row to row; NaN where a row has fewer."""

    groups: list[array[float]] = field(default_factory=list)

    def add(self, found: array[float], row: int) -> None:
        """Append `found` as row number `row`."""
        while len(self.groups) < len(found):
            self.groups.append(array("d", [math.nan]) * row)
        for index, column in enumerate(self.groups):
            column.append(found[index] if index < len(found) else math.nan)


@dataclass(slots=True)
class Steps:
    """Lines of one writer, one row per optimizer step, and their samples one after another."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    """Samples of each row."""
    grad_norms: array[float] = field(default_factory=lambda: array("d"))
    clipped: array[float] = field(default_factory=lambda: array("d"))
    lrs: Columns = field(default_factory=Columns)
    ds: Columns = field(default_factory=Columns)
    timesteps: array[float] = field(default_factory=lambda: array("d"))
    losses: array[float] = field(default_factory=lambda: array("d"))
    targets: array[float] = field(default_factory=lambda: array("d"))
    pictures: array[int] = field(default_factory=lambda: array("q"))
    """As this file numbers them."""

    def add(self, line: dict[str, Any]) -> None:
        """Take one line, whole or not at all."""
        step = line["n"]
        if type(step) is not int or not 0 < step < 2**63:
            raise _WrongValueError
        timesteps, losses, targets = floats(line["t"]), floats(line["l"]), floats(line["g"])
        pictures = array("q", line["i"])
        if bool in set(map(type, line["i"])) or not len(timesteps) == len(losses) == len(targets) == len(pictures):
            raise _WrongValueError
        norm, clipped = line.get("gn"), line.get("cl")
        if clipped is not None and type(clipped) is not bool:
            raise _WrongValueError
        norm = math.nan if norm is None else number(norm)
        row = len(self.steps)
        lrs, ds = floats(line.get("lr") or []), floats(line.get("d") or [])
        if max(len(lrs), len(ds)) > MAX_GROUPS:
            raise _WrongValueError
        self.lrs.add(lrs, row)
        self.ds.add(ds, row)
        self.steps.append(step)
        self.counts.append(len(losses))
        self.grad_norms.append(norm)
        self.clipped.append(math.nan if clipped is None else float(clipped))
        self.timesteps.extend(timesteps)
        self.losses.extend(losses)
        self.targets.extend(targets)
        self.pictures.extend(pictures)


@dataclass(frozen=True, slots=True)
class Declared:
    """A picture as one file declares it."""

    name: str
    caption: str
    bucket: tuple[int, int] | None
    is_held_out: bool
    is_reg: bool


@dataclass(slots=True)
class TelemetryFile:
    """What one file holds."""

    name: str
    head: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    pictures: dict[int, Declared] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)
    probes: list[Probe] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether no line of the recorder was found."""
        return self.head is None and self.end is None and not self.steps.steps and not self.probes

    def begin_anew(self, line_number: int) -> None:
        """Forget what an earlier writer left: the last one is the run."""
        if not self.is_empty:
            self.damage.append(
                f"{self.name}: a second recorder began at line {line_number}; what stood before is left out"
            )
        self.head, self.end = None, None
        self.pictures, self.steps, self.probes, self.notes = {}, Steps(), [], []


def read_telemetry_file(path: Path, name: str) -> TelemetryFile:
    """Read one file; `name` is what it is called in notes on damage. Raises OSError when it cannot be opened.

    A torn last line is left out without a word: that is how a killed process ends.
    """
    found = TelemetryFile(name)
    unreadable: list[int] = []
    wrong: list[int] = []
    line_number = read_bytes = 0
    with path.open("rb") as file:
        while text := file.readline(MAX_LINE_BYTES):
            line_number += 1
            read_bytes += len(text)
            if read_bytes > MAX_FILE_BYTES:
                found.damage.append(f"{name}: only its first {MAX_FILE_BYTES // 2**20} MiB were read")
                break
            is_whole = text.endswith(b"\n")
            if not is_whole and len(text) == MAX_LINE_BYTES:
                read_bytes += _skip_line(file.readline)
                unreadable.append(line_number)
                continue
            if not text.strip(b" \t\r\n\0"):
                continue
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                if is_whole:
                    unreadable.append(line_number)
                continue
            try:
                _take(found, line, line_number)
            except (_WrongValueError, KeyError, TypeError, ValueError, OverflowError, AttributeError):
                wrong.append(line_number)
    if found.head is None and not found.is_empty:
        found.damage.append(f"{name}: its first line is missing; what kind of recording it is was guessed")
    found.damage += _told(name, unreadable, "not readable") + _told(name, wrong, "with values of a wrong kind")
    return found


def take_line(found: TelemetryFile, text: bytes) -> bool:
    """Take one whole line; False where it is none of the recorder's."""
    try:
        _take(found, json.loads(text), 0)
    except (_WrongValueError, KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
        return False
    return True


def _skip_line(readline: Callable[[int], bytes]) -> int:
    """Read on to the end of an endless line; returns the bytes passed over, at most what is read of a file."""
    passed = 0
    while (text := readline(MAX_LINE_BYTES)) and not text.endswith(b"\n") and passed < MAX_FILE_BYTES:
        passed += len(text)
    return passed + len(text)


def _told(name: str, lines: list[int], what: str) -> list[str]:
    return [f"{name}: {len(lines)} line(s) {what}, the first at line {lines[0]}; left out"] if lines else []


def _take(found: TelemetryFile, line: Any, line_number: int) -> None:
    kind = line["k"]
    if kind == "s":
        found.steps.add(line)
    elif kind == "pic":
        _take_picture(found, line)
    elif kind == "p":
        found.probes.append(_probe(line))
    elif kind == "head":
        if type(line["v"]) is not int or type(line.get("rank", 0)) is not int:
            raise _WrongValueError
        found.begin_anew(line_number)
        found.head = line
        if line["v"] != VERSION:
            found.damage.append(
                f"{found.name}: format {line['v']}, of another version of this tool; {VERSION} is known"
            )
    elif kind == "end":
        number(line.get("log_s", 0.0))
        number(line.get("probe_s", 0.0))
        found.end = line
    elif kind == "note":
        if len(found.notes) < MAX_NOTES:
            found.notes.append(f"{plain(line['what'])}: {plain(line['text'])}")
    else:
        raise _WrongValueError


def _take_picture(found: TelemetryFile, line: dict[str, Any]) -> None:
    index, bucket = line["i"], line.get("bucket")
    if type(index) is not int or index < 0 or type(line["name"]) is not str:
        raise _WrongValueError
    if bucket is not None and (len(bucket) != 2 or not all(type(side) is int and side > 0 for side in bucket)):
        raise _WrongValueError
    name = "/".join(plain(line["name"]).replace("\\", "/").split("/")[-2:])
    size = None if bucket is None else (bucket[0], bucket[1])
    declared = Declared(
        name, plain(line.get("caption") or ""), size, line.get("held_out") is True, line.get("reg") is True
    )
    before = found.pictures.setdefault(index, declared)
    if before != declared:
        raise _WrongValueError


def _probe(line: dict[str, Any]) -> Probe:
    step, when, pictures = line["n"], line.get("when", "train"), tuple(array("q", line["i"]))
    timesteps = tuple(floats(line["t"]))
    losses = tuple(tuple(floats(row)) for row in line["l"])
    targets = tuple(tuple(floats(row)) for row in line["g"])
    is_shaped = len(losses) == len(targets) == len(pictures) and all(
        len(row) == len(timesteps) for row in (*losses, *targets)
    )
    if type(step) is not int or step < 0 or type(line["on"]) is not bool or when not in _WHEN or not is_shaped:
        raise _WrongValueError
    return Probe(step, line["on"], when, timesteps, pictures, losses, targets, number(line.get("s", 0.0)))


def number(value: object) -> float:
    """A number that is no truth value. Raises _WrongValueError."""
    if type(value) is not float and type(value) is not int:
        raise _WrongValueError
    return float(value)


def floats(values: Any) -> array[float]:
    """A list of numbers. Raises _WrongValueError, TypeError or OverflowError."""
    if type(values) is not list or bool in set(map(type, values)):
        raise _WrongValueError
    return array("d", values)


def plain(text: object) -> str:
    """One line of text that can be printed and written: no control characters, no lone surrogates, not too long."""
    cut = str(text)[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "?" for c in cut)
