"""Which pictures of the subject are one picture: the one answer that the rules, the record and the page give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.dataset.looked import CopyGroup
from orchestrator.dataset.pairs import is_one_pair

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.dataset.looked import Copy
    from orchestrator.dataset.model import Dataset


def groups_in_subject(dataset: Dataset) -> tuple[CopyGroup, ...]:
    """Return the groups of copies as far as they are the subject's: at least two of its pictures, which are not one pair.

    A regularisation or held-out picture is in none: it is not to be kept in the place of one that is trained on.
    """
    looked = (dataset.looked.groups or ()) if dataset.looked is not None else ()
    subject = {picture.path for folder in dataset.folders if folder.is_subject for picture in folder.pictures}
    contents = contents_of(dataset)
    groups = (_reduced(group, subject, contents) for group in looked)
    return tuple(group for group in groups if group is not None and not is_one_pair(dataset, group.paths))


def near_groups_in_subject(dataset: Dataset) -> tuple[CopyGroup, ...]:
    """Return those of the groups that are more than equal files."""
    return tuple(group for group in groups_in_subject(dataset) if not group.is_exact)


def near_copies(group: CopyGroup, contents: Mapping[Path, int]) -> list[Copy]:
    """Return the copies that are more than equal files of a picture named before: each content once, that of the one to keep left out."""
    seen = {contents.get(group.kept)} - {None}
    found = []
    for copy in group.copies:
        content = contents.get(copy.path)
        if copy.relation != "exact" and content not in seen:
            found.append(copy)
        if content is not None:
            seen.add(content)
    return found


def contents_of(dataset: Dataset) -> dict[Path, int]:
    """Return for each picture that has an equal file the number of its content."""
    return {path: number for number, paths in enumerate(dataset.equal_files) for path in paths}


def _reduced(group: CopyGroup, subject: set[Path], contents: Mapping[Path, int]) -> CopyGroup | None:
    """Return the group without what is not the subject's; None where nothing is left that is there twice."""
    copies = [copy for copy in group.copies if copy.path in subject]
    if group.kept in subject:
        return CopyGroup(group.kept, tuple(copies)) if copies else None
    if len(copies) < 2:
        return None
    kept, *others = copies
    same = contents.get(kept.path)
    both = kept.relation == "exact"
    return CopyGroup(
        kept.path,
        tuple(
            replace(
                copy,
                relation="exact"
                if (both and copy.relation == "exact") or (same is not None and contents.get(copy.path) == same)
                else "through-another",
            )
            for copy in others
        ),
    )
