"""What the last lines of a trainer say about its end."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.first_failed import LOST_CONNECTION, first_failed, signal_name, telling

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.first_failed import FirstFailed

TRACEBACK = "Traceback (most recent call last):"
MODEL_SAVED = "model saved."
NO_DATA = "No data found"
MESSAGE_LINES = 12
_LAUNCHER = re.compile(r"CalledProcessError|ChildFailedError|SignalException")
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_RANK = re.compile(r"^\[(?:rank|default)?(?P<rank>\d+)\]:\s?")
_RANK_BEHIND_A_BAR = re.compile(r"\[(?:rank|default)?(?P<rank>\d+)\]:\s?(?=Traceback)")
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?::\s.*|)$")
_ARGUMENTS = re.compile(r"^\S+\.py: error: (.+)$")
_SIGNAL = re.compile(r"died with <Signals\.(\w+)")
_HANDED_ON = re.compile(r"SignalException: Process \d+ got signal: (\d+)")
"""torch's launcher was asked to end, and ended its processes."""
_GPU_MEMORY = re.compile(
    r"CUDA out of memory|(HIP|XPU) out of memory|CUDA error: out of memory|torch\.(cuda\.)?OutOfMemoryError"
    r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|MPS backend out of memory"
)
_HOST_MEMORY = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory|^MemoryError\b|numpy\S*_ArrayMemoryError"
    r"|Cannot allocate memory|\[Errno 12\]|std::bad_alloc"
)
_DISK = re.compile(
    r"No space left on device|Disk quota exceeded|There is not enough space on the disk|\[Errno (28|122)\]"
    r"|PytorchStreamWriter failed"
)


@dataclass(frozen=True, slots=True)
class Crash:
    """One traceback."""

    lines: tuple[str, ...]
    last: str
    """The line with the exception's name and message."""
    message: str
    """That line and the further lines of a long message."""
    at: int
    """Where it begins in the output."""
    rank: int | None = None
    """Of several processes the one that said it, where it says which it is."""


def plain(line: str) -> str:
    """Return a line without colours and without the rank that a multi-process launch puts before it."""
    return _RANK.sub("", _COLOUR.sub("", line))


def innermost(lines: Sequence[str]) -> Crash | None:
    """Return the trainer's own last traceback. The launcher's, which only repeats the exit code, does not count.

    Of several processes that of the one that failed first counts. Where a signal ended that one, without a traceback of its own, there
    is none: the others only miss it. Nor where the launcher was asked to end, and they lost one another.
    """
    own = [found for found in _tracebacks(lines) if not _LAUNCHER.search(found.last)]
    if _last_match(_HANDED_ON, lines):
        own = [found for found in own if not re.search(LOST_CONNECTION, found.message)]
    places = telling(failed_first(lines), [(found.rank, found.message) for found in own])
    return max((own[place] for place in places), key=lambda found: found.at, default=None)


def failed_first(lines: Sequence[str]) -> FirstFailed | None:
    """Return which of several processes failed first; None where nothing says so."""
    return first_failed(plain(line) for line in lines)


def said_by(rank: int, lines: Sequence[str]) -> list[str]:
    """Return the lines that the process of that rank marked as its own."""
    return [text for speaker, text in map(_marked, lines) if speaker == rank]


def refused_argument(lines: Sequence[str]) -> str | None:
    """Return what the trainer's option parser complained about."""
    return _last_match(_ARGUMENTS, lines)


def killing_signal(lines: Sequence[str]) -> str | None:
    """Return the signal that ended the trainer, as its launcher tells: `SIGKILL`."""
    first, handed_on = failed_first(lines), _last_match(_HANDED_ON, lines)
    if first is not None and first.signal is not None:
        return first.signal
    return _last_match(_SIGNAL, lines) or (signal_name(-int(handed_on)) if handed_on else None)


def has_gpu_memory_error(text: str) -> bool:
    """Return whether this is how a GPU says that its memory is full."""
    return bool(_GPU_MEMORY.search(text))


def has_host_memory_error(text: str) -> bool:
    """Return whether this is how the machine's own memory is said to be full."""
    return bool(_HOST_MEMORY.search(text))


def has_disk_error(text: str) -> bool:
    """Return whether this is how a full disk, or a used-up quota, is told."""
    return bool(_DISK.search(text))


def without_home(text: str, home: Path | None = None) -> str:
    """Return `text` with `~` for the user's home folder (`home`: another one), also where its backslashes are doubled.

    A folder that only begins with the same letters, or lies elsewhere under the same name, stays.
    """
    folder = str(home) if home is not None else os.path.expanduser("~")  # noqa: PTH111 - Path.home() may raise
    folder = folder.rstrip("/\\")
    if not os.path.isabs(folder):  # noqa: PTH117 - as above; also nothing is left of a home `/`
        return text
    spellings = {folder, folder.replace("\\", "\\\\"), folder.replace("\\", "/")}
    names = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
    return re.sub(rf"(?<![\w.-])(?:{names})(?![\w-]|\.\w)", "~", text)


def _marked(line: str) -> tuple[int | None, str]:
    """Return which of several processes says a line, None where it does not tell, and the line without that mark."""
    text = _COLOUR.sub("", line)
    prefix = _RANK.match(text) or _RANK_BEHIND_A_BAR.search(text)
    return (None, text) if prefix is None else (int(prefix["rank"]), text[prefix.end() :])


def _tracebacks(lines: Sequence[str]) -> list[Crash]:
    """Return all tracebacks. One may begin behind a progress bar on the same line; several processes write into one another."""
    said: dict[int | None, list[tuple[int, str]]] = {}
    for number, line in enumerate(lines):
        rank, text = _marked(line)
        said.setdefault(rank, []).append((number, text))
    return [crash for rank, own in said.items() for crash in _of_one_process(own, rank)]


def _of_one_process(numbered: list[tuple[int, str]], rank: int | None) -> list[Crash]:
    lines = [line for _, line in numbered]
    found = []
    start: int | None = None
    for number, line in enumerate(lines):
        if TRACEBACK in line:
            start = number
        elif start is not None and line and not line[0].isspace():
            if _EXCEPTION.match(line):
                end = _end_of_message(lines, number)
                shown = (TRACEBACK, *lines[start + 1 : end])
                found.append(Crash(shown, line, "\n".join(lines[number:end]), numbered[start][0], rank))
            start = None
    return found


def _end_of_message(lines: list[str], number: int) -> int:
    """Return where the message of the exception on line `number` ends: indented lines belong to it."""
    end = number + 1
    while end < len(lines) and end < number + MESSAGE_LINES and lines[end][:1].isspace():
        end += 1
    return end


def _last_match(pattern: re.Pattern[str], lines: Sequence[str]) -> str | None:
    for line in reversed(lines):
        match = pattern.search(plain(line))
        if match:
            return match.group(1)
    return None
