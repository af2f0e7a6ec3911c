"""Bring the pictures that stay to few shapes; both halves of an edit pair at the same places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.prepare.model import Bucket, Reason
from orchestrator.dataset.prepare.place import cut_to, pad_to, turned
from orchestrator.dataset.prepare.shapes import few_shapes, share_lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.dataset.prepare.model import Draft, PrepareOptions, Share, Size

NOTHING_LOST: Final = 0.005
"""Share of a picture under which cutting is left to the trainer, which cuts such a rest itself."""
MUCH_LOST: Final = 1 / 3
"""Share that is cut away from which on the picture is named: look at what is left of it."""


def fit_to_shapes(
    drafts: Sequence[Draft],
    pairs: Sequence[tuple[Draft, Draft]],
    shapes: Sequence[Size],
    options: PrepareOptions,
) -> tuple[tuple[Bucket, ...], float]:
    """Cut or pad the pictures that stay, round the faces where they are minded; returns the shapes with their pictures, and the mean share lost.

    Raises InputError where the halves of a pair differ in size.
    """
    check_equal_halves(pairs)
    staying = [draft for draft in drafts if not draft.is_left_out]
    if not staying:
        return (), 0.0
    chosen = few_shapes(Counter(draft.size for draft in staying), shapes, options.buckets, options.least_in_bucket)
    other = {id(one): two for pair in pairs for one, two in (pair, pair[::-1])}
    for draft in staying:
        shape = chosen.of[draft.size]
        halves = (draft, other[id(draft)]) if id(draft) in other else (draft,)
        is_cut = options.minds_faces and share_lost(draft.size, shape) >= NOTHING_LOST
        keep = _faces_of(halves) if is_cut else []
        _fit(draft, shape, options, keep)
    counts = Counter(chosen.of[draft.size] for draft in staying)
    return tuple(Bucket(shape, counts[shape]) for shape in sorted(counts)), chosen.lost_share


def _faces_of(halves: Sequence[Draft]) -> list[Share]:
    return sorted(turned(box, half.facts.orientation) for half in halves for box in half.facts.faces or ())


def _fit(draft: Draft, shape: Size, options: PrepareOptions, keep: Sequence[Share]) -> None:
    lost = share_lost(draft.size, shape)
    if lost < NOTHING_LOST:
        pass
    elif options.fit == "pad":
        _pad(draft, shape)
    else:
        _cut(draft, shape, keep, lost)
    width, height = draft.placements[0].written_size if draft.placements else draft.size
    if width < shape[0] and height < shape[1]:
        times = f"{shape[0] / width:.2f}"
        text = Text(
            f"smaller than {said_size(shape)} and not enlarged here: the trainer does it, {times} times",
            f"小于 {said_size(shape)}，此处不放大；训练器会放大 {times} 倍",
        )
        draft.reasons.append(Reason("not-enlarged", text))


def _cut(draft: Draft, shape: Size, keep: Sequence[Share], lost: float) -> None:
    placement, has_all = cut_to(draft.size, shape, keep)
    draft.placements = [placement]
    part = f"{100 * lost:.0f} %"
    said = said_size(shape)
    around = Text("around the faces", "避开人脸") if keep else Text("in the middle", "居中")
    draft.rewrite(
        Reason(
            "cropped",
            Text(
                f"cut to the shape {said}, {around.en}: {part} goes, {said_size(placement.size)} stays",
                f"裁成 {said} 的形状（{around.zh}）：去掉 {part}，余 {said_size(placement.size)}",
            ),
        )
    )
    if lost > MUCH_LOST:
        draft.reasons.append(Reason("much-cut", Text(f"look at it: {part} is cut away", f"请检查：裁掉了 {part}")))
    if not has_all:
        text = Text("look at it: not all faces fit into the shape", "请检查：该形状放不下所有人脸")
        draft.reasons.append(Reason("face-cut", text))


def _pad(draft: Draft, shape: Size) -> None:
    placement = pad_to(draft.size, shape)
    draft.placements = [placement]
    text = Text(
        f"given a border to the shape {said_size(shape)}: {said_size(placement.written_size)}; borders are learned like anything else",
        f"加边框成 {said_size(shape)} 的形状：{said_size(placement.written_size)}；边框同样会被学进去",
    )
    draft.rewrite(Reason("padded", text))


def check_equal_halves(pairs: Sequence[tuple[Draft, Draft]]) -> None:
    """Raise InputError where the halves of a pair differ in size."""
    uneven = [pair for pair in pairs if pair[0].size != pair[1].size]
    if uneven:
        raise InputError([_uneven(before, after) for before, after in uneven])


def _uneven(before: Draft, after: Draft) -> Problem:
    sizes = f"{said_size(before.size)}, {said_size(after.size)}"
    names = f"{before.root.name}/{before.path.name}, {after.root.name}/{after.path.name}"
    return Problem(
        "pair-of-two-sizes",
        Text(f"the halves of a pair differ in size: {names}: {sizes}", f"一对图片的两半尺寸不同：{names}：{sizes}"),
        Text("cut at the same places they would show different things", "在相同位置裁切会得到不同的内容"),
        Text("bring both to one size, or take the pair out", "请统一两者尺寸，或移除这一对"),
    )


def said_size(size: Size) -> str:
    """Return a size as it is told: 832x1216."""
    return f"{size[0]}x{size[1]}"
