"""Cut edit pairs into tiles: both halves at the same places, and only where something changes.

A tile in which both halves show the same would teach its instruction to do nothing.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final

from PIL import Image

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.pairs import CLEAR_ABOVE
from orchestrator.dataset.pixels.shift import shift_between
from orchestrator.dataset.prepare.fit import check_equal_halves, said_size
from orchestrator.dataset.prepare.model import Placement, Reason
from orchestrator.dataset.prepare.old_files import old_pixels
from orchestrator.dataset.prepare.place import tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.prepare.model import Box, Draft

BLOCK: Final = 16
"""Side in pixels of the squares whose means are compared: over one the noise of compression evens out."""
GREY_CHANGED_ABOVE: Final = 2.0
"""Levels by which the grey of a block may differ. The same picture, JPEG of quality 75 to 95 against the picture itself: up to 1.8; a patch of
16 pixels that is 20 levels lighter or darker: 3.8 and more ..."""
COLOUR_CHANGED_ABOVE: Final = 8.0
"""... and red, green or blue, which compression harms more (up to 6.3)."""
NO_SHIFT: Final = 0.1
"""Pixels that are not worth moving a half for ..."""
MOST_SHIFT: Final = 0.5
"""... and that are told, as `pair-pixel-shift` tells them."""


def cut_into_tiles(pairs: Sequence[tuple[Draft, Draft]], side: int) -> None:
    """Cut every pair into squares of `side` pixels. Raises InputError where halves differ in size, cannot be read, or there is no pair."""
    from concurrent.futures import ThreadPoolExecutor

    if not pairs:
        raise InputError([_no_pairs()])
    check_equal_halves(pairs)
    with ThreadPoolExecutor(thread_name_prefix="tiles") as pool:
        changed = pool.map(lambda pair: _with_change(pair, tile(pair[0].size, side)), pairs)
        for pair, boxes in zip(pairs, changed, strict=True):
            _cut(pair, tile(pair[0].size, side), boxes)


def _with_change(pair: tuple[Draft, Draft], boxes: Sequence[Box]) -> list[Box]:
    """Return the tiles in which something changes, the shift between the halves taken out; the pair is told of one that matters."""
    before, after = old_pixels(pair[0]), old_pixels(pair[1])
    right, down = _shift(pair, before, after)
    if boxes == ((0, 0, *pair[0].size),):
        return list(boxes)
    width, height = before.size
    both = (ceil(max(0, -right)), ceil(max(0, -down)), floor(width - max(0, right)), floor(height - max(0, down)))
    if right or down:
        move = (1, 0, right, 0, 1, down)
        after = after.transform(after.size, Image.Transform.AFFINE, move, Image.Resampling.BILINEAR)
    return [box for box in boxes if (part := _within(box, both)) and is_changed(before.crop(part), after.crop(part))]


def _within(box: Box, other: Box) -> Box | None:
    """Return what two boxes have in common."""
    left, top, right, bottom = (
        max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3]),
    )  # fmt: skip
    return (left, top, right, bottom) if left < right and top < bottom else None


def _shift(pair: tuple[Draft, Draft], before: Image.Image, after: Image.Image) -> tuple[float, float]:
    """Return how far the second half lies to the right of and below the first, (0, 0) where that is not clear; a real shift is told."""
    import numpy as np

    shift = shift_between(np.asarray(before.convert("L")), np.asarray(after.convert("L")))
    if shift.clarity <= CLEAR_ABOVE or shift.length <= NO_SHIFT:
        return 0.0, 0.0
    if shift.length > MOST_SHIFT:
        apart = f"{shift.length:.1f}"
        text = Text(
            f"look at it: the halves lie {apart} px apart, and the shift is learned like anything else",
            f"请检查：两半错开 {apart} 像素，这一错位同样会被学进去",
        )
        for half in pair:
            half.reasons.append(Reason("halves-apart", text))
    return shift.right, shift.down


def is_changed(before: Image.Image, after: Image.Image) -> bool:
    """Return whether two pictures of one size differ by more than compression does."""
    import numpy as np

    limits = (GREY_CHANGED_ABOVE, *[COLOUR_CHANGED_ABOVE] * 3)
    pairs = zip(_blocks(before), _blocks(after), limits, strict=True)
    return any(float(np.abs(one - other).max()) > limit for one, other, limit in pairs)


def _blocks(image: Image.Image) -> Iterator[NDArray[np.float32]]:
    """Return the means of the blocks, those at the rim smaller, of grey, red, green and blue."""
    import numpy as np

    for channel in (image.convert("L"), *image.convert("RGB").split()):
        yield np.asarray(channel.convert("F").reduce(BLOCK))


def _cut(pair: tuple[Draft, Draft], whole: Sequence[Box], boxes: Sequence[Box]) -> None:
    if whole == ((0, 0, *pair[0].size),):
        return
    same = len(whole) - len(boxes)
    for half in pair:
        half.placements = [Placement(box, (box[2] - box[0], box[3] - box[1])) for box in boxes or whole]
        size = said_size(half.placements[0].size)
        left_out = Text(f", of {len(whole)}: the others show no change", f"，共 {len(whole)} 块，其余没有变化")
        more = left_out if boxes and same else Text("", "")
        count = len(half.placements)
        text = Text(f"cut into tiles of {size}: {count}{more.en}", f"切成 {count} 块 {size}{more.zh}")
        half.rewrite(Reason("tiles", text))
        if not boxes:
            text = Text("look at it: both halves show the same", "请检查：两半内容相同")
            half.reasons.append(Reason("no-change", text))


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
