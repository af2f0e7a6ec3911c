"""A folder that is made anew: pictures are never written among others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path


def check_free(folder: Path) -> None:
    """Raise InputError where `folder` holds anything or is none, EnvironmentFault where it cannot be looked into. Writes nothing."""
    try:
        held = next(folder.iterdir(), None)
    except FileNotFoundError:
        if folder.is_symlink():
            raise InputError([_no_folder(folder)]) from None
        return
    except NotADirectoryError as error:
        raise InputError([_no_folder(folder)]) from error
    except OSError as error:
        raise EnvironmentFault([unwritable(folder, error)]) from error
    if held is not None:
        raise InputError([in_use(folder)])


def open_folder(folder: Path) -> None:
    """Make the folder. Raises InputError where it holds anything, EnvironmentFault where it cannot be made."""
    check_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError([_no_folder(folder)]) from error
    except OSError as error:
        raise EnvironmentFault([unwritable(folder, error)]) from error


def in_use(folder: Path) -> Problem:
    """Say that the folder holds something."""
    return Problem(
        "output-not-empty",
        Text(f"`{folder}` is not empty", f"`{folder}` 不是空文件夹"),
        Text("pictures are never written among others", "绝不会写到已有的图片中间"),
        Text("name a folder that does not exist yet", "请指定一个尚不存在的文件夹"),
    )


def unwritable(folder: Path, error: OSError) -> Problem:
    """Say why nothing can be written there."""
    reason = error.strerror or type(error).__name__
    return Problem(
        "output-not-writable",
        Text(f"nothing can be written to `{folder}`: {reason}", f"无法写入 `{folder}`：{reason}"),
        fix=Text("name another folder, or free some space", "换一个文件夹，或腾出空间"),
    )


def _no_folder(folder: Path) -> Problem:
    return Problem(
        "output-not-a-folder",
        Text(f"`{folder}` is a file, or lies in one", f"`{folder}` 是文件，或位于文件之内"),
        fix=Text("name a folder that does not exist yet", "请指定一个尚不存在的文件夹"),
    )
