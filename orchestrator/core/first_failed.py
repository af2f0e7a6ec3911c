"""Which of several processes failed first, as torch's launcher says when all have ended.

The others fail because of it: their tracebacks tell of a lost connection, whatever it was that ended the first one. Source:
`ChildFailedError.format_msg` in torch/distributed/elastic/multiprocessing/errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = "Root Cause (first observed failure)"
_RANK = re.compile(r"\s*rank\s*: (?P<rank>\d{1,6})\b")
_EXIT = re.compile(r"\s*exitcode\s*: (?P<code>-?\d{1,12})\b(?:.*\((?P<signal>SIG\w{1,20})\))?")


@dataclass(frozen=True, slots=True)
class FirstFailed:
    """The process that failed before the others."""

    rank: int
    """Its number among all processes."""
    exit_code: int
    signal: str | None
    """What ended it from outside or in native code: `SIGKILL`; None: it ended itself."""

    @property
    def text(self) -> str:
        """One line."""
        signal = f" ({self.signal})" if self.signal else ""
        return f"process {self.rank} failed first: exitcode {self.exit_code}{signal}"


class FirstFailedReader:
    """Reads the launcher's summary line by line."""

    def __init__(self) -> None:
        self._is_inside = False
        self._rank: int | None = None

    def feed(self, line: str) -> FirstFailed | None:
        """Return the process once `line` completes what is said about it."""
        if line.lstrip().startswith(_HEAD):
            self._is_inside, self._rank = True, None
        elif self._is_inside:
            if rank := _RANK.match(line):
                self._rank = int(rank["rank"])
            elif (code := _EXIT.match(line)) and self._rank is not None:
                self._is_inside = False
                return FirstFailed(self._rank, int(code["code"]), code["signal"])
        return None


def first_failed(lines: Iterable[str]) -> FirstFailed | None:
    """Return the last such process that `lines` tell of; None where they tell of none."""
    reader, found = FirstFailedReader(), None
    for line in lines:
        found = reader.feed(line) or found
    return found
