"""Appending JSON lines so that a reader never meets half a line followed by another."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ROOT = r"(?:[A-Za-z]:[/\\]+|[/\\]{1,4})"
_WORDS = r"[^\s'\"/\\:]+(?: [^\s'\"/\\:]+){0,4}"
_ABSOLUTE = re.compile(rf"(?<![\w.~…:/\\-]){_ROOT}(?:{_WORDS}[/\\]+)+")
"""Folders of an absolute path within a sentence: a blank is part of a name where a separator follows within a few words."""
_QUOTED = tuple(
    re.compile(rf"(?<={quote}){_ROOT}(?:[^{quote}/\\]+[/\\]+)+(?=[^{quote}/\\]+{quote})") for quote in "\"'"
)
"""Between quotes all of it is the path."""


class LineFile:
    """An append-only file. Lines of one call go out in one write, so a crash tears at most the last of them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # the torn line of an earlier process stays a line of its own

    def write(self, lines: Iterable[dict[str, Any]]) -> None:
        """Append the lines. Raises `OSError`, for example when the disk is full."""
        data = memoryview("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode())
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file; later writes fail."""
        os.close(self._file)


def one_line(text: str, limit: int = 300) -> str:
    """The text on one line, cut, with the folders of absolute paths left out."""
    flat = " ".join(text.split())
    for quoted in _QUOTED:
        flat = quoted.sub("", flat)
    return _ABSOLUTE.sub("", flat)[:limit]


def rounded(value: float, digits: int = 7) -> float:
    """The number with that many significant digits; 7 are about what a float32 holds, 9 hold it exactly."""
    return float(f"{value:.{digits}g}")
