"""Put wrapped records together: without `COLUMNS` a trainer's log on a pipe is 80 columns wide and every message is broken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from orchestrator.observe.console import CONTINUED, RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDE: Final = 110
"""Wider lines were not wrapped."""
_SOURCE = re.compile(r"\s+([\w.-]+\.py:\d+) *$")


def unwrap(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the logical lines of one record: what a narrow console wrapped becomes whole again.

    rich puts the source to the right of the first line, wraps the message at words inside its column and folds words
    longer than the column. Inner lines of a message (data set blocks) are indented further and stay lines.
    """
    first_number, first = lines[0]
    record = RECORD.match(first)
    if record is None or len(lines) == 1 or len(first.rstrip("\r\n")) > _WIDE:
        yield from lines
        return
    head, source, width = _split_source(first)
    inner: list[tuple[int, str]] = [(first_number, head)]
    last_piece = head[29:] if len(head) > 29 else head
    for number, line in lines[1:]:
        piece = line[29:].rstrip()
        if not piece:
            continue
        if piece.startswith("  "):
            inner.append((number, CONTINUED + piece))
        else:
            glue = "" if _is_folded(last_piece, width) else " "
            where, text = inner[-1]
            inner[-1] = (where, text + glue + piece)
        last_piece = piece
    yield inner[0][0], inner[0][1] + (f"  {source}" if source else "")
    yield from inner[1:]


def _split_source(first: str) -> tuple[str, str, int]:
    match = _SOURCE.search(first)
    if match is None:
        return first.rstrip(), "", len(first) - 29
    return first[: match.start()].rstrip(), match[1], max(1, match.start(1) - 1 - 29)


def _is_folded(piece: str, width: int) -> bool:
    """Whether the word at the end of `piece` goes on in the next line: it begins the line and fills the column."""
    word = piece.strip()
    return (
        " " not in word
        and len(word) > 12
        and (len(word) >= width or word[0] in "/\"'\\" or word[1:3] == ":\\" or "_" in word)
    )


def group_records(lines: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Yield numbered lines in groups: a record with the lines that continue it, any other line alone."""
    group: list[tuple[int, str]] = []
    for number, line in lines:
        is_part = line.startswith(CONTINUED) and bool(group) and RECORD.match(line) is None
        if not is_part and group:
            yield group
            group = []
        group.append((number, line))
    if group:
        yield group
