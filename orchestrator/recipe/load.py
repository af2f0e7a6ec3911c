"""Reading a recipe: the file, what it extends, the command line on top; then checked, with every mistake told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orchestrator.core.errors import InputError
from orchestrator.core.provenance import Origin
from orchestrator.core.scalars import word_bool
from orchestrator.core.source import dotted
from orchestrator.recipe.extends import read_chain, shipped_recipes
from orchestrator.recipe.form import form_problems
from orchestrator.recipe.keys import alternatives, annotation_at, is_only
from orchestrator.recipe.merge import Layers, lay_over
from orchestrator.recipe.mistakes import mistakes
from orchestrator.recipe.model import parse_recipe
from orchestrator.recipe.overrides import apply_override, key_path, override_name
from orchestrator.recipe.secrets import hide_lines, secret_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.core.finding import Problem
    from orchestrator.core.source import Document, KeyPath
    from orchestrator.recipe.model import Recipe

__all__ = ["LoadedRecipe", "load_recipe", "shipped_recipes"]


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A recipe, and for each of its values who wrote it where."""

    recipe: Recipe
    origins: Mapping[str, Origin]
    """By dotted key, `concepts[0].image_dir`; sections and list items too. The planner's own values are not in here."""
    path: Path
    """The recipe file."""
    text: str
    """The recipe file as it stands, without what it extends."""
    data: Mapping[str, Any]
    """`extends` and `--set` applied: plain dicts, lists and values."""
    base_dir: Path
    """Folder of the recipe file."""
    sources: tuple[Path, ...]
    """Every file that was read, weakest first; the recipe file is the last."""
    base_dirs: Mapping[str, Path]
    """By dotted key: the folder where a relative path of this value starts."""

    def resolve_path(self, key: str) -> Path:
        """Return the file or folder that `key` names, e.g. `concepts[0].image_dir`, absolute but with links kept.

        A relative path starts at the folder of the file it was written in; on the command line, at the working directory.
        Raises KeyError when the recipe holds no such key.
        """
        value: Any = self.data
        for part in key_path(key):
            value = value[part]
        return (self.base_dirs[key] / Path(str(value)).expanduser()).absolute()


def load_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    known_trainer_options: Collection[str] = (),
    *,
    text: str | None = None,
) -> LoadedRecipe:
    """Read the recipe at `path`, lay it over what it extends, lay `overrides` (`key=value`) on top, and check it.

    `known_trainer_options` are the trainer's own option names: an unknown key that is one of them is told to belong
    under `trainer_args`. `text` stands in for a file that is not written yet. Raises InputError with every mistake, sorted by line.
    """
    chain = read_chain(path, text)
    layers = Layers()
    problems = [problem for link in chain for problem in link.document.problems]
    unread = [path for link in chain for path in _unread(link.document)]
    for link in chain:
        problems += lay_over(layers, link.document, link.source, link.path.parent)
    names = [override_name(number, len(overrides)) for number in range(1, len(overrides) + 1)]
    for override, name in zip(overrides, names, strict=True):
        problems += apply_override(layers, override, name)
    _read_bool_words(layers)
    recipe = None
    try:
        recipe = parse_recipe(layers.data)
    except ValidationError as error:
        problems += mistakes(error, layers, known_trainer_options, unread)
    problems += form_problems(layers, known_trainer_options)
    problems += secret_problems(layers, [link.document for link in chain])
    if problems or recipe is None:
        raise InputError(_tidied(problems, [*names, *(link.document.file for link in reversed(chain))]))
    return LoadedRecipe(
        recipe=recipe,
        origins={dotted(p): Origin(place.source, place.value) for p, place in layers.places.items() if p},
        path=path,
        text=chain[-1].document.text,
        data=layers.data,
        base_dir=path.parent,
        sources=tuple(link.path for link in chain),
        base_dirs={dotted(p): place.base_dir for p, place in layers.places.items() if p},
    )


def _unread(document: Document) -> list[KeyPath]:
    """Return the places whose value could not be read: told once, they are neither wrong nor missing."""
    places = {problem.where for problem in document.problems}
    return [path for path, spot in document.spots.items() if path and (spot.value in places or spot.key in places)]


def _read_bool_words(layers: Layers) -> None:
    """Turn unquoted `yes`, `no`, `on`, `off` into truth values where the recipe wants one; text stays text."""
    for path, place in layers.places.items():
        meant = word_bool(place.raw) if place.raw and path else None
        if meant is None:
            continue
        annotation = annotation_at(path)
        if annotation in (None, Any) or not all(is_only(a, bool) for a in alternatives(annotation)):
            continue
        layers.get(path[:-1])[path[-1]] = meant


def _tidied(problems: list[Problem], files: Sequence[str]) -> list[Problem]:
    """Return the problems without repetitions, without secrets, in the order of `files`."""
    taken = {p.where for p in problems if p.code in {"secret", "upload"}}
    kept = [p for p in problems if p.code != "unknown-key" or p.where not in taken]
    order = {file: index for index, file in enumerate(files)}

    def place(problem: Problem) -> tuple[int, int, int]:
        where = problem.where
        return (order.get(where.file, len(order)), where.line, where.column) if where is not None else (-1, 0, 0)

    return hide_lines(sorted(dict.fromkeys(kept), key=place))
