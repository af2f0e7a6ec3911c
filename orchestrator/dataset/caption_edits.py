"""Edits of captions as tags, thought out before anything is written: which files change, from what to what, which cannot.

Only the first line changes, the one the trainer reads; a byte order mark, the other lines and all line ends stay.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.captions import MOST_BYTES
from orchestrator.dataset.tags import BOM, SEPARATOR, normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.dataset.model import Folder

    Change = Callable[[list[str]], list[str]]
    """Stripped pieces of a caption -> what they become."""

_NO_LINKS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
IS_LINK = Text("a link: edit the file it leads to", "是链接：请改它所指的文件")
NOT_UTF8 = Text("not UTF-8: save it as UTF-8 first", "不是 UTF-8：请先另存为 UTF-8")
TOO_LARGE = Text("too large for a caption", "作为标注过大")
NOTHING_LEFT = Text(
    "nothing would be left, and the trainer dies at an empty caption", "改后为空，而训练器遇到空标注会崩溃"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One caption file and what it becomes."""

    path: Path
    before: bytes | None
    """The whole file as found; None: there is none."""
    after: bytes | None
    """None: it goes."""

    @property
    def lines(self) -> tuple[str, str]:
        """The first line before and after."""
        return first_line((self.before or b"").decode()), first_line((self.after or b"").decode())


@dataclass(frozen=True, slots=True)
class Skipped:
    """A caption file that was left alone, and why."""

    path: Path
    why: Text


@dataclass(frozen=True, slots=True)
class Planned:
    """What an edit would do to a folder."""

    edits: tuple[Edit, ...]
    skipped: tuple[Skipped, ...]
    unchanged: int
    """Captions the edit does not touch."""


def check_tags(tags: Iterable[str]) -> None:
    """Raise InputError for what cannot stand in a caption as one tag."""
    for tag in tags:
        if not tag.strip() or any(sign in tag for sign in (SEPARATOR, "\n", "\r", BOM)):
            raise InputError([_no_tag(tag)])


def plan_edits(folder: Folder, change: Change, only: str | None = None) -> Planned:
    """Return what `change` does to the captions of the folder's pictures; `only`: to those with names like this pattern.

    Raises InputError where no picture is named so.
    """
    edits, skipped, unchanged = [], [], 0
    pictures = [p for p in folder.pictures if only is None or fnmatchcase(p.path.name, only)]
    if only is not None and not pictures:
        raise InputError([_no_picture(only, folder.image_dir)])
    for path in dict.fromkeys(p.caption_path for p in pictures if p.caption_path is not None):
        found = read_own(path)
        if isinstance(found, Skipped):
            skipped.append(found)
            continue
        text = found.decode()
        after = edited(text, change)
        if after == text:
            unchanged += 1
        elif not first_line(after):
            skipped.append(Skipped(path, NOTHING_LEFT))
        else:
            edits.append(Edit(path, found, after.encode()))
    return Planned(tuple(edits), tuple(skipped), unchanged)


def read_own(path: Path) -> bytes | Skipped:
    """Return the bytes of a caption file that may be edited, or why it may not."""
    if path.is_symlink():
        return Skipped(path, IS_LINK)
    try:
        handle = os.open(path, _NO_LINKS)
    except OSError as error:
        return Skipped(path, system_says(error))
    try:
        with os.fdopen(handle, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        return Skipped(path, system_says(error))
    if len(raw) > MOST_BYTES:
        return Skipped(path, TOO_LARGE)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return Skipped(path, NOT_UTF8)
    return raw


def system_says(error: OSError) -> Text:
    """Return why the system refused."""
    reason = error.strerror or type(error).__name__
    return Text(f"the system says: {reason}", f"系统提示：{reason}")


def first_line(text: str) -> str:
    """Return the line the trainer reads, stripped, without its byte order mark."""
    return _parts(text)[1].strip()


def _parts(text: str) -> tuple[str, str, str]:
    """Return byte order mark, first line, and the rest with its line ends."""
    mark = BOM if text.startswith(BOM) else ""
    end = min((i for i in (text.find("\n"), text.find("\r")) if i >= 0), default=len(text))
    return mark, text[len(mark) : end], text[end:]


def edited(text: str, change: Change) -> str:
    """Return the text of a caption file with its first line changed; unchanged to the byte where the change does nothing."""
    mark, line, rest = _parts(text)
    pieces = [piece.strip() for piece in line.split(SEPARATOR)]
    after = change(pieces if any(pieces) else [])
    if after == pieces or not (after or any(pieces)):
        return text
    is_tight = SEPARATOR in line and f"{SEPARATOR} " not in line
    return mark + (SEPARATOR if is_tight else f"{SEPARATOR} ").join(after) + rest


def adding(tag: str, *, first: bool = False) -> Change:
    """Return the change that adds a tag where it is missing, at the end or in front."""

    def change(pieces: list[str]) -> list[str]:
        if _has(pieces, tag):
            return pieces
        return [tag, *pieces] if first else [*pieces, tag]

    return change


def removing(tags: Iterable[str]) -> Change:
    """Return the change that takes tags out, in whatever spelling of blanks, case and weight they stand."""
    wanted = {normal(tag) for tag in tags}
    return lambda pieces: [piece for piece in pieces if normal(piece) not in wanted]


def replacing(old: str, new: str) -> Change:
    """Return the change that puts one tag in the place of another; where `new` stands already, `old` is only taken out."""

    def change(pieces: list[str]) -> list[str]:
        after: list[str] = []
        for piece in pieces:
            is_old = normal(piece) == normal(old)
            if is_old and (_has(after, new) or (normal(old) != normal(new) and _has(pieces, new))):
                continue
            after.append(new if is_old else piece)
        return after

    return change


def moving_first(tag: str) -> Change:
    """Return the change that moves a tag to the front of the captions that hold it."""

    def change(pieces: list[str]) -> list[str]:
        mine = [piece for piece in pieces if normal(piece) == normal(tag)]
        return [*mine[:1], *(piece for piece in pieces if normal(piece) != normal(tag))] if mine else pieces

    return change


def _has(pieces: list[str], tag: str) -> bool:
    return any(normal(piece) == normal(tag) for piece in pieces)


def _no_tag(tag: str) -> Problem:
    return Problem(
        "not-a-tag",
        Text(f"`{tag}` is not one tag", f"`{tag}` 不是一个标签"),
        Text("a tag has something in it, and no comma and no line end", "标签不能为空，也不能含逗号或换行"),
        Text("give one tag after the other", "请逐个给出标签"),
    )


def _no_picture(only: str, folder: Path) -> Problem:
    return Problem(
        "no-such-picture",
        Text(f"no picture in `{folder}` is named like `{only}`", f"`{folder}` 中没有名称符合 `{only}` 的图片"),
        Text("the pattern is held against whole file names", "模式与整个文件名比较"),
        Text("write it as in a shell, in quotes: 'night*'", "像在命令行中那样写并加引号：'night*'"),
    )
