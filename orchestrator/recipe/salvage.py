"""What is left of a recipe with mistakes: its wrong values are left out, so that the rest can be looked at in the same go."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from orchestrator.core.source import dotted
from orchestrator.recipe.keys import keys_by_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from orchestrator.core.finding import Problem
    from orchestrator.core.source import KeyPath

_STAND_INS: Mapping[str, Any] = {
    "recipe_version": 1,
    "name": "unnamed",
    "subject": {"kind": "concept"},
    "subject.kind": "concept",
    "base_model": {"family": "sd15"},
    "base_model.family": "sd15",
    "concepts": [{"image_dir": "."}],
    "concepts[0]": {"image_dir": "."},
    "concepts[0].image_dir": ".",
}
"""Fill the places that a recipe cannot do without. Nothing is ever told of these values: their keys are in doubt."""
_QUOTED = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"\w+")


def without(data: Mapping[str, Any], wrong: Iterable[KeyPath]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return `data` without the values at `wrong`, and the dotted keys that are not what the user meant any more.

    With a value goes the entry, and with an entry the list, that make no sense without it: concepts alone keep their places.
    """
    left = deepcopy(dict(data))
    gone: set[KeyPath] = set()
    for path in sorted({_least(path) for path in wrong}, key=len):
        if any(path[:size] in gone for size in range(len(path))):
            continue
        gone.add(path)
        parent: Any = left
        for part in path[:-1]:
            parent = parent[part]
        stand_in = _STAND_INS.get(_general(path))
        if stand_in is None:
            parent.pop(path[-1], None)
        else:
            parent[path[-1]] = deepcopy(stand_in)
    return left, frozenset(map(dotted, gone))


def _least(path: KeyPath) -> KeyPath:
    """Return the smallest part around `path` that can be left out or be stood in for."""
    while len(path) > 1 and _general(path) not in _STAND_INS and (isinstance(path[-1], int) or _is_required(path)):
        path = path[:-1]
    return path


def _is_required(path: KeyPath) -> bool:
    key = keys_by_path().get(_general(path))
    return key is not None and key.is_required


def _general(path: KeyPath) -> str:
    return dotted(tuple(0 if isinstance(part, int) else part for part in path))


def names_in_doubt(keys: Collection[str]) -> frozenset[str]:
    """Return the last words of `keys`, and of all the recipe's keys below them; entries of lists have no name of their own."""
    plain = {key for key in keys if "[" not in key}
    below = [path for path in keys_by_path() if any(outer in plain for outer in _around(path))] if plain else []
    return frozenset(key.rpartition(".")[2] for key in (*plain, *below))


def _around(path: str) -> Iterator[str]:
    """Yield the sections around a dotted path, the nearest first."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def speaks_of(problem: Problem, names: Collection[str]) -> bool:
    """Whether a problem names one of `names`, in backticks as all texts do: it would look different with the right value."""
    texts = [text.en for text in (problem.what, problem.why, problem.fix) if text is not None]
    return any(word in names for text in texts for quoted in _QUOTED.findall(text) for word in _WORD.findall(quoted))
