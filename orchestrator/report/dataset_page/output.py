"""Where the page is written. No file of the user's is written over: only an earlier page of the same set, or what `--force` names."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.record import write_text
from orchestrator.core.text import Text
from orchestrator.report.make import refused_by_system

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES: Final = (".html", ".htm")
_HEAD_BYTES: Final = 2048
"""The mark stands in the first lines of a page."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """The file that a page is to be written to."""

    path: Path
    mark: str
    """What the page says it is: made by this verb, of this folder or recipe. By it an earlier page is known again."""
    is_asked_for: bool
    """Somebody named it; else it is in the working directory."""


def name_of_set(target: Path) -> str:
    """Return what a folder of pictures, or a recipe, is called."""
    real = target.resolve()
    return (real.stem if real.is_file() else real.name) or "pictures"


def page_file(target: Path, wanted: Path | None, *, is_forced: bool = False) -> PageFile:
    """Return the file to write: `wanted`, else one in the working directory that is called after the folder or recipe.

    Raises InputError where it has no page's name, no folder, is a file that may not be written over, or would come to lie among the
    pictures though nobody asked for that.
    """
    digest = hashlib.sha256(str(target.resolve()).encode("utf-8", "surrogatepass")).hexdigest()
    path = Path(f"{name_of_set(target)}-dataset.html") if wanted is None else wanted
    file = PageFile(path, f"lora-run dataset report {digest[:8]}", wanted is not None)
    _check_name(path)
    if os.path.lexists(path) and not _is_earlier(file):
        _check_taken(path, is_forced=is_forced)
    if target.is_dir():
        _check_outside(file, [target])
    return file


def write_page(file: PageFile, html: str, folders: Iterable[Path]) -> None:
    """Write the page beside and rename it. `folders`: those of the pictures.

    Raises EnvironmentFault where the system does not take it, InputError as `page_file` does.
    """
    _check_outside(file, folders)
    try:
        write_text(file.path, html)
    except OSError as error:
        raise EnvironmentFault([refused_by_system(error)]) from error


def _check_name(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        what = Text(f"`{path.name}` is no name of a page", f"`{path.name}` 不是网页文件名")
        raise InputError([Problem("not-a-page", what, fix=Text("write FILE.html", "请写成 FILE.html"))])
    if not path.parent.is_dir():
        what = Text(f"there is no folder `{path.parent}` for the page", f"没有存放页面的文件夹 `{path.parent}`")
        fix = Text("make it first, or name another file", "请先建立它，或换一个文件")
        raise InputError([Problem("no-folder", what, fix=fix)])


def _check_taken(path: Path, *, is_forced: bool) -> None:
    if path.is_dir() and not path.is_symlink():
        what = Text(f"`{path.name}` is a folder", f"`{path.name}` 是文件夹")
        fix = Text("name another file with `-o`", "用 `-o` 指定另一个文件")
        raise InputError([Problem("file-exists", what, fix=fix)])
    if not is_forced:
        raise InputError([_taken(path)])


def _check_outside(file: PageFile, folders: Iterable[Path]) -> None:
    here = file.path.absolute().parent.resolve()
    if not file.is_asked_for and any(here.is_relative_to(folder.resolve()) for folder in folders):
        raise InputError([_among_pictures(file.path)])


def _is_earlier(file: PageFile) -> bool:
    """Whether a page of the same set stands there. A link never is one: what it leads to is somebody's."""
    if file.path.is_symlink() or not file.path.is_file():
        return False
    try:
        with file.path.open("rb") as opened:
            return f'<meta name="generator" content="{file.mark}">'.encode() in opened.read(_HEAD_BYTES)
    except OSError:
        return False


def _taken(path: Path) -> Problem:
    return Problem(
        "file-exists",
        Text(f"`{path.name}` is there already", f"`{path.name}` 已存在"),
        Text("it is no earlier page of these pictures", "它不是这些图片以前的页面"),
        Text(
            "name another file with `-o`, or write over it with `--force`",
            "用 `-o` 指定另一个文件，或用 `--force` 覆盖",
        ),
    )


def _among_pictures(path: Path) -> Problem:
    return Problem(
        "page-among-pictures",
        Text(f"`{path.name}` would lie among the pictures", f"`{path.name}` 会写进图片文件夹"),
        Text(
            "nothing is written into a folder of pictures unless it is asked for",
            "除非明确要求，不会向图片文件夹写入任何内容",
        ),
        Text(f"say where: `-o ../{path.name}`", f"请指定位置：`-o ../{path.name}`"),
    )
