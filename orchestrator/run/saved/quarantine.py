"""Where torn and broken files and states go: kept with the reason, never used, never written over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from orchestrator.core.rundir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

WHY: Final = ".why.txt"
"""Behind the name of what was set apart: why."""


def quarantine(path: Path, rundir_root: Path, reason: str) -> Path:
    """Move a damaged state or network file of attempt N to `quarantine/N/<name>`, `<name>.why.txt` beside it; return where it is now.

    Nothing is deleted and nothing there is overwritten: a name that is taken gets a number behind it. The caller holds the run's lock.
    Raises ValueError for what is not inside an attempt of this run, OSError where it cannot be moved.
    """
    path.lstat()  # before a folder is made for it
    attempts = rundir_root.resolve() / "attempts"
    inside = path.parent.resolve() / path.name
    if not inside.is_relative_to(attempts):
        raise ValueError(f"{path} is not in an attempt of {rundir_root}")
    folder = RunDir(rundir_root).quarantine / inside.relative_to(attempts).parts[0]
    folder.mkdir(parents=True, exist_ok=True)
    target = _free(folder, path.name)
    path.rename(target)
    with contextlib.suppress(OSError):  # on a full disk the journal has the reason alone
        target.with_name(target.name + WHY).write_text(f"{reason}\n", encoding="utf-8")
    return target


def _free(folder: Path, name: str) -> Path:
    """Return a path that nothing has, nor its reason."""
    taken = {p.name for p in folder.iterdir()}
    number, free = 1, name
    while free in taken or free + WHY in taken:
        number += 1
        free = f"{name}-{number}"  # behind the ending: the first one alone is looked at as a network file
    return folder / free
