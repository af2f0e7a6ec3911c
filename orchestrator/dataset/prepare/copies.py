"""Which pictures are left out because another shows the same. Rare shots stay: no kind of shot that the captions name goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.looked import Copy
from orchestrator.dataset.near import worth
from orchestrator.dataset.prepare.model import Reason
from orchestrator.dataset.prepare.shots import shot_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.looked import CopyGroup
    from orchestrator.dataset.near import Relation
    from orchestrator.dataset.prepare.model import Draft

OTHER_CONTENT: Final[frozenset[Relation]] = frozenset(("crop", "turned", "altered", "through-another"))
"""Relations of copies that may show something the kept one does not; all others are the same picture."""
RELATIONS: Final[dict[Relation, Text]] = {
    "exact": Text("the same file", "同一文件"),
    "same-pixels": Text("the same pixels", "像素相同"),
    "recompressed": Text("recompressed", "重新压缩"),
    "resized": Text("resized", "缩放"),
    "brightness": Text("lightened or darkened", "亮度不同"),
    "framed": Text("with or without a frame", "有无边框"),
    "altered": Text("marked or slightly changed", "有标记或略有改动"),
    "crop": Text("cropped", "裁切"),
    "turned": Text("turned a little", "略微旋转"),
    "flip": Text("mirrored", "镜像"),
    "through-another": Text("like another of its group", "与同组另一张相同"),
}


def drop_copies(drafts: Sequence[Draft], groups: Iterable[CopyGroup], paired: Collection[Path]) -> list[Text]:
    """Leave out the copies among `drafts`; returns what is to be told.

    A group is looked at within each image folder: a picture in the folders of two concepts may be meant. `paired`: halves of edit pairs,
    which are alike on purpose and stay.
    """
    usable = {draft.path: draft for draft in drafts if not draft.is_left_out and draft.path not in paired}
    copies: list[tuple[Draft, Draft, Copy]] = []
    apart = 0
    for group in groups:
        members = [usable[path] for path in group.paths if path in usable]
        by_root = {member.root: [one for one in members if one.root == member.root] for member in members}
        apart += len(by_root) > 1
        relations = {copy.path: copy for copy in group.copies}
        for ones in by_root.values():
            kept = ones[0] if ones[0].path == group.kept else max(ones, key=lambda one: worth(one.facts))
            copies += [(one, kept, _relation(one, kept, group.kept, relations)) for one in ones if one is not kept]
    _leave_out(drafts, copies)
    return [_in_two_folders(apart)] if apart else []


def _relation(one: Draft, kept: Draft, first: Path, relations: Mapping[Path, Copy]) -> Copy:
    """Return how a copy differs from the one that is kept, which need not be the group's first."""
    if one.facts.digest == kept.facts.digest:
        return Copy(one.path, "exact", is_mirrored=False, likeness=1.0)
    if kept.path == first:
        return relations[one.path]
    return Copy(one.path, "through-another", is_mirrored=False, likeness=0.0)


def _leave_out(drafts: Iterable[Draft], copies: Sequence[tuple[Draft, Draft, Copy]]) -> None:
    gone = {id(one) for one, _, _ in copies}
    shown: set[str] = set()
    for draft in drafts:
        if not draft.is_left_out and id(draft) not in gone:
            shown |= shot_words(draft.picture.caption)
    # The least like comes first: of several copies with a rare word that one stays.
    for one, kept, copy in sorted(copies, key=lambda found: found[2].likeness):
        words = shot_words(one.picture.caption) if copy.relation in OTHER_CONTENT else frozenset()
        rare = sorted(words - shown)
        if rare:
            shown |= words
            one.reasons.append(_rare(kept, rare))
        else:
            one.copy_of = kept.path
            one.leave_out(_copy(kept, copy))


def _copy(kept: Draft, copy: Copy) -> Reason:
    how = RELATIONS[copy.relation]
    return Reason("copy", Text(f"a copy of {kept.path.name}: {how.en}", f"与 {kept.path.name} 重复：{how.zh}"))


def _rare(kept: Draft, words: Sequence[str]) -> Reason:
    named = ", ".join(words[:3])
    return Reason(
        "rare-shot",
        Text(
            f"like {kept.path.name}, kept as a rare shot: no other caption says {named}",
            f"与 {kept.path.name} 相似，但属罕见镜头而保留：其他标注都没有 {named}",
        ),
    )


def _in_two_folders(groups: int) -> Text:
    return Text(
        f"groups of copies that lie in the folders of two concepts, and stay there: {groups}",
        f"跨两个概念文件夹的重复组，各自保留：{groups}",
    )


def drop_equal_pairs(pairs: Iterable[tuple[Draft, Draft]]) -> None:
    """Leave out edit pairs whose halves both are the files of an earlier pair. Near copies stay: one picture may be edited in two ways."""
    seen: dict[tuple[bytes, bytes], tuple[Draft, Draft]] = {}
    for pair in pairs:
        first = seen.setdefault((pair[0].facts.digest, pair[1].facts.digest), pair)
        if first is pair:
            continue
        for one, kept in zip(pair, first, strict=True):
            one.copy_of = kept.path
            same = RELATIONS["exact"]
            text = Text(f"a copy of {kept.path.name}: {same.en}", f"与 {kept.path.name} 重复：{same.zh}")
            one.leave_out(Reason("copy", text))
