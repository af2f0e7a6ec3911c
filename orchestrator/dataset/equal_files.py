"""Pictures that are the same file twice. Only files of equal size are opened, and of those first their ends."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.dataset.model import Folder

ENDS: Final = 4096
"""Bytes at both ends that are compared first: they hold the header and the checksums."""
BUDGET: Final = 512 * 1024**2
"""Bytes read in all; sets with more of equal files are told by the ones that were read."""


def equal_files(folders: Iterable[Folder]) -> tuple[tuple[Path, ...], ...]:
    """Return groups of pictures that are byte for byte the same, each sorted; files that cannot be read are left out."""
    sizes: dict[int, list[Path]] = {}
    for folder in folders:
        for picture in folder.pictures:
            if not picture.problem and picture.size_bytes:
                sizes.setdefault(picture.size_bytes, []).append(picture.path)
    found: list[tuple[Path, ...]] = []
    budget = BUDGET
    for size, paths in sorted(sizes.items()):
        if len(paths) < 2:
            continue
        for alike in _grouped(paths, partial(_ends, size)):
            budget -= size * len(alike)
            if budget < 0:
                return tuple(sorted(found))
            found += [tuple(sorted(group)) for group in _grouped(alike, _whole)]
    return tuple(sorted(found))


def _grouped(paths: Iterable[Path], key_of: Callable[[Path], bytes | None]) -> list[list[Path]]:
    """Return the groups of at least two different paths with the same key."""
    groups: dict[bytes, list[Path]] = {}
    for path in dict.fromkeys(paths):
        key = key_of(path)
        if key is not None:
            groups.setdefault(key, []).append(path)
    return [group for group in groups.values() if len(group) > 1]


def _ends(size: int, path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            head = file.read(ENDS)
            file.seek(max(0, size - ENDS), os.SEEK_SET)
            return head + file.read(ENDS)
    except OSError:
        return None


def _whole(path: Path) -> bytes | None:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(1024 * 1024):
                digest.update(block)
    except OSError:
        return None
    return digest.digest()
