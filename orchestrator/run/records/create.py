"""Making a run folder: its name, its files, its links. The user's own files are never moved, renamed or written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.refusal import reason_of
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.run.records.private import folder_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.backends.protocol import Build
    from orchestrator.plan.model import Link

MAX_NAME_BYTES = 180
"""Of a run folder's name without its number: most file systems take 255 bytes."""
_MIB = 1024 * 1024
_FORBIDDEN_EVERYWHERE = re.compile(r"[/\\:\x00-\x1f\x7f]")
_FORBIDDEN_ON_WINDOWS = re.compile(r'[<>"|?*]')
_INVISIBLE = {"Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_RESERVED_ON_WINDOWS = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def create_run(
    runs_dir: Path,
    name: str,
    build: Build,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
    tell: Callable[[Text], None] = lambda _text: None,
) -> RunDir:
    """Make the next free `<name>-NNN` under `runs_dir` and lay down everything the trainer needs.

    `extra_files` (path relative to the run -> content) are the recipe, the plan and the like; bytes are written as they are.
    `tell` hears what went another way than usual.

    Raises EnvironmentFault when the folder cannot be written, or a file of the data set cannot be linked.
    What was made of a folder is then taken away again.
    """
    rundir = RunDir(_next_folder(runs_dir, folder_name(name)))
    try:
        _probe_writing(rundir.root)
        _make_attempt(rundir)
        for path, content in {**build.files, **(extra_files or {})}.items():
            _write(_inside(rundir, path), content)
        _link_all(rundir, build.links, tell)
    except OSError as error:
        _remove(rundir.root)
        raise EnvironmentFault([_cannot_write(rundir.root, error)]) from error
    except BaseException:
        _remove(rundir.root)
        raise
    return rundir


def claim_attempt(rundir: RunDir, attempt: int, files: Mapping[str, str]) -> RunDir:
    """Make the folder of one attempt, with its own files; return the run folder seen from that attempt.

    The folder is made by nobody else: its number is what an older attempt that still lives is told apart by. `files` that lie
    in the run folder already, as it was created, are left as they are. The first attempt's folder is made with the run's.
    Raises EnvironmentFault when it cannot be made.
    """
    claimed = RunDir(rundir.root, attempt)
    try:
        if attempt > 1:
            _make_attempt(claimed)
        for path, content in files.items():
            place = _inside(rundir, path)
            if place.is_relative_to(claimed.attempt_dir):
                _write(place, content)
    except OSError as error:
        raise EnvironmentFault([_cannot_write(claimed.attempt_dir, error)]) from error
    return claimed


def _make_attempt(rundir: RunDir) -> None:
    """Make its folder, which nobody else may have made."""
    rundir.attempt_dir.parent.mkdir(exist_ok=True)
    rundir.attempt_dir.mkdir()
    rundir.output.mkdir()
    rundir.logs.mkdir()


def write_build_to(folder: Path, build: Build, tell: Callable[[Text], None] = lambda _text: None) -> None:
    """Lay down the trainer's files and links in `folder`, which must be new or empty, and nothing else.

    Raises InputError when there is something in it, EnvironmentFault when it cannot be written.
    """
    rundir = RunDir(Path(os.path.abspath(folder)))  # noqa: PTH100 - links in the path are the user's choice
    try:
        rundir.root.mkdir(parents=True, exist_ok=True)
        if any(rundir.root.iterdir()):
            raise InputError([_not_empty(folder)])
        for path, content in build.files.items():
            _write(_inside(rundir, path), content)
        _link_all(rundir, build.links, tell)
    except OSError as error:
        raise EnvironmentFault([_cannot_write_output(folder, error)]) from error


def folder_name(name: str, *, is_windows: bool = sys.platform == "win32") -> str:
    """Return `name` as a folder name: NFC, separators and invisible characters replaced, at most 180 bytes, never empty.

    Spaces, quotes and any script stay; on Windows its own forbidden characters and reserved names go too.
    """
    text = unicodedata.normalize("NFC", name)
    text = _FORBIDDEN_EVERYWHERE.sub("_", text)
    if is_windows:
        text = _FORBIDDEN_ON_WINDOWS.sub("_", text)
        if _RESERVED_ON_WINDOWS.match(text):
            text = f"_{text}"
    text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    text = text.encode("utf-8")[:MAX_NAME_BYTES].decode("utf-8", "ignore").strip().rstrip(".")
    if text.startswith((".", "-", "~")):
        text = f"_{text[1:]}"
    return text or "run"


