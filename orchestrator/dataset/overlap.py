"""Pictures that are trained on and are, in another folder, what must be kept apart from that: regularisation or held-out pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.dataset.pairs import is_one_pair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from orchestrator.dataset.layout import Role
    from orchestrator.dataset.model import Dataset

APART: tuple[Role, ...] = ("regularisation", "validation")
"""What must be kept apart from training."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """One picture on both sides."""

    role: Role
    """What the folder of `apart` is for."""
    trained: tuple[Path, ...]
    apart: tuple[Path, ...]
    is_exact: bool
    """The same bytes; else one is a copy of the other: resized, cropped, compressed anew ..."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, those that are trained on first."""
        return (*self.trained, *self.apart)


def find_overlaps(dataset: Dataset, held_out: Collection[Path] = ()) -> tuple[Overlap, ...] | None:
    """Return the pictures on both sides, None where there is no other side.

    `held_out`: pictures that a plan keeps out of training; equal files among them are the planner's to tell, and are left out.
    """
    if not held_out and all(folder.is_subject for folder in dataset.folders):
        return None
    groups = list(_groups(dataset))
    roles = _roles(dataset, held_out) if groups else {}
    found = []
    for paths, is_exact in groups:
        trained = tuple(path for path in paths if roles.get(path) == "train")
        for role in APART:
            apart = tuple(path for path in paths if roles.get(path) == role and not (is_exact and path in held_out))
            if trained and apart:
                found.append(Overlap(role, trained, apart, is_exact))
    return tuple(found)


def _roles(dataset: Dataset, held_out: Collection[Path]) -> dict[Path, Role]:
    return {
        picture.path: "validation" if picture.path in held_out else folder.role
        for folder in dataset.folders
        for picture in folder.pictures
    }


def _groups(dataset: Dataset) -> Iterator[tuple[tuple[Path, ...], bool]]:
    """Yield groups of pictures that are one picture, and whether all of a group are the same bytes; equal files of a near group once."""
    near = () if dataset.looked is None else dataset.looked.groups or ()
    grouped = {path for group in near for path in group.paths}
    for group in near:
        if not is_one_pair(dataset, group.paths):
            yield group.paths, group.is_exact
    for paths in dataset.equal_files:
        if not grouped.issuperset(paths) and not is_one_pair(dataset, paths):
            yield paths, True
