"""A folder named on the command line: its own pictures, or those of the folders below it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.dataset.layout import folder_roles
from orchestrator.dataset.pairs import find_pairs
from orchestrator.dataset.scan import TAKEN_EXTENSIONS, FolderRequest, scan_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.model import Dataset

DEEPEST = 4
"""Levels below the named folder that are looked into."""


def scan_below(folder: Path) -> Dataset:
    """Scan `folder`, or each folder below it that holds pictures, and find its pairs; their names say what they are for.

    Raises InputError where one cannot be read.
    """
    folders = _with_pictures(folder) if folder.is_dir() else [folder]
    roles = folder_roles(folders)
    found = scan_dataset(
        FolderRequest(one, is_reg=role == "regularisation") for one, role in zip(folders, roles, strict=True)
    )
    if found.problems:
        raise InputError(list(found.problems))
    seen = (replace(one, is_held_out=role == "validation") for one, role in zip(found.folders, roles, strict=True))
    return replace(found, folders=tuple(seen), pairs=find_pairs(found.folders))


def _with_pictures(folder: Path) -> list[Path]:
    """Return `folder`, or the folders below it that hold pictures where it holds none itself; links are not followed."""
    found = []
    for root, folders, files in os.walk(folder):
        here = folder.__class__(root)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < DEEPEST else []
        if any(name[name.rfind(".") :] in TAKEN_EXTENSIONS for name in files):
            found.append(here)
            if here == folder:
                break
    return found or [folder]
