"""The table of tags, with those that each mostly comes with, and the pairs that are hardest to tell apart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.tag_pairs import tag_pairs
from orchestrator.dataset.tag_table import captions_of, tag_table
from orchestrator.dataset.tags import normal
from orchestrator.dataset.vocabulary import NEARLY_ALL, PRUNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.tag_pairs import TagPair
    from orchestrator.dataset.tag_table import TagRow

MOST_ROWS: Final = 400
MOST_PAIRS: Final = 60
MOST_PARTNERS: Final = 3
LEAST_PARTNER: Final = 0.5
"""Share of a tag's captions from which on another is said to come with it."""
CLOSE: Final = 0.8
"""The same of at least one of a pair: looser ones are no trouble."""
CATEGORY_WORDS: Final[dict[str, Text]] = {
    "count": Text("count", "人数"),
    "hair-colour": Text("hair colour", "发色"),
    "hair-style": Text("hair style", "发型"),
    "eyes": Text("eyes", "眼睛"),
    "body": Text("body", "身体"),
    "ornament": Text("ornament", "饰物"),
    "clothing": Text("clothing", "服装"),
    "expression": Text("expression", "表情"),
    "pose": Text("pose", "姿势"),
    "action": Text("action", "动作"),
    "framing": Text("framing", "取景"),
    "view": Text("view", "视角"),
    "background": Text("background", "背景"),
    "light": Text("light", "光线"),
    "style": Text("style", "画风"),
    "meta": Text("meta", "元信息"),
    "object": Text("object", "物品"),
    "animal": Text("animal", "动物"),
}
UNKNOWN: Final = Text("not in our list", "不在词表中")
TRIGGER: Final = Text("trigger", "触发词")


@dataclass(frozen=True, slots=True)
class TagLine:
    """One tag."""

    tag: str
    category: Text
    count: int
    share: float
    is_to_prune: bool
    """It belongs to the subject, and nearly every caption has it."""
    partners: tuple[tuple[str, float], ...]
    """(tag, share of this tag's captions that have it too), more often than by chance."""


@dataclass(frozen=True, slots=True)
class TagView:
    """The tags of the subject's captions."""

    lines: tuple[TagLine, ...]
    more: int
    pairs: tuple[TagPair, ...]
    """Of which one is hardly ever without the other."""
    more_pairs: int
    """Looser ones, and those that are too many."""
    captions: int
    sentences: int
    """Captions that are no lists of tags, and so are not counted."""


def tag_view(dataset: Dataset, kind: str | None, trigger: str | None) -> TagView:
    """Count the tags of all captions of the subject. `trigger`: None where nobody says it."""
    folders = [folder for folder in dataset.folders if folder.is_subject]
    table = tag_table(*folders)
    pairs = tag_pairs(captions_of(*folders))
    close = [pair for pair in pairs if max(pair.share_of_first, pair.share_of_second) >= CLOSE]
    partners = _partners(pairs)
    word = trigger if trigger is not None else table.trigger
    lines = [_line(row, kind, word, partners[row.tag]) for row in table.rows[:MOST_ROWS]]
    return TagView(
        tuple(lines),
        len(table.rows) - len(lines),
        tuple(close[:MOST_PAIRS]),
        len(pairs) - len(close[:MOST_PAIRS]),
        table.captions,
        table.styles["sentences"],
    )


def _line(row: TagRow, kind: str | None, trigger: str | None, partners: Sequence[tuple[str, float]]) -> TagLine:
    is_trigger = row.tag == normal(trigger or "")
    category = TRIGGER if is_trigger else CATEGORY_WORDS.get(row.category or "", UNKNOWN)
    to_prune = not is_trigger and row.share >= NEARLY_ALL and row.category in PRUNED.get(kind or "", ())
    return TagLine(row.tag, category, row.count, row.share, to_prune, tuple(partners[:MOST_PARTNERS]))


def _partners(pairs: Sequence[TagPair]) -> dict[str, list[tuple[str, float]]]:
    """Return for each tag those that it mostly comes with, the closest first."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for pair in pairs:
        for tag, other, share in (
            (pair.first, pair.second, pair.share_of_first),
            (pair.second, pair.first, pair.share_of_second),
        ):
            if share >= LEAST_PARTNER:
                found[tag].append((other, share))
    for others in found.values():
        others.sort(key=lambda other: (-other[1], other[0]))
    return found
