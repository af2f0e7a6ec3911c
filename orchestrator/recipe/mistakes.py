"""What pydantic refused, in the user's words, at the place where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Problem
from orchestrator.core.source import dotted
from orchestrator.core.text import Text
from orchestrator.recipe.keys import annotation_at, expected
from orchestrator.recipe.model import RECIPE_VERSION
from orchestrator.recipe.unknown_keys import unknown_key
from orchestrator.recipe.value_fixes import value_fix

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from orchestrator.core.source import KeyPath
    from orchestrator.recipe.merge import Layers

_TEXT_FIXES = {
    "string_too_long": Text("shorten it", "请写短一些"),
    "string_too_short": Text("say it in more words", "请多写几个字"),
    "string_pattern_mismatch": Text("write it on one line, without invisible characters", "写在一行里，不带不可见字符"),
}
_MOST_SUGGESTED = 100
"""Unknown keys for which the nearest known one is looked up, a millisecond each: more of them are no slips of the finger."""
_EXAMPLES = {
    "recipe_version": "recipe_version: 1",
    "name": "name: alice-v1",
    "subject": "subject: {kind: character, trigger: alicechr}",
    "kind": "kind: character",
    "base_model": "base_model: {family: sdxl, pretrained_model_name_or_path: ./model.safetensors}",
    "family": "family: sdxl",
    "concepts": "concepts: [{image_dir: ./pictures}]",
    "image_dir": "image_dir: ./pictures",
    "prompt": "prompt: alicechr, portrait",
    "ignore": "ignore: [{rule: too-many-steps, because: tried with 3000 steps last week}]",
    "rule": "rule: too-many-steps",
    "because": "because: tried with 3000 steps last week",
}


@dataclass(frozen=True, slots=True)
class Mistakes:
    """What pydantic refused."""

    problems: list[Problem]
    """One per mistake."""
    wrong: set[KeyPath]
    """Places that hold a wrong value or lack one."""
    meant: list[str]
    """Dotted keys that were probably meant by unknown ones."""


def mistakes(
    error: ValidationError, layers: Layers, trainer_options: Collection[str], unread: Collection[KeyPath] = ()
) -> Mistakes:
    """Return what is wrong, each mistake once. A key that is misspelt is not told again as missing.

    `unread`: places whose value YAML could not give, told elsewhere; nothing more is said of them.
    """
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_data_path(detail, layers.data), []).append(detail)
    around = {
        path[:size] for path in by_path for size in range(len(path))
    }  # in a union the branch that got furthest fits best
    found = Mistakes([], {path for path in by_path if path and path not in around}, [])
    by_path = {p: d for p, d in by_path.items() if not any(p[: len(place)] == place for place in unread)}
    for path, details in by_path.items():
        if details[0]["type"] == "extra_forbidden":
            options = trainer_options if len(found.problems) < _MOST_SUGGESTED else None
            problem, target = unknown_key(path, layers.where_key(path), options)
            found.meant.extend([target] if target is not None else [])
            found.problems.append(problem)
    for path, details in by_path.items():
        kind = details[0]["type"]
        if kind == "extra_forbidden" or path in around:
            continue
        if kind != "missing":
            found.problems.append(_wrong_value(path, details, layers))
        elif not _is_meant(path, found.meant):
            found.problems.append(_missing(path, layers))
    return found


def _data_path(detail: ErrorDetails, data: Any) -> KeyPath:
    """Return the place in the user's data: pydantic's own names of union branches are left out."""
    path: list[str | int] = []
    here = data
    for part in detail["loc"]:
        is_item = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if is_item or (isinstance(here, dict) and part in here):
            here = here[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _is_meant(path: KeyPath, meant: list[str]) -> bool:
    name = dotted(tuple(0 if isinstance(part, int) else part for part in path))
    return any(target == name or target.startswith((f"{name}.", f"{name}[")) for target in meant)


def _missing(path: KeyPath, layers: Layers) -> Problem:
    return Problem(
        "missing-key",
        Text(f"`{dotted(path)}` is missing", f"缺少 `{dotted(path)}`"),
        fix=_for_example(path),
        where=layers.where_key(path[:-1]),
    )


def _for_example(path: KeyPath) -> Text:
    name = str(path[-1])
    example = _EXAMPLES.get(name, f"{name}: ...")
    return Text(f"write for example `{example}`", f"例如写 `{example}`")


def _wrong_value(path: KeyPath, details: list[ErrorDetails], layers: Layers) -> Problem:
    name, place = dotted(path), layers.place(path)
    value = details[0]["input"]
    if name == "recipe_version":
        return _wrong_version(value, layers)
    rule = next((d for d in details if d["type"] in _TEXT_FIXES), None)
    if rule is not None and isinstance(value, str):
        what = _wrong_text(name, rule)
        is_empty = rule["type"] == "string_too_short" and not value
        fix: Text | None = _for_example(path) if is_empty else _TEXT_FIXES[rule["type"]]
    elif any(d["type"] == "too_short" for d in details) and value == []:
        what, fix = Text(f"`{name}` needs at least one entry", f"`{name}` 至少要有一项"), _example(path, value="")
    else:
        annotation = annotation_at(path)
        wanted, found = expected(annotation), shown(value)
        what = Text(f"`{name}` must be {wanted.en}; it is {found.en}", f"`{name}` 应为{wanted.zh}；现在是{found.zh}")
        is_flow = place.value.source[place.value.column - 1 : place.value.column] in ("[", "{")
        fix = value_fix(value, place.raw, annotation, is_flow=is_flow) or _example(path, value)
        if path[-1] == "image_dir" and isinstance(value, list):
            fix = Text(
                "write one concept for each folder, each with its own `- image_dir:`",
                "每个文件夹写一个 concept，各有自己的 `- image_dir:`",
            )
    return Problem("wrong-value", what, fix=fix, where=place.value)


def _example(path: KeyPath, value: Any) -> Text | None:
    """Return an example for a section or list that was written as one value."""
    example = _EXAMPLES.get(str(path[-1])) if not isinstance(value, (dict, list)) else None
    if example is None or "{" not in example:
        return (
            Text(
                "write its keys below it, each on its own line with two spaces in front",
                "把它的键写在下面，每行一个，前面空两格",
            )
            if expected(annotation_at(path)).en.startswith("a section")
            else None
        )
    return Text(f"write for example `{example}`", f"例如写 `{example}`")


def _wrong_version(value: Any, layers: Layers) -> Problem:
    found = shown(value)
    is_newer = isinstance(value, int) and value > RECIPE_VERSION
    why = Text("it was written for a newer version of this tool", "它是为本工具的更新版本写的") if is_newer else None
    fix = (
        Text("update the tool", "请更新本工具")
        if is_newer
        else Text(f"write `recipe_version: {RECIPE_VERSION}`", f"写 `recipe_version: {RECIPE_VERSION}`")
    )
    what = Text(
        f"`recipe_version` must be {RECIPE_VERSION}; it is {found.en}",
        f"`recipe_version` 应为 {RECIPE_VERSION}；现在是{found.zh}",
    )
    return Problem("wrong-version", what, why, fix, layers.place(("recipe_version",)).value)


def _wrong_text(name: str, detail: ErrorDetails) -> Text:
    limits = detail.get("ctx", {})
    if detail["type"] == "string_too_long":
        return Text(
            f"`{name}` is longer than {limits['max_length']} characters", f"`{name}` 超过 {limits['max_length']} 个字符"
        )
    if detail["type"] == "string_too_short":
        if limits["min_length"] == 1:
            return Text(f"`{name}` is empty", f"`{name}` 是空的")
        return Text(
            f"`{name}` needs at least {limits['min_length']} characters",
            f"`{name}` 至少要 {limits['min_length']} 个字符",
        )
    return Text(f"`{name}` must stay on one line", f"`{name}` 必须写在一行里")


def shown(value: Any) -> Text:
    """Return a value for a message, e.g. `the text "abc"`, `the number 5`."""
    if isinstance(value, bool):
        return Text(f"`{str(value).lower()}`", f" `{str(value).lower()}`")
    if isinstance(value, str):
        cut = value if len(value) <= 40 else f"{value[:37]}..."
        return Text(f'the text "{cut}"', f"文本“{cut}”")
    if isinstance(value, (int, float)):
        return Text(f"the number {value}", f"数字 {value}")
    if isinstance(value, list):
        return Text(f"a list of {len(value)}", f"含 {len(value)} 项的列表")
    if isinstance(value, dict):
        return Text("a section of `key: value` lines", "一段 `键: 值`")
    return Text("nothing", "空的")
