"""`lora-run dataset check`: scan, look at the pixels, let the rules judge. Reads only, but for what is kept of the measures."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Verdict
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.rule import Case

_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the pixels brought."""

    root: Path
    """What paths are told relative to."""
    dataset: Dataset
    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    """What refuses the recipe or its folders."""
    trouble: Text | None = None
    """Why nothing is kept for the next time; None while it is."""


def look_into(
    target: Path,
    kind: str | None = None,
    trigger: str | None = None,
    resolution: int | None = None,
    *,
    keep: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Seen:
    """Look at a folder of pictures, or at the folders of a recipe, and judge them.

    `kind`, `trigger`, `resolution` (side in pixels): what a folder alone does not say. `keep`: use and fill the cache of measures.
    Raises InputError where there is neither folder nor recipe, and for a recipe that cannot be read.
    """
    if target.is_dir() or not target.is_file():
        return _looked_at_folder(target, kind, trigger, resolution, keep, progress)
    if kind or trigger or resolution:
        raise InputError([_recipe_says(target)])
    return _looked_at_recipe(target, keep, progress)


def _looked_at_folder(
    folder: Path,
    kind: str | None,
    trigger: str | None,
    resolution: int | None,
    keep: bool,
    progress: Callable[[int, int], None] | None,
) -> Seen:
    from orchestrator.dataset.pairs import find_pairs, with_shifts
    from orchestrator.dataset.scan import FolderRequest, scan_dataset
    from orchestrator.diagnose.rule import Case

    folders = _with_pictures(folder) if folder.is_dir() else [folder]
    found = scan_dataset(FolderRequest(one) for one in folders)
    if found.problems:
        raise InputError(list(found.problems))
    dataset, trouble = _looked(found, kind, keep, progress)
    dataset = replace(dataset, pairs=with_shifts(find_pairs(dataset.folders)))
    settings = {} if resolution is None else {"resolution": resolution}
    case = Case(dataset=dataset, settings=settings, kind=kind, trigger=trigger)
    return Seen(folder, dataset, _judged(case), trouble=trouble)


def _looked_at_recipe(path: Path, keep: bool, progress: Callable[[int, int], None] | None) -> Seen:
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.case import make_case
    from orchestrator.prepared import prepare

    done = prepare(path)
    if done.dataset is None:
        return Seen(path.parent, Dataset(()), done.verdict, done.problems)
    dataset, trouble = _looked(done.dataset, done.loaded.recipe.subject.kind, keep, progress)
    case = make_case(done.loaded, dataset, done.plan)
    return Seen(path.parent, dataset, _judged(case, {p.code for p in done.problems}), done.problems, trouble)


def _looked(
    dataset: Dataset, kind: str | None, keep: bool, progress: Callable[[int, int], None] | None
) -> tuple[Dataset, Text | None]:
    """Look at the pixels; for faces only where they say something: drawn ones are found by chance."""
    from orchestrator.dataset.looked import look_at
    from orchestrator.dataset.pixels.cache import Cache

    with_faces = kind == "person"
    if not keep:
        return look_at(dataset, progress=progress, with_faces=with_faces), None
    cache = Cache()
    try:
        return look_at(dataset, cache=cache, progress=progress, with_faces=with_faces), cache.trouble
    finally:
        cache.close()


def _judged(case: Case, told: Sequence[str] | set[str] = ()) -> Verdict:
    from orchestrator.diagnose.engine import judge

    return judge(case, "before", told=told)


def _with_pictures(folder: Path) -> list[Path]:
    """Return `folder`, or the folders below it that hold pictures where it holds none itself; links are not followed."""
    from orchestrator.dataset.scan import TAKEN_EXTENSIONS

    found = []
    for root, folders, files in os.walk(folder):
        here = folder.__class__(root)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEEPEST else []
        if any(name[name.rfind(".") :] in TAKEN_EXTENSIONS for name in files):
            found.append(here)
            if here == folder:
                break
    return found or [folder]


def _recipe_says(target: Path) -> Problem:
    return Problem(
        "said-twice",
        Text(
            f"`{target.name}` is a recipe: `--kind`, `--trigger` and `--resolution` stand in it",
            f"`{target.name}` 是配方：`--kind`、`--trigger` 与 `--resolution` 已写在其中",
        ),
        fix=Text("leave these options out, or name the folder of pictures", "去掉这些选项，或改为指定图片文件夹"),
    )
