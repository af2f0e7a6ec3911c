"""Files that last: flushed to the disk, named only when whole, known by their sum."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK: Final = 1 << 20
_CANNOT: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What a file system says that knows no flushing."""
_OPEN: Final = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY


def flush(path: Path) -> None:
    """Make a file or folder last through a power cut. Raises OSError where the disk refuses a file; folders of Windows cannot be opened."""
    is_folder = path.is_dir()
    try:
        fd = os.open(path, os.O_RDONLY if is_folder else _OPEN)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if not is_folder and error.errno not in _CANNOT:
            raise


def link_or_copy(source: Path, target: Path) -> None:
    """Give `source` the further name `target`, flushed to the disk. Raises FileExistsError where that name is taken.

    Where the file system has no hard links (FAT) it is copied beside and renamed.
    """
    flush(source)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(target) from None
        beside = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, beside)
            flush(beside)
            name_new(beside, target)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()
    else:
        flush(target.parent)


def name_new(beside: Path, target: Path) -> None:
    """Give the finished, flushed file `beside` its name. Raises FileExistsError where something has it already."""
    try:
        os.link(beside, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        if target.exists():
            raise FileExistsError(target) from None
        beside.rename(target)
    else:
        beside.unlink()
    flush(target.parent)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