def _next_folder(runs_dir: Path, name: str) -> Path:
    """Make and return the folder with the next number, the user's alone. Two calls at the same moment get two folders."""
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        number = 1 + max((_number_of(entry.name, name) for entry in runs_dir.iterdir()), default=0)
        while True:
            folder = runs_dir / f"{name}-{number:03d}"
            try:
                folder.mkdir(folder_mode())
            except FileExistsError:
                number += 1
            else:
                return Path(os.path.abspath(folder))  # noqa: PTH100 - links in the path are the user's choice
    except OSError as error:
        raise EnvironmentFault([_cannot_write(runs_dir, error)]) from error


def _number_of(entry: str, name: str) -> int:
    """Return N of `<name>-N`, 0 for any other entry. Letter case does not count: some file systems do not see it."""
    stem, _, number = entry.rpartition("-")
    is_numbered = number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if is_numbered and stem.casefold() == name.casefold() else 0


def _probe_writing(folder: Path) -> None:
    """Create, write, flush, rename and delete a file: the trainer would find out at its first save, maybe hours later."""
    probe, renamed = folder / ".probe", folder / ".probe-renamed"
    with probe.open("wb") as file:
        file.write(b"\0" * _MIB)
        file.flush()
        os.fsync(file.fileno())
    probe.rename(renamed)
    renamed.unlink()


def _inside(rundir: RunDir, path: str) -> Path:
    """Return `path` in the run folder. A path that leads out of it is a mistake of a backend, not of the user."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or PureWindowsPath(path).drive:
        raise ValueError(f"{path!r} leads out of the run folder")
    return rundir.root / pure


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def _link_all(rundir: RunDir, links: tuple[Link, ...], tell: Callable[[Text], None]) -> None:
    """Make the links, all in the way that worked for the first one; tell when that is not a symbolic link."""
    ways: list[tuple[str, Callable[[str, Path], object]]]
    ways = [("symbolic link", _symlink), ("hard link", os.link), ("copy", _copy)]
    made: set[Path] = set()
    for link in links:
        path = _inside(rundir, link.path)
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        target = os.path.abspath(link.target)  # noqa: PTH100 - resolve() would replace the user's own links
        if not os.path.exists(target):  # noqa: PTH110 - ten thousand of them
            raise EnvironmentFault([_lost_file(link)])
        while not _try(ways[0][1], target, path, is_last=len(ways) == 1):
            ways.pop(0)
            tell(_other_way(ways[0][0]))


def _try(way: Callable[[str, Path], object], target: str, path: Path, *, is_last: bool) -> bool:
    try:
        way(target, path)
    except (OSError, NotImplementedError):
        if is_last:
            raise
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return False
    return True


def _symlink(target: str, path: Path) -> None:
    path.symlink_to(target)


def _copy(target: str, path: Path) -> None:
    shutil.copyfile(target, path)


def _remove(folder: Path) -> None:
    """Take away the folder made a moment ago. Links in it are removed, never what they point at."""
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def _cannot_write(folder: Path, error: OSError) -> Problem:
    return Problem(
        "cannot-write",
        Text(f"the run folder cannot be written: {folder}", f"无法写入训练文件夹：{folder}"),
        why=reason_of(error),
        fix=Text("choose another place with `--runs-dir`", "用 `--runs-dir` 换一个目录"),
    )


def _cannot_write_output(folder: Path, error: OSError) -> Problem:
    return Problem(
        "cannot-write",
        Text(f"the folder cannot be written: {folder}", f"无法写入目录：{folder}"),
        why=reason_of(error),
        fix=Text("choose another folder with `-o`", "用 `-o` 换一个目录"),
    )


def _not_empty(folder: Path) -> Problem:
    return Problem(
        "folder-not-empty",
        Text(f"the folder is not empty: {folder}", f"目录不是空的：{folder}"),
        why=Text("files that are there already are never written over", "已有的文件不会被覆盖"),
        fix=Text("choose a new folder with `-o`", "用 `-o` 换一个新目录"),
    )


def _lost_file(link: Link) -> Problem:
    return Problem(
        "lost-file",
        Text(f"a file of the data set is gone: {link.target}", f"数据集中的文件不见了：{link.target}"),
        why=Text("it was there when the folder was looked at", "扫描目录时它还在"),
        fix=Text("start again once the folder no longer changes", "等目录不再变化后重新开始"),
    )


def _other_way(way: str) -> Text:
    if way == "copy":
        return Text(
            "neither symbolic nor hard links can be made here: the data set is copied",
            "这里不能建立符号链接和硬链接：改为复制数据集",
        )
    return Text("symbolic links cannot be made here: hard links are used", "这里不能建立符号链接：改用硬链接")
