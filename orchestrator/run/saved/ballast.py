"""A file that is only there to be deleted: with its room the journal and the last words can be written on a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text
from orchestrator.plan.disk import BALLAST_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK: Final = 1024 * 1024
_CANNOT_ALLOCATE: Final = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


def make_ballast(path: Path, size_bytes: int = BALLAST_BYTES) -> Text | None:
    """Make the file at `path`, its room really taken. Returns None, or why there is none; a run goes on without."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        return None
    except OSError as error:
        return _without(error)
    try:
        _take_room(fd, size_bytes)
        os.close(fd)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.close(fd)
        with contextlib.suppress(OSError):
            path.unlink()
        return _without(error)
    return None


def free_ballast(path: Path) -> int:
    """Delete the file, when the disk is full or the run is over. Returns the bytes that this made free; 0 where it is gone already."""
    try:
        size_bytes = path.stat().st_size
        path.unlink()
    except OSError:
        return 0
    return size_bytes


def _take_room(fd: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size_bytes)
        except OSError as error:
            if error.errno not in _CANNOT_ALLOCATE:
                raise
        else:
            return
    for _ in range(0, size_bytes, _BLOCK):
        _write_whole(fd, os.urandom(_BLOCK))  # zeros would take no room where the file system compresses
    os.fsync(fd)


def _write_whole(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _without(error: OSError) -> Text:
    reason = reason_of(error)
    return Text(
        f"no room could be set aside for the last words on a full disk: {reason.en}",
        f"无法为磁盘写满时的最后记录预留空间：{reason.zh}",
    )
