"""The sheet of copies: one group for each picture that is there more than once, the one to keep first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text, plural, same
from orchestrator.dataset.relations import RELATIONS
from orchestrator.dataset.subject_copies import contents_of, groups_in_subject, near_copies, near_groups_in_subject
from orchestrator.report.dataset_page.model import Group, Sheet, Shot, sides

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.looked import Copy, CopyGroup
    from orchestrator.dataset.model import Dataset
    from orchestrator.report.dataset_page.gallery import Gallery

MOST_GROUPS: Final = 120
MOST_EACH: Final = 12
KEEP: Final = Text("keep this one", "保留这一张")
NOTE: Final = Text(
    "Each group is one picture. The first is the sharpest and largest: keep it and take the others out by hand, or keep them knowing "
    "that what they show is learned that many times as fast. Nothing was removed.",
    "每组其实是同一张图。排在最前的最清晰、最大：请保留它，其余的可手动移走；若保留，其内容会被学得更快几倍。本工具没有移走任何图片。",
)


def copy_counts(dataset: Dataset) -> tuple[int, int]:
    """Return how many pictures are byte for byte another one, and how many show the same in another way."""
    exact = sum(len(group) - 1 for group in dataset.copies_in_subject())
    contents = contents_of(dataset)
    return exact, sum(len(near_copies(group, contents)) for group in near_groups_in_subject(dataset))


def copy_sheet(dataset: Dataset, gallery: Gallery) -> Sheet:
    """Return the groups, the largest first."""
    groups = sorted(groups_in_subject(dataset), key=lambda group: (-len(group.paths), group.kept))
    told = [told for group in groups[:MOST_GROUPS] if (told := _group(dataset, group, gallery)) is not None]
    return Sheet(tuple(told), NOTE, len(groups) - len(told))


def _group(dataset: Dataset, group: CopyGroup, gallery: Gallery) -> Group | None:
    taken = set(gallery.take(group.paths, MOST_EACH))
    if group.kept not in taken:
        return None
    shots = [Shot(group.kept, _size(dataset, group.kept), mark="keep")]
    shots += [Shot(copy.path, _told(dataset, copy)) for copy in group.copies if copy.path in taken]
    count = len(group.paths)
    title = Text(plural(count, "picture", "pictures"), f"{count} 张图片")
    return Group(title, None, tuple(shots), count - len(shots))


def _told(dataset: Dataset, copy: Copy) -> Text:
    relation = RELATIONS[copy.relation]
    size = _size(dataset, copy.path)
    if copy.relation == "exact":
        return relation
    turned = copy.is_mirrored and copy.relation != "flip"
    alike = f"{min(99.9, 100 * copy.likeness):.1f}\u00a0%"  # not the same file, so never all of it
    en = [relation.en, *(["mirrored"] if turned else []), f"{alike} alike", size.en]
    zh = [relation.zh, *(["镜像"] if turned else []), f"相似度\u00a0{alike}", size.zh]
    return Text(", ".join(en), "，".join(zh))


def _size(dataset: Dataset, path: Path) -> Text:
    facts = dataset.looked.facts.get(path) if dataset.looked is not None else None
    return same(sides(facts.width, facts.height) if facts is not None else "?")
