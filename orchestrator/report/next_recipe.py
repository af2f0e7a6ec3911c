"""next.yaml: the user's recipe with the safe changes applied, comments and layout kept, every edit proven by reading it back."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import InputError
from orchestrator.core.source import parse_document
from orchestrator.recipe.edits import NULL, CannotEditError, remove_value, set_value
from orchestrator.recipe.keys import PATH_KEYS
from orchestrator.recipe.overrides import key_path
from orchestrator.report.numbers import plain_value
from orchestrator.report.privacy import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.finding import Change
    from orchestrator.core.source import KeyPath

HEADER = "# next: "
"""Begin of our own comment lines at the top, so that the next recipe of a next recipe does not collect them."""
_SCHEMA = re.compile(r"(?m)^(# yaml-language-server: \$schema=)(\S+)")
_FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".yaml", ".yml", ".json", ".gguf")


def next_recipe(
    text: str, changes: Sequence[Change], header: Sequence[str], because: Mapping[str, str] | None = None
) -> str:
    """Return the recipe with `changes` applied. Each changed line ends in a comment that names the rule (`because`, by key).

    `header`: lines for the top of the file. Where the recipe extends another one, removing a key means writing `null`.
    A change that the text has no place for (an item of an inherited list) is told in the header instead of applied.
    Raises InputError when `text` is no recipe.
    """
    notes = list(header)
    for change in changes:
        path, reason = key_path(change.key), (because or {}).get(change.key, "")
        try:
            text = _apply(text, path, change, reason)
        except CannotEditError:
            notes.append(
                f"not applied, this value stands in an extended file: {change.key}: {plain_value(change.value)}"
            )
    return _with_header(text, notes)


def _apply(text: str, path: KeyPath, change: Change, reason: str) -> str:
    before = parse_document(text, "recipe.yaml").data
    value = change.value
    is_inherited = before.get("extends") is not None
    if value is None and not is_inherited and value_at(before, path) is None:
        return text
    if value is None and is_inherited:
        value = NULL
    wanted = _changed(before, path, value)
    comment = f"{reason}, was {plain_value(change.before)}" if reason and change.before is not None else reason
    # A comment can only be in the way inside text that runs over several lines; the value counts more.
    words = visible(comment).replace("\n", " ")
    for prepare, said in ((_as_it_is, words), (_as_it_is, ""), (_unfolded, words), (_unfolded, "")):
        edited = _edit(prepare(text, path), path, value, said)
        if _reads_as(edited, wanted):
            return edited
    raise CannotEditError(path)


def _as_it_is(text: str, _path: KeyPath) -> str:
    return text


def _edit(text: str, path: KeyPath, value: Any, comment: str) -> str:
    if value is not None:
        return set_value(text, path, value, comment)
    try:
        return remove_value(text, path)
    except CannotEditError:
        # The key shares its line with others, {a: 1, b: 2}: the section is written anew without it.
        rest = {
            key: item for key, item in value_at(parse_document(text, "").data, path[:-1]).items() if key != path[-1]
        }
        return set_value(text, path[:-1], rest, comment)


def _unfolded(text: str, path: KeyPath) -> str:
    """Return `text` with the section of `path` written on one line, for the rare layout an edit does not fit into."""
    document = parse_document(text, "recipe.yaml")
    section = path[:1]
    return (
        set_value(text, section, value_at(document.data, section))
        if section in document.spots and len(path) > 1
        else text
    )


def _reads_as(text: str, wanted: Any) -> bool:
    try:
        return bool(parse_document(text, "next.yaml").data == wanted)
    except InputError:
        return False


def value_at(data: Any, path: KeyPath) -> Any:
    """Return what stands at `path` of read YAML; None where nothing does."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _changed(data: Any, path: KeyPath, value: Any) -> Any:
    """Return a copy of `data` with the change made, as the edited text must read. Raises CannotEditError."""
    data = copy.deepcopy(data)
    here = data
    for index, part in enumerate(path[:-1]):
        if isinstance(here, dict) and here.get(part) is None:
            if isinstance(path[index + 1], int):
                raise CannotEditError(path)
            here[part] = {}
        try:
            here = here[part]
        except (IndexError, KeyError, TypeError) as error:
            raise CannotEditError(path) from error
    if not isinstance(here, dict):
        raise CannotEditError(path)
    if value is None:
        here.pop(path[-1], None)
        return _pruned(data, path[:-1])
    here[path[-1]] = None if value is NULL else _as_read(value)
    return data


def _as_read(value: Any) -> Any:
    return [_as_read(item) for item in value] if isinstance(value, (list, tuple)) else value


def _pruned(data: Any, path: KeyPath) -> Any:
    while path and value_at(data, path) == {}:
        value_at(data, path[:-1]).pop(path[-1])
        path = path[:-1]
    return data


def _with_header(text: str, lines: Sequence[str]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith(HEADER)]
    ours = [f"{HEADER}{visible(line)}{newline}" for note in lines for line in note.splitlines()]
    # The editor's schema line only counts as the first one.
    first = 1 if kept and kept[0].startswith("# yaml-language-server") else 0
    return "".join([*kept[:first], *ours, *kept[first:]])


def rebase(text: str, recipe_dir: Path, target_dir: Path) -> str:
    """Return the recipe so that it means the same from `target_dir`: relative paths are written anew, names stay names.

    `extends`, picture folders, model files and the schema line are followed. A value counts as a path where it begins with
    `./` or `../`, ends like a file, or exists below `recipe_dir`; `author/model` of a hub stays as it is.
    """
    document = parse_document(text, "recipe.yaml")
    for path, spot in document.spots.items():
        value = value_at(document.data, path)
        if not path or not isinstance(value, str) or spot.key is None:
            continue
        is_path = (path == ("extends",) and value.endswith((".yaml", ".yml"))) or (
            path[-1] in PATH_KEYS
            and path[0] != "trainer_args"
            and _is_local(value, recipe_dir, is_folder=path[-1] == "image_dir")
        )
        if is_path and not _is_absolute(value):
            text = set_value(text, path, _from(target_dir, recipe_dir, value))

    def schema(match: re.Match[str]) -> str:
        is_url = "://" in match[2] or _is_absolute(match[2])
        return match[0] if is_url else match[1] + _from(target_dir, recipe_dir, match[2])

    return _SCHEMA.sub(schema, text, count=1)


def _is_local(value: str, recipe_dir: Path, *, is_folder: bool) -> bool:
    return (
        is_folder
        or value.startswith(("./", "../", ".\\", "..\\"))
        or value.endswith(_FILES)
        or (recipe_dir / value).exists()
    )


def _is_absolute(value: str) -> bool:
    return value.startswith("~") or PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()


def _from(target_dir: Path, recipe_dir: Path, value: str) -> str:
    # Links are resolved first: the system follows `..` from the real folder, not from the link's name.
    end, start = os.path.normpath(recipe_dir.resolve() / value), target_dir.resolve()
    try:
        shared = os.path.commonpath([end, start])
    except ValueError:  # another drive
        return Path(end).as_posix()
    # Climbing to the root and down again says no less than the absolute path and is harder to read.
    if len(Path(shared).parts) < 2:
        return Path(end).as_posix()
    return Path(os.path.relpath(end, start)).as_posix()
