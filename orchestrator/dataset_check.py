"""`lora-run dataset check`: scan, look at the pixels, let the rules judge. Reads only, but for what is kept of the measures."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the pixels brought."""

    root: Path
    """What paths are told relative to."""
    dataset: Dataset
    verdict: Verdict
    case: Case
    """What the rules were asked about."""
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
    from orchestrator.dataset.below import scan_below
    from orchestrator.dataset.looked import look_and_keep
    from orchestrator.diagnose.rule import Case

    dataset, trouble = look_and_keep(scan_below(folder), keep=keep, progress=progress, with_faces=_has_faces(kind))
    dataset = _with_shifts(dataset, keep, progress)
    settings = {} if resolution is None else {"resolution": resolution}
    case = Case(dataset=dataset, settings=settings, kind=kind, trigger=trigger)
    return Seen(folder, dataset, _judged(case), case, trouble=trouble)


def _looked_at_recipe(path: Path, keep: bool, progress: Callable[[int, int], None] | None) -> Seen:
    from orchestrator.dataset.looked import look_and_keep
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.case import make_case
    from orchestrator.prepared import prepare

    done = prepare(path)
    if done.dataset is None:
        nothing = Dataset(())
        return Seen(path.parent, nothing, done.verdict, make_case(done.loaded, nothing, done.plan), done.problems)
    with_faces = _has_faces(done.loaded.recipe.subject.kind)
    dataset, trouble = look_and_keep(done.dataset, keep=keep, progress=progress, with_faces=with_faces)
    dataset = _with_shifts(dataset, keep, progress)
    case = make_case(done.loaded, dataset, done.plan)
    verdict = _judged(case, {p.code for p in done.problems})
    return Seen(path.parent, dataset, verdict, case, done.problems, trouble)


def _with_shifts(dataset: Dataset, keep: bool, progress: Callable[[int, int], None] | None) -> Dataset:
    """Return the data set with what its pairs changed; `dataset` was looked at."""
    from orchestrator.dataset.pairs import look_at_pairs
    from orchestrator.dataset.pixels.cache import Cache

    if not dataset.pairs:
        return dataset
    with Cache() if keep else nullcontext() as cache:
        return look_at_pairs(dataset, cache, progress)


def _has_faces(kind: str | None) -> bool:
    """Whether to look for faces: drawn ones are found by chance only, so they say something of photographs alone."""
    return kind == "person"


def _judged(case: Case, told: Sequence[str] | set[str] = ()) -> Verdict:
    from orchestrator.diagnose.engine import judge

    return judge(case, "before", told=told)


def _recipe_says(target: Path) -> Problem:
    return Problem(
        "said-twice",
        Text(
            f"`{target.name}` is a recipe: `--kind`, `--trigger` and `--resolution` stand in it",
            f"`{target.name}` 是配方：`--kind`、`--trigger` 与 `--resolution` 已写在其中",
        ),
        fix=Text("leave these options out, or name the folder of pictures", "去掉这些选项，或改为指定图片文件夹"),
    )
