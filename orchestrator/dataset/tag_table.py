"""The tags of a folder, counted, and which of them are to be pruned for a kind of subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.dataset.tags import Style, normal, presumed_trigger, tag_counts, tagged
from orchestrator.dataset.vocabulary import NEARLY_ALL, PRUNED, common_words, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.dataset.model import Folder
    from orchestrator.dataset.tags import Tagged


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag of a folder."""

    tag: str
    category: str | None
    """None: not in our list."""
    count: int
    share: float
    """Of the captions that have something in them."""


@dataclass(frozen=True, slots=True)
class TagTable:
    """The tags of one or more folders, most frequent first."""

    rows: tuple[TagRow, ...]
    captions: int
    """With something in them."""
    styles: dict[Style, int]
    trigger: str | None
    """The word that most captions begin with, where no list knows it."""


def tag_table(*folders: Folder) -> TagTable:
    """Count the tags of all captions that are no sentences."""
    captions = captions_of(*folders)
    total = len(captions)
    counts = tag_counts(one for one in captions if one.style != "sentences")
    category = vocabulary().category
    rows = [TagRow(tag, category(tag), count, count / total) for tag, count in counts.items()]
    rows.sort(key=lambda row: (-row.count, row.tag))
    styles: dict[Style, int] = {"tags": 0, "sentences": 0, "unclear": 0}
    for one in captions:
        styles[one.style] += 1
    return TagTable(tuple(rows), total, styles, _trigger(captions))


def to_prune(folder: Folder, kind: str, keep: Iterable[str] = ()) -> list[TagRow]:
    """Return the tags that `kind` binds to its trigger and that nearly all captions have; `keep` and the trigger stay."""
    table = tag_table(folder)
    stay = {normal(tag) for tag in keep} | {table.trigger}
    return [
        row for row in table.rows if row.category in PRUNED[kind] and row.share >= NEARLY_ALL and row.tag not in stay
    ]


def captions_of(*folders: Folder) -> list[Tagged]:
    """Return the captions of the folders' pictures, one for each file."""
    pictures = (picture for folder in folders for picture in folder.pictures)
    files = {p.caption_path: p.caption for p in pictures if p.caption and p.caption.strip("\ufeff ")}
    return [tagged(caption) for caption in files.values()]


def _trigger(captions: Iterable[Tagged]) -> str | None:
    return presumed_trigger(captions, {*vocabulary().categories, *common_words()})
