"""Write TOML that the trainer's own reader reads back unchanged.

sd-scripts reads with `toml` 0.10.2, which misreads some correct TOML. So tomlkit writes, `toml` reads the text back, and
what does not survive is named instead of launched.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import toml
import tomlkit
from tomlkit.exceptions import TOMLKitError

if TYPE_CHECKING:
    from tomlkit.items import AoT, Array, Item, Table


def render(content: Mapping[str, Any], comment: str) -> str:
    """Return `content` as TOML under a comment line. Tables and lists of tables become sections; no value may be None."""
    document = tomlkit.document()
    document.add(tomlkit.comment(comment))
    for key, value in content.items():
        document.add(key, _item(value))
    return tomlkit.dumps(document)


def lost_values(text: str, content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the dotted names of the values that `toml` 0.10.2 does not give back from `text` as they were meant.

    Empty when everything survives. Where one value spoils the whole file, each is tried alone and the culprits are named.
    """
    try:
        return tuple(_compare(content, toml.loads(text), ""))
    except (toml.TomlDecodeError, IndexError, ValueError, KeyError, TypeError, AttributeError):
        alone = tuple(name for name, value in _leaves(content, "") if not _survives(value))
        return alone or ("the whole file",)


def _item(value: Any) -> Item:
    if isinstance(value, Mapping):
        table: Table = tomlkit.table()
        for key, inner in value.items():
            table.add(key, _item(inner))
        return table
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(inner, Mapping) for inner in value):
            tables: AoT = tomlkit.aot()
            for inner in value:
                tables.append(_item(inner))
            return tables
        array: Array = tomlkit.array()
        for inner in value:
            array.append(_item(inner))
        return array
    if isinstance(value, str):
        return _text(value)
    item: Item = tomlkit.item(value)
    return item


def _text(value: str) -> Item:
    """A string in the first form that the old reader understands: literal for backslashes and quotes, else plain."""
    plain = tomlkit.string(value)
    if "\\" not in value and '"' not in value:
        return plain
    forms = [plain]
    with contextlib.suppress(TOMLKitError):  # an apostrophe or a control character: only the plain form can hold it
        forms.insert(0, tomlkit.string(value, literal=True))
    return next((form for form in forms if _reads_back(form.as_string(), value)), plain)


def _reads_back(form: str, value: Any) -> bool:
    try:
        return _same(toml.loads(f"key = {form}\n").get("key"), value)
    except (toml.TomlDecodeError, IndexError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _survives(value: Any) -> bool:
    return _reads_back(_item(value).as_string(), value)


def _leaves(content: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Every value that is no table, with its dotted name."""
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found += _leaves(value, f"{name}.")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
            for number, inner in enumerate(value):
                found += _leaves(inner, f"{name}[{number}].")
        else:
            found.append((name, value))
    return found


def _compare(meant: Mapping[str, Any], read: Any, prefix: str) -> list[str]:
    got = dict(_leaves(read, prefix)) if isinstance(read, Mapping) else {}
    wanted = dict(_leaves(meant, prefix))
    return [
        name
        for name in {**wanted, **got}
        if name not in wanted or name not in got or not _same(got[name], wanted[name])
    ]


def _same(read: Any, meant: Any) -> bool:
    if isinstance(meant, (list, tuple)):
        return isinstance(read, list) and len(read) == len(meant) and all(map(_same, read, meant))
    if isinstance(meant, float):
        return isinstance(read, float) and (read == meant or (math.isnan(read) and math.isnan(meant)))
    return type(read) is type(meant) and bool(read == meant)
