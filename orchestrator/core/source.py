"""YAML as the user wrote it: plain data, and where each key and value stands.

Built on the events of PyYAML's pure parser. Its C loader dies of a segmentation fault on thousands of brackets, its own
constructors read YAML 1.1. Whatever a recipe does not need (tags, anchors, aliases, merge keys, directives) is refused.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.reader import Reader

from orchestrator.core import source_problems as problems
from orchestrator.core.errors import InputError
from orchestrator.core.finding import Location, Problem
from orchestrator.core.scalars import NumberOutOfRangeError, plain_value
from orchestrator.core.source_syntax import foreign_sign, syntax_problem
from orchestrator.core.source_unreadable import unreadable_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]
"""A place in the data: `("concepts", 0, "image_dir")`."""

_Event = Any
"""An event or mark of PyYAML. Its stubs call marks optional, which they never are when text was parsed."""

MAX_BYTES = 1 << 20
MAX_NODES = 10_000
MAX_DEPTH = 32

_LINE_END = re.compile(r"\r\n|\r|\n")
_NO_TEXT = b"\0\0"
"""Pictures and model files begin with such numbers; a stray zero byte in text, or UTF-16 without its mark, has none side by side."""
_FOREIGN_LINE_END = re.compile("[\x85\u2028\u2029]")
"""PyYAML ends a line there, no editor does: every line number after it would be wrong."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one value stands in the text."""

    value: Location
    key: Location | None
    """None for items of lists and for the whole document."""
    start: int
    """Index of the value's first character in the text."""
    end: int
    """Index after its last character."""
    raw: str | None = None
    """An unquoted scalar as written; None for everything else."""
    is_block: bool = False
    """A mapping or list written over several lines by indentation."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file."""

    file: str
    """Name for messages."""
    text: str
    data: Any
    """Plain dicts (text keys), lists, str, int, float, bool, None."""
    spots: Mapping[KeyPath, Spot]
    problems: tuple[Problem, ...] = ()
    """Mistakes past which reading went on, where the reader asked for that; `data` then holds what could be read."""

    def spot(self, path: KeyPath) -> Spot:
        """Return where `path` stands, or the nearest mapping or list around it."""
        while path not in self.spots:
            path = path[:-1]
        return self.spots[path]


