"""Edit pairs side by side, those with something wrong first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.diagnose.rules.pair_pixel_shift import MOST_SHIFT
from orchestrator.report.dataset_page.model import Shot, sides

if TYPE_CHECKING:
    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.pairs import Pair
    from orchestrator.report.dataset_page.gallery import Gallery

MOST: Final = 100


@dataclass(frozen=True, slots=True)
class PairRow:
    """One edit."""

    name: str
    before: Shot | None
    after: Shot | None
    note: Text
    is_bad: bool


@dataclass(frozen=True, slots=True)
class PairView:
    """The pairs of a set."""

    rows: tuple[PairRow, ...]
    more: int


def pair_view(dataset: Dataset, gallery: Gallery) -> PairView | None:
    """Return the pairs; None for a set of single pictures."""
    if not dataset.pairs:
        return None
    judged = [(pair, *_told(pair)) for pair in dataset.pairs]
    judged.sort(key=lambda one: (not one[2], one[0].name))
    rows = []
    for pair, note, is_bad in judged[:MOST]:
        halves = [path for path in (pair.before, pair.after) if path is not None]
        if gallery.take(halves, 2) != halves:
            continue
        before = Shot(pair.before, mark="before") if pair.before is not None else None
        after = Shot(pair.after, mark="after") if pair.after is not None else None
        rows.append(PairRow(pair.name, before, after, note, is_bad))
    return PairView(tuple(rows), len(judged) - len(rows))


def _told(pair: Pair) -> tuple[Text, bool]:
    """Return what is to be said of a pair, and whether it is wrong."""
    if not pair.is_whole:
        return Text("one half is missing", "缺少一半"), True
    if pair.sizes is None:
        return Text("a half cannot be read", "有一半无法读取"), True
    first, second = (sides(*size) for size in pair.sizes)
    if first != second:
        return Text(f"two sizes: {first} and {second}", f"尺寸不同：{first} 与 {second}"), True
    if pair.shift is None:
        return Text("no shift was found that is clear", "没有测到明确的错位"), False
    right, down = pair.shift.right, pair.shift.down
    if pair.shift.length <= MOST_SHIFT:
        apart = f"{pair.shift.length:.1f}"
        return Text(f"in one place: {apart} px apart", f"位置一致：相差 {apart} 像素"), False
    return Text(
        f"the second lies {abs(right):.1f} px to the {'right' if right > 0 else 'left'} and {abs(down):.1f} px "
        f"{'down' if down > 0 else 'up'}",
        f"后一张偏{'右' if right > 0 else '左'} {abs(right):.1f} 像素、偏{'下' if down > 0 else '上'} {abs(down):.1f} 像素",
    ), True
