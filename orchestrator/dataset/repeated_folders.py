"""A folder that two concepts name. Its pictures would count twice, or be subject and regularisation at once, and nobody would be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.core.finding import Location
    from orchestrator.dataset.model import Folder

_TWICE = Text(
    "its pictures would be shown twice as often, and nothing would say so; sd-scripts itself leaves the second one out",
    "其中的图片会多出一倍的重复而毫无提示；sd-scripts 自己会忽略第二次",
)
_BOTH = Text(
    "the same pictures cannot be the subject and what it is kept apart from",
    "同一批图片不能既是主体，又是用来与主体区分的正则图片",
)


def repeated_folders(named: Iterable[tuple[Folder, Location | None]]) -> list[Problem]:
    """Return a problem for each folder that an earlier concept names too, by whatever path; `named`: folder and where it is named."""
    first: dict[Path, Folder] = {}
    found = []
    for folder, where in named:
        if folder.is_unread:
            continue
        earlier = first.setdefault(folder.image_dir.resolve(), folder)
        if earlier is not folder:
            found.append(_problem(folder, where, is_both=earlier.is_reg != folder.is_reg))
    return found


def _problem(folder: Folder, where: Location | None, *, is_both: bool) -> Problem:
    fix = Text("name another folder for one of the two", "请为其中一个指定另一个文件夹")
    if not is_both:
        fix = Text(
            "leave one of the two out; `num_repeats` shows its pictures more often",
            "请去掉其中一个；要让图片出现得更多，请用 `num_repeats`",
        )
    return Problem(
        "image-dir-twice",
        Text(
            f"two concepts name the same folder: {folder.image_dir}",
            f"两个 concept 指定了同一文件夹：{folder.image_dir}",
        ),
        _BOTH if is_both else _TWICE,
        fix,
        where,
    )
