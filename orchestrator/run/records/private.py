"""A run belongs to the user who started it: its prompts, captions and pictures are nobody else's business on a shared machine."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path

SHARED_VARIABLE = "LORA_RUN_SHARED"
"""Set to 1, files get the rights that the umask gives them, and a folder of somebody else's is gone on with."""


def is_shared() -> bool:
    """Whether the user wants runs to be shared with others on this machine."""
    return os.environ.get(SHARED_VARIABLE) == "1"


def folder_mode() -> int:
    """Return the rights of a new run folder, before the umask takes its own from them."""
    return 0o777 if is_shared() else 0o700


def keep_private() -> None:
    """Let this process, and the trainer it starts, write files for the user alone, unless runs are shared."""
    if not is_shared():
        os.umask(0o077)


def refuse_foreign(folder: Path) -> None:
    """Raise EnvironmentFault when a run folder that is to be written into is a link, or belongs to another user.

    Whoever owns it could read what is written, or lead it elsewhere.
    """
    if is_shared() or not hasattr(os, "geteuid"):
        return
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise EnvironmentFault([_foreign(folder, Text("it is a link", "它是一个链接"))])
    if found.st_uid != os.geteuid():
        whose = Text(f"it belongs to the user with number {found.st_uid}", f"它属于编号为 {found.st_uid} 的用户")
        raise EnvironmentFault([_foreign(folder, whose)])


def _foreign(folder: Path, why: Text) -> Problem:
    return Problem(
        "foreign-run-folder",
        Text(f"nothing is written into {folder}", f"不会写入 {folder}"),
        why,
        Text(
            f"name the folder itself, one of your own; where runs are shared on purpose set {SHARED_VARIABLE}=1",
            f"请直接写你自己的文件夹；若有意共享运行，请设置 {SHARED_VARIABLE}=1",
        ),
    )
