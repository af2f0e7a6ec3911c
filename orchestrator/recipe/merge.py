"""Recipes laid over one another: deep merge, lists replace, null deletes; every value keeps who wrote it and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Problem
from orchestrator.core.source import dotted
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from orchestrator.core.finding import Location
    from orchestrator.core.provenance import Source
    from orchestrator.core.source import Document, KeyPath

TAKES_BACK: dict[KeyPath, KeyPath] = {
    ("save", "save_every_n_epochs"): ("save", "checkpoints"),
    ("save", "checkpoints"): ("save", "save_every_n_epochs"),
    ("train", "target_steps"): ("train", "max_train_epochs"),
}
"""Two ways to say the same thing: who writes the one takes back the other where it is only inherited."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who wrote one value, and where."""

    source: Source
    value: Location
    key: Location | None
    base_dir: Path
    """Where relative paths of this value start."""
    raw: str | None = None
    """An unquoted scalar as written."""


@dataclass(slots=True)
class Layers:
    """Recipes laid over one another, so far."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """Return who wrote `path`, or the nearest section around it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def where_key(self, path: KeyPath) -> Location:
        """Return where the key of `path` stands; for an item of a list, where the item begins."""
        place = self.place(path)
        return place.key or place.value

    def get(self, path: KeyPath) -> Any:
        """Return the value at `path`, None where there is none."""
        here: Any = self.data
        for part in path:
            if isinstance(here, dict):
                here = here.get(part)
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                here = here[part]
            else:
                return None
        return here

    def remove(self, path: KeyPath) -> None:
        """Delete `path` and all below it."""
        parent = self.get(path[:-1])
        if isinstance(parent, dict):
            if path[-1] not in parent and path not in self.places:
                return
            parent.pop(path[-1], None)
        for old in [p for p in self.places if p[: len(path)] == path]:
            del self.places[old]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One recipe on its way into the layers."""

    document: Document
    source: Source
    base_dir: Path

    def place(self, path: KeyPath) -> Place:
        """Return who wrote `path` of this recipe, and where."""
        spot = self.document.spots[path]
        return Place(self.source, spot.value, spot.key, self.base_dir, spot.raw)


def lay_over(
    layers: Layers, document: Document, source: Source, base_dir: Path, unread: Collection[KeyPath] = ()
) -> list[Problem]:
    """Lay a recipe over what is there. Return its keys without a value as problems; of those `unread` that is told already."""
    data = {key: value for key, value in document.data.items() if key != "extends"}
    problems = [
        _no_value(spot.key, path)
        for path, spot in document.spots.items()
        if spot.raw == "" and spot.key is not None and path not in unread and "" not in path
    ]
    layer = _Layer(document, source, base_dir)
    layers.places[()] = layer.place(())
    _lay(layers, layer, data, ())
    _drop_weaker(layers, document)
    return problems


def _lay(layers: Layers, layer: _Layer, data: dict[str, Any], at: KeyPath) -> None:
    for key, value in data.items():
        path: KeyPath = (*at, key)
        if value is None:
            layers.remove(path)
            continue
        is_merged = isinstance(value, dict) and isinstance(layers.get(path), dict)
        if not is_merged:
            layers.remove(path)
            layers.get(at)[key] = {} if isinstance(value, dict) else value
        layers.places[path] = layer.place(path)
        if isinstance(value, dict):
            _lay(layers, layer, value, path)
        elif isinstance(value, list):
            below = [p for p in layer.document.spots if p[: len(path)] == path]
            layers.places.update({p: layer.place(p) for p in below})


def _drop_weaker(layers: Layers, document: Document) -> None:
    for mine, inherited in TAKES_BACK.items():
        if mine in document.spots and inherited not in document.spots:
            layers.remove(inherited)


def _no_value(where: Location, path: KeyPath) -> Problem:
    name = dotted(path)
    fix = Text(
        "write a value, delete the line, or write `null` to take back what is inherited",
        "写上值、删去这一行，或写 `null` 取消继承来的值",
    )
    if where.source[where.column - 1 + where.length :].lstrip(": ").startswith("#"):
        fix = Text(
            "what follows ` #` is a comment: put text that begins with `#` in quotes, or write a value",
            "` #` 之后是注释：以 `#` 开头的文本要加引号；或写上值",
        )
    return Problem("no-value", Text(f"`{name}` has no value", f"`{name}` 没有值"), fix=fix, where=where)
