"""The folder while it is being made: `NEW.unfinished` beside NEW, renamed when all is in it. So NEW is whole or not there.

What is interrupted takes away what it wrote. What is killed cannot: its folder stays, with the list of the files it was about to write, and
the next run takes just those away. A file that is not in the list stops it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import EnvironmentFault, InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record, write_record
from orchestrator.core.text import Text
from orchestrator.dataset.new_folder import check_free, in_use, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from filelock import BaseFileLock
    from typing_extensions import Self

MARK: Final = "unfinished.json"
"""Lies in a folder that is not finished, and lists its files."""
LOCK: Final = ".lock"
"""Held while somebody writes; the system gives it back when that one dies."""
_RECORD: Final = "unfinished-dataset"
_VERSION: Final = 1


class UnfinishedFolder:
    """A folder under construction. Leaving the `with` block without `finish` takes everything away again.

    Raises InputError where the new folder is in use, where somebody else is making it, and where an old unfinished one holds foreign files;
    EnvironmentFault where nothing can be written.
    """

    def __init__(self, folder: Path, files: Iterable[PurePosixPath]) -> None:
        # Through links: renaming replaces a link, not what it leads to.
        self._folder = Path(os.path.realpath(folder))
        self._told = folder
        self._files = tuple(files)
        self.path = self._folder.with_name(f"{self._folder.name}.unfinished")
        self.has_cleared = False
        """Whether what a killed run had left was taken away first."""
        self._lock: BaseFileLock | None = None

    def __enter__(self) -> Self:
        check_free(self._told)
        try:
            self._begin()
        except OSError as error:
            self._abandon()
            raise EnvironmentFault([unwritable(self._told, error)]) from error
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._abandon()
        if isinstance(error, OSError):
            raise EnvironmentFault([unwritable(self._told, error)]) from error

    def finish(self) -> None:
        """Give the folder its name. Raises InputError where something has come to lie there meanwhile."""
        assert self._lock is not None  # noqa: S101  inside the `with` block
        (self.path / MARK).unlink()
        lock, self._lock = self._lock, None
        (self.path / LOCK).unlink(missing_ok=True)
        try:
            self.path.rename(self._folder)
        except OSError as error:
            self._lock = lock
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}:
                raise InputError([in_use(self._told)]) from error
            raise
        lock.release()

    def _begin(self) -> None:
        import filelock

        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            if not self.path.is_dir() or self.path.is_symlink():
                raise InputError([_foreign(self.path, [])]) from None
        lock = filelock.FileLock(self.path / LOCK, timeout=0)
        is_new = not any(self.path.iterdir())
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise InputError([_busy(self.path)]) from error
        if not is_new:
            self._clear_old(lock)
        self._lock = lock
        write_record(self.path / MARK, _RECORD, _VERSION, {"files": self._files})
        for folder in {file.parent for file in self._files}:
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    def _clear_old(self, lock: BaseFileLock) -> None:
        """Take away what a killed run left, and nothing else."""
        try:
            files = read_record(self.path / MARK, _RECORD, _VERSION)["files"]
        except (RecordError, KeyError):
            files = []
        _take_away(self.path, [PurePosixPath(file) for file in files])
        left = sorted(path.name for path in self.path.iterdir() if path.name not in {MARK, LOCK})
        if left:
            lock.release()
            raise InputError([_foreign(self.path, left)])
        self.has_cleared = True

    def _abandon(self) -> None:
        if self._lock is None:
            return
        _take_away(self.path, self._files)
        with suppress(OSError):
            (self.path / MARK).unlink(missing_ok=True)
            (self.path / LOCK).unlink(missing_ok=True)
            self.path.rmdir()
        self._lock.release()
        self._lock = None


def _take_away(folder: Path, files: Sequence[PurePosixPath]) -> None:
    """Delete `files` and the folders that are empty then. Names that lead out of `folder` are passed by."""
    folders: set[Path] = set()
    for file in files:
        if file.is_absolute() or ".." in file.parts:
            continue
        path = folder / file
        with suppress(OSError):
            path.unlink(missing_ok=True)
        folders |= {folder / parent for parent in file.parents if parent.parts}
    for path in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        with suppress(OSError):
            path.rmdir()


def _foreign(folder: Path, names: Sequence[str]) -> Problem:
    held = f": {', '.join(names[:3])}" if names else ""
    return Problem(
        "unfinished-folder-in-the-way",
        Text(
            f"`{folder.name}` is in the way, and not all in it was written by a run that was cut off{held}",
            f"`{folder.name}` 已存在，且其中有些内容不是中断的运行写入的{held}",
        ),
        Text(
            "the new folder is made under that name and renamed when it is whole", "新文件夹先以此名创建，完成后再改名"
        ),
        Text(
            "move away what you need of it and delete it, or name another folder",
            "请移走需要的内容后删除它，或指定其他文件夹",
        ),
    )


def _busy(folder: Path) -> Problem:
    return Problem(
        "folder-being-made",
        Text(f"another run is writing `{folder.name}` just now", f"另一个运行正在写入 `{folder.name}`"),
        fix=Text("wait for it, or name another folder", "请等它结束，或指定其他文件夹"),
    )
