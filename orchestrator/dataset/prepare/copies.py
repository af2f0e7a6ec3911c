"""Which pictures are left out because another shows the same. Rare shots stay: no kind of shot that the captions name goes with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.looked import Copy
from orchestrator.dataset.near import find_near
from orchestrator.dataset.pixels.measure import measure
from orchestrator.dataset.pixels.model import FINGERPRINT
from orchestrator.dataset.prepare.model import Reason
from orchestrator.dataset.prepare.shots import shot_words
from orchestrator.dataset.relations import RELATIONS
from orchestrator.dataset.worth import SLANTED, worth

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from orchestrator.dataset.looked import CopyGroup
    from orchestrator.dataset.near import Relation
    from orchestrator.dataset.pixels.model import PixelFacts
    from orchestrator.dataset.prepare.model import Draft

    Found = tuple[Draft, Draft, Copy]
    """A copy, the picture that stays in its place, how they differ."""

OTHER_CONTENT: Final[frozenset[Relation]] = frozenset(("crop", "turned", "altered", "flip"))
"""Relations of copies that may show something the kept one does not; all others are the same picture."""
LIKE_A_COPY: Final = Text(
    "stays: like a picture that is left out, but not like one that stays",
    "保留：与某张未带入的图片相似，但与保留的图片都不相同",
)


def drop_copies(drafts: Sequence[Draft], groups: Iterable[CopyGroup], paired: Collection[Path]) -> list[Text]:
    """Leave out the copies among `drafts`: what is directly like a picture that stays, not what is like it through a third one.

    A group is looked at within each image folder: a picture in the folders of two concepts may be meant. But regularisation and held-out
    pictures that are like one that is trained on go too. `paired`: halves of edit pairs,
    which are alike on purpose and stay. Returns what is to be told.
    """
    usable = {draft.path: draft for draft in drafts if not draft.is_left_out and draft.path not in paired}
    copies: list[Found] = []
    overlaps: list[Found] = []
    apart = 0
    for group in groups:
        members = [usable[path] for path in group.paths if path in usable]
        by_root = {member.root: [one for one in members if one.root == member.root] for member in members}
        apart += any(count > 1 for count in Counter(ones[0].role for ones in by_root.values()).values())
        for ones in by_root.values():
            copies += _copies_among(ones, group)
        overlaps += _overlaps_among(members)
    _leave_out(drafts, copies)
    _keep_apart(overlaps)
    return [_in_two_folders(apart)] if apart else []


def _copies_among(ones: Sequence[Draft], group: CopyGroup) -> list[Found]:
    """Return the copies among the members of a group that lie in one folder."""
    turned = {copy.path for copy in group.copies if copy.relation == "turned"}
    kept = ones[0]
    if kept.path != group.kept:
        kept = max(ones, key=lambda one: worth(one.facts) * (SLANTED if one.path in turned else 1))
    known = {copy.path: copy for copy in group.copies if copy.relation != "through-another"}
    found: list[Found] = []
    staying = [kept]
    for one in sorted(ones, key=lambda one: one.path not in known or kept.path != group.kept):
        if one is kept:
            continue
        if one.path in known and kept.path == group.kept:
            found.append((one, kept, known[one.path]))
            continue
        like = next(((other, copy) for other in staying if (copy := _compared(one, other)) is not None), None)
        if like is not None:
            found.append((one, *like))
        else:
            staying.append(one)
            one.reasons.append(Reason("like-a-copy", LIKE_A_COPY))
    return found


def _overlaps_among(members: Sequence[Draft]) -> list[Found]:
    """Return the members that are not to be trained on and are like one that is."""
    trained = [one for one in members if one.role == "train"]
    found = ((one, other, _compared(one, other)) for one in members if one.role != "train" for other in trained)
    return [(one, other, copy) for one, other, copy in found if copy is not None]


def _keep_apart(overlaps: Iterable[Found]) -> None:
    """Leave out the regularisation and held-out pictures that are copies of one that stays to be trained on."""
    for one, other, copy in overlaps:
        if not one.is_left_out and not other.is_left_out:
            one.copy_of = other.path
            one.leave_out(_trained_on(one, other, copy))


def _compared(one: Draft, other: Draft) -> Copy | None:
    """Compare two pictures with each other alone; None: they are not the same."""
    groups = find_near([_with_fingerprint(other), _with_fingerprint(one)])
    if not groups:
        return None
    (member,) = groups[0].members
    return Copy(one.path, member.relation, member.is_mirrored, member.likeness)


def _with_fingerprint(draft: Draft) -> PixelFacts:
    """Return its facts as they were before the fingerprint was dropped."""
    return replace(draft.facts, fingerprint=measure(str(draft.path), depth=FINGERPRINT).fingerprint)


def _leave_out(drafts: Iterable[Draft], copies: Sequence[Found]) -> None:
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


def _trained_on(one: Draft, other: Draft, copy: Copy) -> Reason:
    how = RELATIONS[copy.relation]
    is_reg = one.role == "regularisation"
    side = Text("a regularisation picture", "正则图片") if is_reg else Text("a held-out picture", "留出图片")
    name = f"{other.root.name}/{other.path.name}"
    return Reason(
        "trained-on",
        Text(f"{side.en} that is trained on as {name}: {how.en}", f"{side.zh}，同时以 {name} 参与训练：{how.zh}"),
    )


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
