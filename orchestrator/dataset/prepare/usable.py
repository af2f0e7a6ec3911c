"""Which pictures cannot be used at all, and halves of edit pairs that stand alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.prepare.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.pairs import Pair
    from orchestrator.dataset.prepare.model import Draft

PROBLEMS: Final[dict[str, Text]] = {
    "broken-link": Text("a link that leads nowhere", "链接指向的文件不存在"),
    "not-a-file": Text("a folder or a pipe, not a file", "是文件夹或管道，不是文件"),
    "unreadable": Text("cannot be read", "无法读取"),
    "empty-file": Text("an empty file", "空文件"),
    "git-lfs-pointer": Text("a Git LFS pointer: the picture itself was not fetched", "只是 Git LFS 指针，图片尚未取回"),
    "not-a-picture": Text("holds no picture", "内容不是图片"),
    "truncated-file": Text("cut off: its end is missing", "文件不完整，末尾缺失"),
    "damaged-data": Text("its data is damaged", "数据已损坏"),
    "too-many-pixels": Text("too many pixels for the trainer", "像素过多，训练器无法读取"),
    "too-many-bytes": Text("too large a file for a picture", "文件过大，不像图片"),
    "out-of-memory": Text("too large for the memory of this machine", "本机内存不足以打开"),
}
"""By the words of `PixelFacts.problem`."""


def leave_out_unusable(drafts: Iterable[Draft]) -> None:
    """Leave out what the trainer cannot read or would train damaged."""
    for draft in drafts:
        if draft.facts.problem:
            draft.leave_out(Reason(draft.facts.problem, PROBLEMS[draft.facts.problem]))


def whole_pairs(drafts: Iterable[Draft], pairs: Sequence[Pair]) -> tuple[tuple[Draft, Draft], ...]:
    """Return (before, after) of every pair that both halves are there for; the other halves are left out."""
    by_path = {draft.path: draft for draft in drafts}
    found = []
    for pair in pairs:
        before, after = _half(by_path, pair.before), _half(by_path, pair.after)
        if before is not None and after is not None:
            found.append((before, after))
        for half in (before, after):
            if half is not None and (before is None or after is None):
                half.leave_out(
                    Reason("no-other-half", Text("its other half is missing or unusable", "另一半缺失或不可用"))
                )
    return tuple(found)


def _half(by_path: Mapping[Path, Draft], path: Path | None) -> Draft | None:
    draft = None if path is None else by_path.get(path)
    return None if draft is None or draft.is_left_out else draft
