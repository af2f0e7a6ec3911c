"""Which of several processes failed first, as torch's launcher says when all have ended.

The others fail because of it: their tracebacks tell of a lost connection, whatever it was that ended the first one. Source:
`ChildFailedError.format_msg` in torch/distributed/elastic/multiprocessing/errors, torch 2.6 to 2.13; the newer ones name the signal.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEAD = "Root Cause (first observed failure)"
_RANK = re.compile(r"\s*rank\s*: (?P<rank>\d{1,6})\b")
_EXIT = re.compile(r"\s*exitcode\s*: (?P<code>-?\d{1,12})\b")
LOST_CONNECTION = r"(?:gloo|pair\.cc).*Connection (?:closed|reset) by peer|ncclRemoteError|remote process exited or there was a network error"
"""Pattern of what a process says that only lost the others, as gloo and NCCL put it."""


@dataclass(frozen=True, slots=True)
class FirstFailed:
    """The process that failed before the others."""

    rank: int
    """Its number among all processes."""
    exit_code: int

    @property
    def signal(self) -> str | None:
        """What ended it from outside or in native code: `SIGKILL`; None: it ended itself."""
        return signal_name(self.exit_code)


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
                return FirstFailed(self._rank, int(code["code"]))
        return None


def signal_name(exit_code: int | None) -> str | None:
    """Return the name of the signal that an exit code below 0 stands for; its number where this system has no such signal."""
    if exit_code is None or exit_code >= 0:
        return None
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return str(-exit_code)


def telling(first: FirstFailed | None, said: Sequence[tuple[int | None, str]]) -> list[int]:
    """Return which errors tell why a run of several processes ended, as positions in `said`: (rank, None where unknown; words).

    Those of the process that failed first; of the others where it has none, or only lost them and was ended by the launcher for it. None
    where a signal alone tells.
    """
    own = [place for place, (_, words) in enumerate(said) if not re.search(LOST_CONNECTION, words)]
    everything = list(range(len(said)))
    if first is None:
        return own or everything
    of_first = [place for place in own if said[place][0] in (first.rank, None)]
    if of_first or first.signal not in (None, "SIGABRT", "SIGTERM"):
        return of_first
    return own if own or first.signal else everything


def first_failed(lines: Iterable[str]) -> FirstFailed | None:
    """Return the last such process that `lines` tell of; None where they tell of none."""
    reader, found = FirstFailedReader(), None
    for line in lines:
        found = reader.feed(line) or found
    return found