def dotted(path: KeyPath) -> str:
    """Return `concepts[0].image_dir` for `("concepts", 0, "image_dir")`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def display_name(path: Path) -> str:
    """Return `path` as messages show it: relative to the working directory where it lies under it."""
    absolute, here = os.path.abspath(path), Path.cwd()  # noqa: PTH100  links stay as the user named them
    try:
        return Path(absolute).relative_to(here).as_posix()
    except ValueError:
        return path.as_posix()


def read_document(path: Path, file: str | None = None, *, is_forgiving: bool = False) -> Document:
    """Read a YAML file whose top level is a mapping; `file` is its name for messages. For the rest see `parse_document`."""
    name = display_name(path) if file is None else file
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError([unreadable_file(name, error)]) from error
    return parse_document(_decode(content, name), name, is_forgiving=is_forgiving)


def parse_document(text: str, file: str, *, is_any_top: bool = False, is_forgiving: bool = False) -> Document:
    """Parse YAML text. With `is_any_top` the top level may be a scalar or list too, and may be empty (None).

    Raises InputError with every mistake found. With `is_forgiving` mistakes that leave the rest readable (a key that stands
    twice, a tag, an alias, a number out of range) are returned with the document: the first value of a key holds, a value
    that cannot be read is None.
    """
    if len(text) > MAX_BYTES:
        raise InputError([problems.too_large(file)])
    lines = _LINE_END.split(text)
    _refuse_characters(text, file, lines)
    walk = _Walk(file, lines)
    data = walk.document(text, is_any_top=is_any_top)
    found = sorted(walk.problems, key=lambda p: (p.where.line, p.where.column) if p.where else (0, 0))
    if found and not (is_forgiving and walk.is_whole and isinstance(data, dict)):
        raise InputError(found)
    return Document(file, text, data, walk.spots, tuple(found))


class _TooMuchError(Exception):
    """Depth or number of nodes is over the limit: reading stops."""


class _Walk:
    """Builds plain data from events and notes where everything stands."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.spots: dict[KeyPath, Spot] = {}
        self.nodes = 0
        self.is_whole = False
        """Whether reading came to the end of the text."""
        self.events: Iterator[_Event] = iter(())

    def document(self, text: str, *, is_any_top: bool) -> Any:
        """Return the data of the only document in `text`."""
        data: Any = None
        self.events = yaml.parse(text, Loader=yaml.SafeLoader)
        try:
            next(self.events)  # the start of the stream
            start = next(self.events)
            if not isinstance(start, yaml.StreamEndEvent):
                self._refuse_directives(start)
                data = self.value(next(self.events), (), None, 1)
                self._expect_end(next(self.events))
            self.is_whole = True
        except yaml.MarkedYAMLError as error:
            self.problems.append(self._stumbled(error))
            return data
        except _TooMuchError:
            return data
        if not self.problems and not is_any_top and not isinstance(data, dict):
            self.problems.append(problems.no_mapping(self.location(1, 1, MAX_BYTES), data))
        self.spots.setdefault((), Spot(self.location(1, 1), None, 0, 0))
        return data

    def value(self, event: _Event, path: KeyPath, key: Location | None, depth: int) -> Any:
        """Return the data of the node that begins with `event`."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            limit = problems.too_deep if depth > MAX_DEPTH else problems.too_many
            self.problems.append(limit(self.here(event)))
            raise _TooMuchError
        self.spots[path] = spot = Spot(self.here(event), key, event.start_mark.index, event.end_mark.index)
        if isinstance(event, yaml.AliasEvent):
            self.problems.append(
                problems.refused(self.here(event), "alias", f"the alias `*{event.anchor}`", f"别名 `*{event.anchor}`")
            )
            return None
        self._refuse_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, spot)
        read = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._list
        data, end = read(path, depth)
        if not event.flow_style:  # a block's own end mark lies beyond the comments that follow it
            end = max((child.end for child in self._children(path, data)), default=spot.end)
        self.spots[path] = replace(spot, end=end, is_block=not event.flow_style)
        return data

    def _stumbled(self, error: yaml.MarkedYAMLError) -> Problem:
        told = syntax_problem(error, self.here)
        sign = foreign_sign(self.lines, told.where.line, self.location) if told.where is not None else None
        return sign or told

    def location(self, line: int, column: int, length: int = 1) -> Location:
        """Return a place; `line` and `column` from 1."""
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        return Location(self.file, line, column, source, max(1, min(length, len(source) - column + 1)))

    def here(self, event: _Event) -> Location:
        """Return where `event` stands, underlined to its end or to the end of the line."""
        start = event if isinstance(event, yaml.Mark) else event.start_mark
        end = start if isinstance(event, yaml.Mark) else event.end_mark
        source = self.lines[start.line] if start.line < len(self.lines) else ""
        stop = end.column if end.line == start.line else len(source.rstrip())
        return self.location(start.line + 1, start.column + 1, stop - start.column)

    def _scalar(self, event: _Event, path: KeyPath, spot: Spot) -> Any:
        if event.style:
            return event.value
        self.spots[path] = replace(spot, raw=event.value)
        try:
            return plain_value(event.value)
        except NumberOutOfRangeError:
            self.problems.append(problems.number_out_of_range(spot.value, event.value))
            return None

    def _mapping(self, path: KeyPath, depth: int) -> tuple[dict[str, Any], int]:
        data: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                return data, self._end(event)
            where = self.here(event)
            key = self._key(event, where, depth)
            if key in data:
                self._pass_over((*path, key), where, depth)
            else:
                data[key] = self.value(next(self.events), (*path, key), where, depth + 1)
        raise AssertionError("the parser ends every mapping")

    def _pass_over(self, path: KeyPath, where: Location, depth: int) -> None:
        """Report a key that stands twice. Its second value is read for its own mistakes only: the first one holds."""
        first = self.spots[path].key
        self.problems.append(problems.duplicate_key(where, str(path[-1]), first.line if first else where.line))
        kept, self.spots = self.spots, {}
        self.value(next(self.events), path, where, depth + 1)
        self.spots = kept

    def _list(self, path: KeyPath, depth: int) -> tuple[list[Any], int]:
        data: list[Any] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                return data, self._end(event)
            data.append(self.value(event, (*path, len(data)), None, depth + 1))
        raise AssertionError("the parser ends every list")

    def _key(self, event: _Event, where: Location, depth: int) -> str:
        """Return a key as text. What cannot be a key is reported, and gets a name no recipe uses."""
        self.nodes += 1
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_properties(event)
            if event.value == "<<" and not event.style:
                self.problems.append(problems.refused(where, "merge-key", "the merge key `<<`", "合并键 `<<`"))
            elif not event.value:
                self.problems.append(problems.no_key(where))
            return str(event.value)
        self.problems.append(problems.no_key(where))
        self.value(event, ("",), None, depth + 1)
        return ""

    @staticmethod
    def _end(event: _Event) -> int:
        return int(event.end_mark.index)

    def _children(self, path: KeyPath, data: dict[str, Any] | list[Any]) -> Iterator[Spot]:
        children = [(*path, key) for key in (data if isinstance(data, dict) else range(len(data)))]
        return (self.spots[child] for child in children if child in self.spots)

    def _refuse_properties(self, event: _Event) -> None:
        if event.anchor is not None:
            shown = f"`&{event.anchor}`"
            self.problems.append(problems.refused(self.here(event), "anchor", f"the anchor {shown}", f"锚点 {shown}"))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problems.append(problems.refused(self.here(event), "tag", "a type tag (`!...`)", "类型标签（`!...`）"))

    def _refuse_directives(self, event: _Event) -> None:
        if getattr(event, "version", None) or getattr(event, "tags", None):
            where = self.location(1, 1, MAX_BYTES)
            self.problems.append(problems.refused(where, "directive", "a directive (`%...`)", "指令（`%...`）"))

    def _expect_end(self, document_end: _Event) -> None:
        following = next(self.events)
        if not isinstance(following, yaml.StreamEndEvent):
            self.problems.append(problems.second_document(self.here(following)))
        assert isinstance(document_end, yaml.DocumentEndEvent)  # noqa: S101  the parser's own order of events


def _decode(content: bytes, file: str) -> str:
    """Return the text of a file's bytes; only plain UTF-8 is read."""
    for mark, encoding in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\xef\xbb\xbf", "UTF-8-BOM")):
        if content.startswith(mark):
            raise InputError([problems.byte_order_mark(Location(file, 1, 1), encoding)])
    if _NO_TEXT in content[:MAX_BYTES]:
        raise InputError([problems.binary_file(file)])
    if len(content) > MAX_BYTES:
        raise InputError([problems.too_large(file)])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        lines = _LINE_END.split(before)
        rest = _LINE_END.split(content[error.start :].decode("utf-8", "replace"))[0]
        where = Location(file, len(lines), len(lines[-1]) + 1, lines[-1] + rest)
        raise InputError([problems.not_utf8(where, content[error.start])]) from error


def _refuse_characters(text: str, file: str, lines: list[str]) -> None:
    """Refuse control characters and line ends that editors do not count."""
    found = []
    for pattern in (Reader.NON_PRINTABLE, _FOREIGN_LINE_END):
        for match in pattern.finditer(text):
            before = _LINE_END.split(text[: match.start()])
            where = Location(file, len(before), len(before[-1]) + 1, lines[len(before) - 1])
            found.append(problems.control_character(where, ord(match.group())))
            break  # one of each kind is told: a damaged file has thousands
    if found:
        raise InputError(found)
