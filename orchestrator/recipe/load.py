"""Reading a recipe: the file, what it extends, the command line on top; then checked, with every mistake told at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orchestrator.core.errors import InputError
from orchestrator.core.home_path import at_home
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
from orchestrator.recipe.salvage import names_in_doubt, speaks_of, without
from orchestrator.recipe.secrets import hide_lines, secret_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Problem
    from orchestrator.core.source import Document, KeyPath, Spot
    from orchestrator.recipe.merge import Place
    from orchestrator.recipe.model import Family, Recipe

__all__ = ["LoadedRecipe", "in_order", "load_recipe", "read_recipe", "shipped_recipes"]


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
    files: tuple[str, ...] = ()
    """Names in messages of what was read, strongest first: each `--set`, the recipe, what it extends."""
    mistakes: tuple[Problem, ...] = ()
    """What is wrong in it; the wrong values are left out of everything above, as if nobody had written them."""
    in_doubt: frozenset[str] = frozenset()
    """Dotted keys that would have another value without the mistakes."""
    ignored_rules: Mapping[str, str] = field(default_factory=dict)
    """By dotted key, `ignore[0].rule`: the rules that are to be ignored, those of entries with another mistake too."""

    def is_in_doubt(self, key: str) -> bool:
        """Whether `key`, or what it lies in, would have another value without the mistakes."""
        return any(key == outer or key.startswith((f"{outer}.", f"{outer}[")) for outer in self.in_doubt)

    def explains(self, problem: Problem) -> bool:
        """Whether a problem found later may only be there because of the mistakes: it speaks of a key in doubt."""
        return speaks_of(problem, names_in_doubt(self.in_doubt))

    def with_family(self, family: Family) -> LoadedRecipe:
        """Return the same recipe for another family."""
        base = self.recipe.base_model.model_copy(update={"family": family})
        return replace(self, recipe=self.recipe.model_copy(update={"base_model": base}))

    def resolve_path(self, key: str) -> Path:
        """Return the file or folder that `key` names, e.g. `concepts[0].image_dir`, absolute but with links kept.

        A relative path starts at the folder of the file it was written in; on the command line, at the working directory.
        Raises KeyError when the recipe holds no such key.
        """
        value: Any = self.data
        for part in key_path(key):
            value = value[part]
        return (self.base_dirs[key] / at_home(str(value))).absolute()


def load_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    known_trainer_options: Collection[str] = (),
    *,
    text: str | None = None,
) -> LoadedRecipe:
    """Read a recipe as `read_recipe` does. Raises InputError with every mistake, in order."""
    loaded = read_recipe(path, overrides, known_trainer_options, text=text)
    if loaded.mistakes:
        raise InputError(loaded.mistakes)
    return loaded


def read_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    known_trainer_options: Collection[str] = (),
    *,
    text: str | None = None,
) -> LoadedRecipe:
    """Read the recipe at `path`, lay it over what it extends, lay `overrides` (`key=value`) on top, and check it.

    `known_trainer_options` are the trainer's own option names: an unknown key that is one of them is told to belong
    under `trainer_args`. `text` stands in for a file that is not written yet. Its mistakes come with the recipe, which then
    lacks the wrong values. Raises InputError only where the file, or one that it extends, cannot be read at all.
    """
    chain = read_chain(path, text)
    documents = [link.document for link in chain]
    layers = Layers()
    problems = [problem for document in documents for problem in document.problems]
    unread = _keys_at(problems, documents, layers)
    for link in chain:
        problems += lay_over(layers, link.document, link.source, link.path.parent, unread)
    unread += _keys_at(problems, documents, layers)
    names = [override_name(number, len(overrides)) for number in range(1, len(overrides) + 1)]
    lost: list[str] = []
    for override, name in zip(overrides, names, strict=True):
        if found := apply_override(layers, override, name):
            problems += found
            lost.append(dotted(key_path(override.partition("=")[0])))
    _read_bool_words(layers)
    problems += form_problems(layers, known_trainer_options)
    problems += secret_problems(layers, documents)
    data, in_doubt = layers.data, {*lost, *map(dotted, _keys_at(problems, documents, layers))}
    try:
        recipe = parse_recipe(data)
    except ValidationError as error:
        refused = mistakes(error, layers, known_trainer_options, unread)
        problems += refused.problems
        data, gone = without(data, refused.wrong)
        in_doubt |= {*gone, *(key for key in refused.meant if "[" not in key)}
        recipe = parse_recipe(data)
    files = (*names, *(document.file for document in reversed(documents)))
    return LoadedRecipe(
        recipe=recipe,
        origins={dotted(p): Origin(place.source, place.value) for p, place in layers.places.items() if p},
        path=path,
        text=chain[-1].document.text,
        data=data,
        base_dir=path.parent,
        sources=tuple(link.path for link in chain),
        base_dirs={dotted(p): place.base_dir for p, place in layers.places.items() if p},
        files=files,
        mistakes=tuple(in_order(_once(problems), files)),
        in_doubt=frozenset(in_doubt),
        ignored_rules=_ignored_rules(layers),
    )


def _ignored_rules(layers: Layers) -> dict[str, str]:
    entries = layers.get(("ignore",))
    found = entries if isinstance(entries, list) else []
    named = enumerate(entry.get("rule") if isinstance(entry, dict) else None for entry in found)
    return {f"ignore[{index}].rule": rule for index, rule in named if isinstance(rule, str)}


def _keys_at(problems: Sequence[Problem], documents: Sequence[Document], layers: Layers) -> list[KeyPath]:
    """Return the keys that `problems` point at, without the sections: told once, these are neither wrong nor missing."""
    told = {problem.where for problem in problems}
    if not told:
        return []
    spots: list[tuple[KeyPath, Spot | Place]] = [item for document in documents for item in document.spots.items()]
    found = [
        path for path, spot in (*spots, *layers.places.items()) if path and (spot.value in told or spot.key in told)
    ]
    return [path for path in found if not isinstance(layers.get(path), dict)]


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


def _once(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems without repetitions; what is told to be secret is not told to be unknown as well."""
    taken = {p.where for p in problems if p.code in {"secret", "upload"}}
    return [p for p in dict.fromkeys(problems) if p.code != "unknown-key" or p.where not in taken]


def in_order(problems: Iterable[Problem], files: Sequence[str]) -> list[Problem]:
    """Return problems file by file in the order of `files`, each by line, those without a place last; no line shows a secret."""
    order = {file: index for index, file in enumerate(files)}

    def place(problem: Problem) -> tuple[int, int, int]:
        where = problem.where
        if where is None:
            return len(order) + 1, 0, 0
        return order.get(where.file, len(order)), where.line, where.column

    return hide_lines(sorted(problems, key=place))
