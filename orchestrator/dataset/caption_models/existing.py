"""A caption file before and after: what a new description does to what stands there, and how the file is written."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.core.text import Text
from orchestrator.dataset.captions import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    WriteCaption = Callable[[Path, bytes | None, bytes], None]
    """Caption file, what it holds (None: it is not there), what it becomes. Raises OSError where it cannot."""

Existing = Literal["skip", "append", "replace"]
"""What becomes of a caption that is there: it stays, new pieces are put behind it, or it goes."""
_BOM: Final = "\ufeff"
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
IS_LINK: Final = Text(
    "its caption file is a link: caption the file it leads to", "它的标注文件是链接：请处理它所指的文件"
)
NOT_UTF8: Final = Text(
    "its caption is not UTF-8: save it as UTF-8 first, or replace it", "它的标注不是 UTF-8：请先另存为 UTF-8，或替换它"
)
TOO_LARGE: Final = Text("its caption file is too large for a caption", "它的标注文件过大，不像标注")


class UnusableCaptionError(Exception):
    """The caption file that is there cannot be dealt with."""

    def __init__(self, why: Text) -> None:
        self.why = why
        super().__init__(why.en)


def read_existing(path: Path) -> bytes | None:
    """Return what a caption file holds; None where there is none. Raises UnusableCaptionError."""
    if path.is_symlink():
        raise UnusableCaptionError(IS_LINK)
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableCaptionError(_system_says(error)) from error
    try:
        with os.fdopen(handle, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnusableCaptionError(_system_says(error)) from error
    if len(raw) > MOST_BYTES:
        raise UnusableCaptionError(TOO_LARGE)
    return raw


def _system_says(error: OSError) -> Text:
    reason = error.strerror or type(error).__name__
    return Text(f"its caption cannot be read: {reason}", f"它的标注无法读取：{reason}")


def says_something(raw: bytes | None) -> bool:
    """Return whether a caption file holds anything but blanks."""
    return bool(raw and raw.removeprefix(_BOM.encode()).strip())


def compared(piece: str) -> str:
    """Return a piece of a caption as it is compared: case, underscores and escapes do not count."""
    return " ".join(piece.replace("\\(", "(").replace("\\)", ")").replace("_", " ").lower().split())


def captioned(before: bytes | None, pieces: Sequence[str], existing: Existing, trigger: str = "") -> bytes:
    """Return what the caption file becomes; the same bytes where nothing is to be written. Raises UnusableCaptionError.

    `skip` keeps whatever says anything. `append` changes the first line, the one the trainer reads, and keeps the rest of the file.
    """
    held = before or b""
    if says_something(before) and existing == "skip":
        return held
    if not says_something(before) or existing == "replace":
        new = _in_order((), pieces, trigger)
        return (", ".join(new) + "\n").encode() if new else held
    try:
        text = held.decode()
    except UnicodeDecodeError as error:
        raise UnusableCaptionError(NOT_UTF8) from error
    mark = _BOM if text.startswith(_BOM) else ""
    end = min((place for place in map(text.find, "\r\n") if place >= 0), default=len(text))
    line, rest = text[len(mark) : end], text[end:]
    old = [piece.strip() for piece in line.split(",") if piece.strip()]
    told = compared(line)
    new = _in_order(old, [one for one in pieces if not ("," in one and compared(one) in told)], trigger)
    return held if new == old else (mark + ", ".join(new) + rest).encode()


def _in_order(old: Iterable[str], new: Iterable[str], trigger: str) -> list[str]:
    """Return trigger, old and new pieces, each new one once."""
    kept = list(old)
    seen = {compared(piece) for piece in kept}
    for piece in new:
        if compared(piece) not in seen:
            seen.add(compared(piece))
            kept.append(piece)
    first = trigger.strip()
    return [first, *(piece for piece in kept if compared(piece) != compared(first))] if first else kept


def digest(raw: bytes) -> str:
    """Return the SHA-256 of a caption file."""
    return hashlib.sha256(raw).hexdigest()


def write_atomically(path: Path, before: bytes | None, after: bytes) -> None:
    """Write beside `path` and rename there, with the mode of what was there: a reader never sees half a caption."""
    temporary = path.parent / f".{path.name[:80]}.{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        with temporary.open("xb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            with suppress(OSError):
                temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
