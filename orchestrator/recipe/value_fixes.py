"""What to write instead of a value that was refused, where that can be guessed from the value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from orchestrator.core.scalars import NumberOutOfRangeError, plain_value, word_bool
from orchestrator.core.text import Text
from orchestrator.recipe.dump import scalar_text
from orchestrator.recipe.keys import alternatives, choices, expected, is_only, nearest
from orchestrator.recipe.number_slips import meant_numbers, meant_sides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNDERSCORES = Text(
    "underscores do not group digits here: write the digits you mean, without `_`",
    "这里不能用下划线分隔数字：请直接写出想要的数字，不带 `_`",
)
"""`1_1` may have meant 11, 1.1 or 101: none of them is suggested."""


OTHER_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("sd", "sd1", "sd1.5", "1.5", "sd1.4", "stable-diffusion"), "sd15"),
    **dict.fromkeys(("pony", "illustrious", "noobai", "animagine", "sdxl1.0", "sdxl_base", "xl"), "sdxl"),
    **dict.fromkeys(("flux1-dev", "flux.1-dev", "flux.1", "flux1", "flux-dev", "flux_dev"), "flux"),
    **dict.fromkeys(("sd3.5", "sd35"), "sd3"),
    **dict.fromkeys(("fp32", "float32", "32"), "no float"),
    **dict.fromkeys(("half", "float16", "16"), "fp16"),
    "bfloat16": "bf16",
    **dict.fromkeys(("true", "on", "yes", "full"), "probe"),
    "none": "no off",
    **dict.fromkeys(("人物", "角色"), "character"),
    "风格": "style",
    **dict.fromkeys(("waifu", "anime"), "character"),
}
"""What people call a value that a field knows under another word; of several words the one that the field takes."""
_TRUE = frozenset({"enabled", "enable", "是", "开", "真"})
_FALSE = frozenset({"disabled", "disable", "否", "关", "假"})


def value_fix(value: Any, raw: str | None, annotation: Any, *, is_flow: bool = False) -> Text | None:
    """Return what to write instead: a guess from the value, else what the field takes; None where that says nothing new.

    `is_flow`: a list or section that is written on its line, in brackets.
    """
    return _guess(value, raw, annotation, is_flow=is_flow) or _what_fits(annotation)


def _what_fits(annotation: Any) -> Text | None:
    """Return what a field of plain values takes, as an order. Sections need an example instead."""
    wanted = expected(annotation)
    if "section" in wanted.en or wanted.en in {"text", "a value"}:
        return None
    return Text(f"write {wanted.en}", f"请写{wanted.zh}")


def _guess(value: Any, raw: str | None, annotation: Any, *, is_flow: bool) -> Text | None:
    words = [word for word in choices(annotation) if isinstance(word, str)]
    if isinstance(value, str):
        return _fix_text(value, raw, annotation, words)
    if isinstance(value, (bool, int, float)):
        return _fix_plain(value, raw, annotation, words)
    return _fix_structure(value, annotation, is_flow=is_flow)


def _fix_plain(value: float | bool, raw: str | None, annotation: Any, words: list[str]) -> Text | None:
    other = "no" if value is False and "no" in words else _other_word(raw or str(value), words)
    if other is not None:
        return _write(other)
    if isinstance(value, float) and value.is_integer() and plain_fits(int(value), annotation):
        return _write(int(value))
    if any(is_only(a, str) for a in alternatives(annotation)):
        written = raw if raw is not None else value
        return Text(f"put it in quotes: `'{written}'`", f"加上引号：`'{written}'`")
    if isinstance(value, int) and value in (0, 1) and is_only(annotation, bool):
        return _write(str(bool(value)).lower())
    return None


def _fix_structure(value: Any, annotation: Any, *, is_flow: bool) -> Text | None:
    """Return what to do with a list or section where something else is wanted."""
    wanted = expected(annotation).en
    if isinstance(value, list) and wanted.startswith("a section") and (pairs := _pairs(value)) is not None:
        return pairs
    if isinstance(value, dict) and "list" in wanted:
        return Text("put `- ` before its first line", "在它的第一行前面加 `- `")
    takes_text = any(is_only(a, str) for a in alternatives(annotation))
    if takes_text and isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        joined = scalar_text(", ".join(value))
        return Text(f"write one text: `{joined}`", f"写成一段文本：`{joined}`")
    if takes_text and is_flow:
        return Text("put text that begins with a bracket in quotes", "以括号开头的文本要加引号")
    if isinstance(value, list) and wanted.startswith("a section") and not is_flow:
        return Text("remove the `- ` in front of its lines", "去掉各行前面的 `- `")
    return None


def _pairs(items: Sequence[Any]) -> Text | None:
    """Return `key=value` texts, as the trainer's command line takes them, as a section."""
    found = [re.fullmatch(r"\s*([A-Za-z]\w*) ?= ?(.*?)\s*", item) if isinstance(item, str) else None for item in items]
    if not found or None in found:
        return None
    shown = ", ".join(f"{match[1]}: {match[2]}" for match in found if match)
    return _write(f"{{{shown}}}")


def _fix_text(value: str, raw: str | None, annotation: Any, words: list[str]) -> Text | None:
    unquoted = _plain(value)
    if raw is None and isinstance(unquoted, (bool, int, float)) and plain_fits(unquoted, annotation):
        return Text(f"remove the quotes: `{value}`", f"去掉引号：`{value}`")
    is_sole = len(choices(annotation)) == 1 and len(alternatives(annotation)) == 1
    close = words[0] if is_sole else _other_word(value, words) or nearest(value, words)
    if close is not None:
        return _write(close)
    word = True if value.lower() in _TRUE else False if value.lower() in _FALSE else word_bool(value)
    if word is not None and plain_fits(word, annotation):
        return _write(str(word).lower())
    return _fix_number(value, annotation) or _fix_list(value, annotation)


def _fix_number(value: str, annotation: Any) -> Text | None:
    if "list of 2" in expected(annotation).en and (sides := meant_sides(value)) is not None:
        return _write(sides)
    for tidy in meant_numbers(value):
        number = _plain(tidy)
        if isinstance(number, (int, float)) and plain_fits(number, annotation):
            return _UNDERSCORES if "_" in value else _write(tidy)
    return None


def _other_word(value: str, words: Sequence[str]) -> str | None:
    meant = OTHER_WORDS.get(value.lower(), "").split()
    return next((word for word in meant if word in words), None)


def _fix_list(value: str, annotation: Any) -> Text | None:
    if expected(annotation).en.startswith("a section"):
        return _pairs([value])
    if any(_takes_text(get_args(a)[0], value) for a in alternatives(annotation) if get_origin(a) is list):
        return _write(f"[{scalar_text(value)}]")
    return None


def _takes_text(annotation: Any, value: str) -> bool:
    return value in choices(annotation) or any(is_only(a, str) for a in alternatives(annotation))


def _write(value: Any) -> Text:
    return Text(f"write `{value}`", f"写 `{value}`")


def _plain(text: str) -> Any:
    try:
        return plain_value(text)
    except NumberOutOfRangeError:
        return text


def plain_fits(value: Any, annotation: Any) -> bool:
    """Return whether a number or truth value is of a type the field takes."""
    if isinstance(value, bool):
        return any(is_only(a, bool) for a in alternatives(annotation))
    kinds = (int, float) if isinstance(value, int) else (float,)
    is_choice = value in choices(annotation)
    return is_choice or any(is_only(a, kind) for a in alternatives(annotation) for kind in kinds)
