"""Bring the pictures that stay to few shapes, or cut edit pairs into tiles; both halves of a pair at the same places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.prepare.model import Bucket, Placement, Reason
from orchestrator.dataset.prepare.place import cut_to, pad_to, tile, turned
from orchestrator.dataset.prepare.shapes import few_shapes, share_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.dataset.prepare.model import Draft, PrepareOptions, Share, Size

    Faces = Callable[[Path], Sequence[Share]]
    """Boxes of the faces in the file at a path, in shares of width and height as it is stored: EXIF orientation not applied."""

NOTHING_LOST: Final = 0.005
"""Share of a picture under which cutting is left to the trainer, which cuts such a rest itself."""
MUCH_LOST: Final = 1 / 3
"""Share that is cut away from which on the picture is named: look at what is left of it."""


def fit_to_shapes(
    drafts: Sequence[Draft],
    pairs: Sequence[tuple[Draft, Draft]],
    shapes: Sequence[Size],
    options: PrepareOptions,
    faces: Faces | None,
) -> tuple[tuple[Bucket, ...], float]:
    """Cut or pad the pictures that stay; returns the shapes with their pictures, and the mean share lost.

    Raises InputError where the halves of a pair differ in size.
    """
    _equal_halves(pairs)
    staying = [draft for draft in drafts if not draft.is_left_out]
    if not staying:
        return (), 0.0
    chosen = few_shapes(Counter(draft.size for draft in staying), shapes, options.buckets, options.least_in_bucket)
    other = {id(one): two for pair in pairs for one, two in (pair, pair[::-1])}
    for draft in staying:
        shape = chosen.of[draft.size]
        halves = (draft, other[id(draft)]) if id(draft) in other else (draft,)
        is_cut = options.fit == "crop" and share_lost(draft.size, shape) >= NOTHING_LOST
        keep = _faces_of(halves, faces) if is_cut and faces is not None else []
        _fit(draft, shape, options, keep)
    counts = Counter(chosen.of[draft.size] for draft in staying)
    return tuple(Bucket(shape, counts[shape]) for shape in sorted(counts)), chosen.lost_share


def _faces_of(halves: Sequence[Draft], faces: Faces) -> list[Share]:
    return sorted(turned(box, half.facts.orientation) for half in halves for box in faces(half.path))


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
            f"smaller than {_said(shape)} and not enlarged here: the trainer does it, {times} times",
            f"小于 {_said(shape)}，此处不放大；训练器会放大 {times} 倍",
        )
        draft.reasons.append(Reason("not-enlarged", text))


def _cut(draft: Draft, shape: Size, keep: Sequence[Share], lost: float) -> None:
    placement, has_all = cut_to(draft.size, shape, keep)
    draft.placements = [placement]
    part = f"{100 * lost:.0f} %"
    said = f"{_said(shape)}"
    around = Text("around the faces", "避开人脸") if keep else Text("in the middle", "居中")
    draft.rewrite(
        Reason(
            "cropped",
            Text(
                f"cut to the shape {said}, {around.en}: {part} goes, {_said(placement.size)} stays",
                f"裁成 {said} 的形状（{around.zh}）：去掉 {part}，余 {_said(placement.size)}",
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
        f"given a border to the shape {_said(shape)}: {_said(placement.written_size)}; borders are learned like anything else",
        f"加边框成 {_said(shape)} 的形状：{_said(placement.written_size)}；边框同样会被学进去",
    )
    draft.rewrite(Reason("padded", text))


def cut_into_tiles(pairs: Sequence[tuple[Draft, Draft]], side: int) -> None:
    """Cut both halves of every pair into squares of `side` pixels. Raises InputError where halves differ in size or there is no pair."""
    if not pairs:
        raise InputError([_no_pairs()])
    _equal_halves(pairs)
    for pair in pairs:
        boxes = tile(pair[0].size, side)
        if boxes == ((0, 0, *pair[0].size),):
            continue
        for half in pair:
            half.placements = [Placement(box, (box[2] - box[0], box[3] - box[1])) for box in boxes]
            size = _said(half.placements[0].size)
            text = Text(f"cut into tiles of {size}: {len(boxes)}", f"切成 {len(boxes)} 块 {size}")
            half.rewrite(Reason("tiles", text))


def _equal_halves(pairs: Sequence[tuple[Draft, Draft]]) -> None:
    uneven = [pair for pair in pairs if pair[0].size != pair[1].size]
    if uneven:
        raise InputError([_uneven(before, after) for before, after in uneven])


def _uneven(before: Draft, after: Draft) -> Problem:
    sizes = f"{_said(before.size)}, {_said(after.size)}"
    names = f"{before.root.name}/{before.path.name}, {after.root.name}/{after.path.name}"
    return Problem(
        "pair-of-two-sizes",
        Text(f"the halves of a pair differ in size: {names}: {sizes}", f"一对图片的两半尺寸不同：{names}：{sizes}"),
        Text("cut at the same places they would show different things", "在相同位置裁切会得到不同的内容"),
        Text("bring both to one size, or take the pair out", "请统一两者尺寸，或移除这一对"),
    )


def _no_pairs() -> Problem:
    return Problem(
        "no-pairs",
        Text("`--tiles` is for edit pairs, and none was found", "`--tiles` 用于编辑对，但未找到任何一对"),
        Text(
            "halves are told by their folders or by the end of their names: before/after, source/target, input/output ...",
            "两半由文件夹名或文件名结尾识别：before/after、source/target、input/output 等",
        ),
        Text(
            "name them so, or bring single pictures to few shapes with `--fit crop`",
            "请如此命名；单张图片请用 `--fit crop` 统一形状",
        ),
    )


def _said(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
