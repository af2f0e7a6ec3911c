"""Which caption goes with which picture: its own; where that says nothing, that of a copy that is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.prepare.model import CaptionUse, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePosixPath

    from orchestrator.dataset.model import Picture
    from orchestrator.dataset.prepare.model import Draft

BOM: Final = b"\xef\xbb\xbf"
UNUSABLE: Final[dict[str, Text]] = {
    "empty-caption": Text("its caption file is empty and stays behind", "标注文件为空，未带入"),
    "blank-caption": Text("its caption says nothing and stays behind", "标注内容为空白，未带入"),
    "caption-not-utf8": Text(
        "its caption is not UTF-8, which the trainer dies of, and stays behind: save it as UTF-8 and prepare again",
        "标注不是 UTF-8，训练器会因此终止，未带入：请另存为 UTF-8 后重新准备",
    ),
    "caption-unreadable": Text("its caption cannot be read and stays behind", "标注无法读取，未带入"),
    "caption-link-outside": Text(
        "its caption is a link that leads out of the folder, and stays behind", "标注是指向文件夹之外的链接，未带入"
    ),
}
"""By the words of `Picture.caption_problem`."""


def take_captions(drafts: Sequence[Draft]) -> None:
    """Give every picture that stays its caption."""
    copies: dict[Path, list[Draft]] = {}
    for draft in drafts:
        if draft.copy_of is not None:
            copies.setdefault(draft.copy_of, []).append(draft)
    for draft in drafts:
        if draft.is_left_out:
            continue
        problem = draft.picture.caption_problem
        if problem in UNUSABLE:
            draft.reasons.append(Reason(problem, UNUSABLE[problem]))
        draft.caption = _own(draft.picture) or _of_copy(
            draft, [one for one in copies.get(draft.path, ()) if one.role == draft.role]
        )
        if draft.caption is not None and draft.caption.without_bom:
            text = Text("the byte order mark of its caption was taken off", "已去掉标注的字节顺序标记")
            draft.reasons.append(Reason("caption-bom", text))


def caption_files(draft: Draft) -> Iterator[PurePosixPath]:
    """Return where its caption is written: beside each of its files."""
    if draft.caption is not None:
        for file in draft.files:
            yield file.with_name(f"{file.stem}{draft.caption_extension}")


def _own(picture: Picture) -> CaptionUse | None:
    if picture.caption_path is None or picture.caption is None or picture.caption_problem in UNUSABLE:
        return None
    text = picture.caption.removeprefix(BOM.decode())
    return CaptionUse(picture.caption_path, text, without_bom=picture.caption_problem == "caption-bom")


def _of_copy(draft: Draft, copies: Sequence[Draft]) -> CaptionUse | None:
    for copy in copies:
        own = _own(copy.picture)
        if own is None:
            continue
        text = Text(
            f"has no caption of its own: that of {copy.path.name}", f"自身没有标注，使用 {copy.path.name} 的标注"
        )
        draft.reasons.append(Reason("caption-of-copy", text))
        return CaptionUse(own.source, own.text, is_of_copy=True, without_bom=own.without_bom)
    return None
