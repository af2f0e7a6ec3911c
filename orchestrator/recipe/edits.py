"""Changing one value of a YAML text and nothing else: comments, order and layout stay as the user wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import InputError
from orchestrator.core.source import parse_document
from orchestrator.recipe.dump import scalar_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.source import Document, KeyPath, Spot

NULL = object()
"""Write `null`: takes back what a recipe inherits."""
_BLANK = " \t\r\n"
"""What YAML takes for white space: a value may well be a no-break space."""


class CannotEditError(ValueError):
    """The text offers no place for this change."""


def flow(value: Any) -> str:
    """Return a value as it is written on one line of a recipe: `1e-4`, `true`, `[0.9, 0.99]`."""
    if value is NULL or value is None:
        return "null"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar_text(key)}: {flow(item)}" for key, item in value.items()) + "}"
    return scalar_text(value)


def set_value(text: str, path: KeyPath, value: Any, comment: str = "") -> str:
    """Return `text` with `value` at `path`; missing sections are added at the end. Raises CannotEditError."""
    document = parse_document(text, "recipe.yaml")
    if path in document.spots:
        return _replace(document, path, value, comment)
    known = next(path[:size] for size in range(len(path) - 1, -1, -1) if path[:size] in document.spots)
    missing = path[len(known) :]
    if any(isinstance(part, int) for part in missing):
        raise CannotEditError(path)
    return _insert(document, known, [str(part) for part in missing], value, comment)


def remove_value(text: str, path: KeyPath) -> str:
    """Return `text` without the key at `path`; a section that would be left empty goes too. Raises CannotEditError."""
    document = parse_document(text, "recipe.yaml")
    while len(path) > 1 and len(_at(document, path[:-1])) == 1:
        path = path[:-1]
    spot = document.spot(path)
    if path not in document.spots or spot.key is None:
        raise CannotEditError(path)
    start = _index(text, spot.key.line, spot.key.column)
    begin, end = text.rfind("\n", 0, start) + 1, _line_end(text, _value_end(text, spot))
    if text[begin:start].strip(_BLANK):  # it shares its line: {a: 1, b: 2} or `- a: 1`
        raise CannotEditError(path)
    return text[:begin] + text[min(end + 1, len(text)) :]


def reword(text: str, path: KeyPath, change: Callable[[str], str]) -> str:
    """Return `text` with the text at `path` changed. Quotes and line breaks stay where the words can be changed in place."""
    document = parse_document(text, "recipe")
    old = _at(document, path)
    spot = document.spots[path]
    edited = text[: spot.start] + change(text[spot.start : spot.end]) + text[spot.end :]
    wanted = set_value(text, path, change(old))
    try:
        is_same = parse_document(edited, "recipe").data == parse_document(wanted, "recipe").data
    except InputError:
        is_same = False
    return edited if is_same else wanted


def texts_under(data: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Return the paths of all text values in plain data, in order."""
    if isinstance(data, str):
        return [path]
    if isinstance(data, dict):
        return [found for key, item in data.items() for found in texts_under(item, (*path, key))]
    if isinstance(data, list):
        return [found for index, item in enumerate(data) for found in texts_under(item, (*path, index))]
    return []


def _replace(document: Document, path: KeyPath, value: Any, comment: str) -> str:
    text, spot = document.text, document.spots[path]
    end = _value_end(text, spot)
    written = flow(value)
    if spot.start == spot.end or text[spot.start - 1] == ":":  # `key:` without a value
        written = f" {written}"
    if spot.is_block:
        key = document.spots[path].key
        if key is None:
            raise CannotEditError(path)
        # From the colon on: a block begins on the line below its key.
        start = text.index(":", _index(text, key.line, key.column) + key.length - 1) + 1
        return _with_comment(text[:start] + f" {written}" + text[end:], start + len(written), comment)
    return _with_comment(text[: spot.start] + written + text[end:], spot.start + len(written), comment)


def _insert(document: Document, known: KeyPath, names: list[str], value: Any, comment: str) -> str:
    text, spot = document.text, document.spots[known]
    holder = _at(document, known)
    if holder is None and known:  # `train: null`: the section itself is written
        nested: Any = value
        for name in reversed(names):
            nested = {name: nested}
        return _replace(document, known, nested, comment)
    if not isinstance(holder, dict):
        raise CannotEditError(known)
    if not spot.is_block:
        return _insert_in_flow(document, known, names, value, comment)
    child: KeyPath = (*known, next(iter(holder)))
    first = document.spots[child].key
    indent = " " * (first.column - 1) if first else ""
    end = _line_end(text, _value_end(text, spot))
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{indent}{'  ' * depth}{scalar_text(name)}:" for depth, name in enumerate(names)]
    tail = f"  # {comment}" if comment else ""
    block = newline.join(lines) + f" {flow(value)}{tail}"
    head = text[:end].removesuffix("\r")
    gap = newline if len(names) > 1 and not known else ""
    rest = text[len(head) :] or newline
    return f"{head}{newline}{gap}{block}{rest}"


def _insert_in_flow(document: Document, known: KeyPath, names: list[str], value: Any, comment: str) -> str:
    text, spot = document.text, document.spots[known]
    nested = value
    for name in reversed(names[1:]):
        nested = {name: nested}
    body = text[spot.start + 1 : spot.end - 1].rstrip(_BLANK)
    separator = "" if not body.strip(_BLANK) else " " if body.endswith(",") else ", "
    written = f"{separator}{scalar_text(names[0])}: {flow(nested)}"
    end = spot.start + 1 + len(body)
    return _with_comment(text[:end] + written + text[end:], end + len(written), comment)


def _with_comment(text: str, index: int, comment: str) -> str:
    """Add `comment` at the end of the line that holds `index`, after a comment that is already there."""
    if not comment:
        return text
    end = _line_end(text, index)
    end -= text[:end].endswith("\r")
    line_start = text.rfind("\n", 0, index) + 1
    joiner = "; " if " #" in text[index:end] or text[line_start:end].lstrip().startswith("#") else "  # "
    return text[:end].rstrip(" ") + joiner + comment + text[end:]


def _value_end(text: str, spot: Spot) -> int:
    """Index after the value's last visible character: the end of `|` text lies on the next line."""
    return spot.start + len(text[spot.start : spot.end].rstrip(_BLANK))


def _at(document: Document, path: KeyPath) -> Any:
    here = document.data
    for part in path:
        here = here[part]
    return here


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _index(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
