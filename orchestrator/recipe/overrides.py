"""`--set train.unet_lr=5e-5`: values from the command line, laid over the recipe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Location, Problem
from orchestrator.core.provenance import Source
from orchestrator.core.source import Document, dotted, parse_document
from orchestrator.core.text import Text, plural
from orchestrator.recipe.keys import annotation_at, is_only
from orchestrator.recipe.merge import TAKES_BACK, Layers, Place

if TYPE_CHECKING:
    from orchestrator.core.source import KeyPath

_OPTION = "--set"
_OF_THE_FILE = ("extends",)
"""Keys that say how the file is read: they are used up before an override is looked at."""
_KEY = re.compile(r"[^\s.\[\]=]+(?:\.[^\s.\[\]=]+|\[\d+\])*\Z")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def override_name(number: int, count: int) -> str:
    """Return how messages call the `number`th (from 1) of `count` overrides: `--set`, or `--set[2]` of several."""
    return _OPTION if count == 1 else f"{_OPTION}[{number}]"


def apply_override(layers: Layers, argument: str, file: str = _OPTION) -> list[Problem]:
    """Lay one `key=value` over the recipe; `file` is its name for messages. Return what is wrong with it."""
    key, equals, text = argument.partition("=")
    whole = Location(file, 1, 1, argument, max(1, len(argument)))
    if not equals or not _KEY.match(key):
        return [_no_assignment(whole)]
    path = key_path(key)
    if path[0] in _OF_THE_FILE:
        return [_not_by_set(key, Location(file, 1, 1, argument, len(key)))]
    where = Location(file, 1, len(key) + 2, argument, max(1, len(text)))
    try:
        document = parse_document(text, file, is_any_top=True)
    except InputError as error:
        return [Problem(p.code, p.what, p.why, p.fix, where) for p in error.problems]
    if document.spots[()].raw == "" or not text.strip():
        return [_empty(where, key)]
    return _put(
        layers, path, document, Place(Source.COMMAND_LINE, where, Location(file, 1, 1, argument, len(key)), Path.cwd())
    )


def key_path(key: str) -> KeyPath:
    """Return the path of `concepts.0.num_repeats` or `concepts[0].num_repeats`."""
    parts = [index or name for index, name in _PART.findall(key)]
    return tuple(int(part) if _is_place(part) else part for part in parts)


def _is_place(part: str) -> bool:
    """Whether it can be a place in a list: `²` is a digit too, and Python reads no number of thousands of digits."""
    return part.isascii() and part.isdecimal() and len(part) < 10


def _put(layers: Layers, path: KeyPath, document: Document, place: Place) -> list[Problem]:
    parent, problems = _parent(layers, path, place)
    if problems:
        return problems
    value = _wanted_text(path, document)
    if value is None and isinstance(parent, list):
        return [_entry_stays(place, path)]
    layers.remove(path)
    if value is None:
        return []
    parent[path[-1]] = value
    if path in TAKES_BACK:
        layers.remove(TAKES_BACK[path])
    for below, spot in document.spots.items():
        layers.places[path + below] = Place(
            place.source, place.value, place.key if not below else None, place.base_dir, spot.raw
        )
    return []


def _wanted_text(path: KeyPath, document: Document) -> Any:
    """Return the value; `--set name=123` is text where the recipe wants text: quotes rarely survive a shell."""
    raw = document.spots[()].raw
    annotation = annotation_at(path)
    if (
        raw is not None
        and isinstance(document.data, (int, float))
        and annotation not in (None, Any)
        and is_only(annotation, str)
    ):
        return raw
    return document.data


def _parent(layers: Layers, path: KeyPath, place: Place) -> tuple[Any, list[Problem]]:
    """Return the mapping or list that holds `path`, made on the way where sections are missing."""
    here: Any = layers.data
    for index, part in enumerate(path):
        if isinstance(here, list) and isinstance(part, int):
            if part >= len(here):
                return None, [_index_too_large(place, path[:index], len(here))]
        elif not (isinstance(here, dict) and isinstance(part, str)):
            return None, [_no_such_place(place, path, path[:index], here)]
        if index == len(path) - 1:
            return here, []
        if isinstance(here, dict) and part not in here:
            here[part] = {}
            layers.places[path[: index + 1]] = place
        here = here[part]
    raise AssertionError("a path has at least one part")


def _no_assignment(where: Location) -> Problem:
    return Problem(
        "bad-override",
        Text("`--set` needs `key=value`", "`--set` 需要 `键=值`"),
        fix=Text("write for example `--set train.unet_lr=5e-5`", "例如 `--set train.unet_lr=5e-5`"),
        where=where,
    )


def _not_by_set(key: str, where: Location) -> Problem:
    return Problem(
        "bad-override",
        Text(f"`--set` cannot change `{key}`", f"`--set` 不能更改 `{key}`"),
        Text(
            "what a recipe extends is read before anything is laid over it", "配方继承的内容在叠加 `--set` 之前就已读取"
        ),
        Text(f"write `{key}:` in the recipe", f"请在配方里写 `{key}:`"),
        where,
    )


def _empty(where: Location, key: str) -> Problem:
    return Problem(
        "no-value",
        Text(f"`--set {key}=` has no value", f"`--set {key}=` 没有值"),
        fix=Text(f"write `--set {key}=null` to take the value back", f"要取消该值，写 `--set {key}=null`"),
        where=where,
    )


def _no_such_place(place: Place, path: KeyPath, parent: KeyPath, here: Any) -> Problem:
    name, outer = dotted(path), dotted(parent) or "recipe"
    if isinstance(here, list):
        fix = Text(f"name the entry: `{outer}.0`", f"指明是哪一项：`{outer}.0`")
    else:
        fix = Text("see docs/recipe.md for all keys", "所有的键见 docs/recipe.md")
    return Problem(
        "bad-override",
        Text(f"`{name}` leads nowhere: `{outer}` is {_kind(here)}", f"没有 `{name}`：`{outer}` 是{_kind_zh(here)}"),
        fix=fix,
        where=place.key,
    )


def _index_too_large(place: Place, parent: KeyPath, count: int) -> Problem:
    name = dotted(parent)
    return Problem(
        "bad-override",
        Text(f"`{name}` has {plural(count, 'entry', 'entries')}, counted from 0", f"`{name}` 有 {count} 项，从 0 数起"),
        fix=Text("new entries are written in the recipe", "新的项请写在配方里"),
        where=place.key,
    )


def _entry_stays(place: Place, path: KeyPath) -> Problem:
    name, whole = dotted(path), dotted(path[:-1])
    return Problem(
        "bad-override",
        Text(
            f"`{name}` is an entry of a list: `null` takes back keys, not entries",
            f"`{name}` 是列表中的一项：`null` 只能取消键，不能取消列表项",
        ),
        fix=Text(f"write `{whole}` in the recipe without it", f"请在配方里写出不含它的 `{whole}`"),
        where=place.key,
    )


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a section" if isinstance(value, dict) else "a single value"


def _kind_zh(value: Any) -> str:
    return "列表" if isinstance(value, list) else "一段" if isinstance(value, dict) else "单个值"
