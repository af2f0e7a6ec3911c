"""How much of the person each of the subject's pictures shows, from its caption and, where somebody looked, its faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.dataset.layout import parse_folder_name
from orchestrator.dataset.pixels.framing import KNOWN_FROM, Framing, framing
from orchestrator.diagnose.facts import kind, subject_folders

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.model import Folder
    from orchestrator.diagnose.rule import Case


@dataclass(frozen=True, slots=True)
class Framed:
    """A picture of the subject."""

    path: Path
    framing: Framing
    """Of confidence 0 where less than `KNOWN_FROM` speaks for it."""
    repeats: int
    """Times it is shown per epoch, 1 where nobody says."""


def framed(case: Case) -> list[Framed]:
    """Return the subject's pictures with their framing. Faces count in full for persons only: drawn ones are found by chance."""
    looked = case.dataset.looked if case.dataset is not None else None
    is_drawn = kind(case) != "person"
    repeats = _repeats(case)
    found = []
    for folder in subject_folders(case):
        for picture in folder.pictures:
            facts = looked.facts.get(picture.path) if looked is not None else None
            faces = (facts.faces if facts is not None else None) or ()
            told = framing((picture.caption or "",), faces, is_drawn=is_drawn)
            known = told if told.confidence >= KNOWN_FROM else Framing()
            found.append(Framed(picture.path, known, repeats[folder.image_dir]))
    return found


def _repeats(case: Case) -> dict[Path, int]:
    """Return the repeats of each folder: as planned, as the recipe has them, else as the folder is called."""
    folders = case.dataset.folders if case.dataset is not None else ()
    found = {folder.image_dir: _named(folder) for folder in folders}
    if case.plan is not None and len(case.plan.subsets) == len(folders):
        return found | {f.image_dir: s.num_repeats for f, s in zip(folders, case.plan.subsets, strict=True)}
    if case.recipe is not None and len(case.recipe.concepts) == len(folders):
        pairs = zip(folders, case.recipe.concepts, strict=True)
        return found | {folder.image_dir: concept.num_repeats or 1 for folder, concept in pairs}
    return found


def _named(folder: Folder) -> int:
    named = parse_folder_name(folder.image_dir.name)
    return named[0] if named is not None else 1
