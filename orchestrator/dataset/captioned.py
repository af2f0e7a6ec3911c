"""The one folder whose captions a verb edits. Several folders below the one that was named are told by name: each is edited by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.scan import scan_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.dataset.model import Folder

BY_FOLDER: Final = Text("captions are edited, and edits taken back, folder by folder", "标注按文件夹逐个编辑和撤销")
_MOST_NAMED: Final = 8


def scan_captioned(folder: Path, caption_extension: str | None = None) -> Folder:
    """Read `folder` as `scan_folder` does. Raises InputError, too, where only folders below it hold pictures."""
    try:
        found = scan_folder(folder, caption_extension)
    except InputError as error:
        if [problem.code for problem in error.problems] != ["image-dir-is-parent"]:
            raise
        raise InputError([_only_below(folder)]) from error
    if not found.pictures and found.nested:
        raise InputError([_only_below(folder)])
    return found


def _only_below(folder: Path) -> Problem:
    from orchestrator.dataset.below import scan_below

    return Problem(
        "pictures-only-below",
        Text(
            f"`{folder}` holds no pictures itself, only folders of them",
            f"`{folder}` 里没有图片，只有图片文件夹",
        ),
        BY_FOLDER,
        name_one([one.image_dir for one in scan_below(folder).folders]),
    )


def name_one(folders: Sequence[Path]) -> Text:
    """Return the advice to name one of `folders`."""
    below = [f"`{one}`" for one in folders]
    more = len(below) - _MOST_NAMED
    en, zh = ", ".join(below[:_MOST_NAMED]), "、".join(below[:_MOST_NAMED])
    if more > 0:
        en, zh = f"{en} and {more} more", f"{zh} 等 {len(below)} 个"
    if len(below) == 1:
        return Text(f"name it: {en}", f"请指定它：{zh}")
    return Text(f"name one of them: {en}", f"请指定其中一个：{zh}")
