"""What to write instead of a value that was refused, where that can be guessed from the value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from orchestrator.core.scalars import NumberOutOfRangeError, plain_value, word_bool
from orchestrator.core.text import Text
from orchestrator.recipe.dump import scalar_text
from orchestrator.recipe.keys import alternatives, choices, expected, is_only, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNDERSCORES = Text(
    "underscores do not group digits here: write the digits you mean, without `_`",
    "这里不能用下划线分隔数字：请直接写出想要的数字，不带 `_`",
)
"""`1_1` may have meant 11, 1.1 or 101: none of them is suggested."""


def value_fix(value: Any, raw: str | None, annotation: Any) -> Text | None:
    """Return what to write instead: a guess from the value, else what the field takes; None where that says nothing new."""
    return _guess(value, raw, annotation) or _what_fits(annotation)


def _what_fits(annotation: Any) -> Text | None:
    """Return what a field of plain values takes, as an order. Sections need an example instead."""
    wanted = expected(annotation)
    if "section" in wanted.en or wanted.en in {"text", "a value"}:
        return None
    return Text(f"write {wanted.en}", f"请写{wanted.zh}")


def _guess(value: Any, raw: str | None, annotation: Any) -> Text | None:
    words = [word for word in choices(annotation) if isinstance(word, str)]
    if isinstance(value, str):
        return _fix_text(value, raw, annotation, words)
    if value is False and "no" in words:
        return _write("no")
    if isinstance(value, float) and value.is_integer() and plain_fits(int(value), annotation):
        return _write(int(value))
    if isinstance(value, (bool, int, float)) and any(is_only(a, str) for a in alternatives(annotation)):
        written = raw if raw is not None else value
        return Text(f"put it in quotes: `'{written}'`", f"加上引号：`'{written}'`")
    if isinstance(value, int) and value in (0, 1) and is_only(annotation, bool):
        return _write(str(bool(value)).lower())
    return _fix_dashes(value, annotation)


def _fix_dashes(value: Any, annotation: Any) -> Text | None:
    """Return what to do with the dashes of a list that should be a section, or the other way round."""
    wanted = expected(annotation).en
    if isinstance(value, dict) and "list" in wanted:
        return Text("put `- ` before its first line", "在它的第一行前面加 `- `")
    if isinstance(value, list) and wanted.startswith("a section"):
        return Text("remove the `- ` in front of its lines", "去掉各行前面的 `- `")
    return None


def _fix_text(value: str, raw: str | None, annotation: Any, words: list[str]) -> Text | None:
    unquoted = _plain(value)
    if raw is None and isinstance(unquoted, (bool, int, float)) and plain_fits(unquoted, annotation):
        return Text(f"remove the quotes: `{value}`", f"去掉引号：`{value}`")
    close = words[0] if len(choices(annotation)) == 1 else nearest(value, words)
    if close is not None:
        return _write(close)
    word = word_bool(value)
    if word is not None and plain_fits(word, annotation):
        return _write(str(word).lower())
    for tidy in _tidied(value):
        number = _plain(tidy)
        if isinstance(number, (int, float)) and plain_fits(number, annotation):
            return _UNDERSCORES if "_" in value else _write(tidy)
    return _fix_list(value, annotation)


def _fix_list(value: str, annotation: Any) -> Text | None:
    if any(_takes_text(get_args(a)[0], value) for a in alternatives(annotation) if get_origin(a) is list):
        return _write(f"[{scalar_text(value)}]")
    sides = re.fullmatch(r"(\d+) ?[x*×] ?(\d+)", value)
    return _write(f"[{sides[1]}, {sides[2]}]") if sides is not None and "list of 2" in expected(annotation).en else None


def _takes_text(annotation: Any, value: str) -> bool:
    return value in choices(annotation) or any(is_only(a, str) for a in alternatives(annotation))


def _tidied(value: str) -> Iterator[str]:
    """Yield what `1_000`, `1,5`, `1,000` and `1000 steps` may have meant."""
    counted = re.fullmatch(r"(\S*\d) +[A-Za-z]+", value)
    if counted is not None:
        yield counted[1]
    joined = re.sub(r"(?<=\d)[_ ](?=\d)", "", value)
    for tidy in (joined, joined.replace(",", ".", 1), joined.replace(",", "")):
        if tidy != value:
            yield tidy


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
