"""What can be wrong with YAML text, in the user's words."""

from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Location, Problem
from orchestrator.core.text import Text


def refused(where: Location, code: str, en: str, zh: str) -> Problem:
    """Something of YAML that recipes do without."""
    return Problem(
        code,
        Text(f"{en} is not read here", f"这里不接受{zh}"),
        Text(
            "one value could then change others far away, or grow without end", "它会让一处的值影响别处，甚至无限膨胀"
        ),
        Text(
            "write the value out; to build on another recipe use `extends:`; put text with such a sign in quotes",
            "直接写出值；要在另一个配方上修改请用 `extends:`；以这类符号开头的文本要加引号",
        ),
        where,
    )


def duplicate_key(where: Location, key: str, first_line: int) -> Problem:
    """A key that stands twice in one mapping."""
    line = where.line
    return Problem(
        "duplicate-key",
        Text(
            f"`{key}` is written twice: in line {first_line} and in line {line}",
            f"`{key}` 写了两次：第 {first_line} 行和第 {line} 行",
        ),
        Text("only one of the two could count, and nobody sees which", "两者只能有一个生效，而且看不出是哪个"),
        Text("delete one of them", "删去其中一个"),
        where,
    )


def no_key(where: Location) -> Problem:
    """A mapping key that is no text."""
    return Problem(
        "no-key",
        Text("a key must be a word", "键必须是一个词"),
        fix=Text("write `key: value`", "写成 `键: 值`"),
        where=where,
    )


def number_out_of_range(where: Location, text: str) -> Problem:
    """An infinite, undefined, too large or too small number."""
    shown = text if len(text) <= 24 else f"{text[:20]}..."
    return Problem(
        "number-out-of-range",
        Text(f"`{shown}` is no number that can be trained with", f"`{shown}` 不是可用于训练的数"),
        Text("infinite, not a number, or beyond what 64 bits hold", "它是无穷、非数，或超出 64 位的范围"),
        Text("write an ordinary number, or put it in quotes if it is text", "写一个普通的数；如果是文本，请加引号"),
        where,
    )


def second_document(where: Location) -> Problem:
    """A second `---`."""
    return Problem(
        "second-document",
        Text("a second document begins here", "这里开始了第二个文档"),
        Text("one recipe file trains one LoRA", "一个配方文件只训练一个 LoRA"),
        Text("write it into a file of its own and delete the `---` here", "把它写到另一个文件，并删去这里的 `---`"),
        where,
    )


def no_mapping(where: Location, data: Any) -> Problem:
    """A top level that is empty, a list or a value."""
    what = (
        Text("the file is empty", "文件是空的")
        if data is None
        else Text("the file holds no `key: value` lines", "文件里没有 `键: 值`")
    )
    return Problem(
        "not-a-recipe", what, fix=Text("begin with `recipe_version: 1`", "以 `recipe_version: 1` 开头"), where=where
    )


def too_large(file: str) -> Problem:
    """More bytes than a recipe ever has."""
    return Problem(
        "too-large",
        Text(f"`{file}` is larger than 1 MiB", f"`{file}` 超过 1 MiB"),
        fix=Text("a recipe has some kilobytes: is this the right file?", "配方只有几 KB：文件选对了吗？"),
    )


def binary_file(file: str) -> Problem:
    """A picture, a model or another file that holds no text."""
    return Problem(
        "not-a-recipe",
        Text(f"`{file}` is no recipe: it holds no text", f"`{file}` 不是配方：它不是文本文件"),
        fix=Text(
            "name a recipe, a YAML file that begins with `recipe_version: 1`",
            "请指定配方：以 `recipe_version: 1` 开头的 YAML 文件",
        ),
    )


def too_deep(where: Location) -> Problem:
    """More levels than a recipe ever has."""
    return Problem(
        "too-deep",
        Text("more than 32 levels inside one another", "嵌套超过 32 层"),
        fix=Text("a recipe needs four", "配方只需四层"),
        where=where,
    )


def too_many(where: Location) -> Problem:
    """More values than a recipe ever has."""
    return Problem(
        "too-large",
        Text("more than 10,000 keys and values", "键和值超过 10,000 个"),
        fix=Text("is this the right file?", "文件选对了吗？"),
        where=where,
    )


def byte_order_mark(where: Location, encoding: str) -> Problem:
    """A file that begins with a byte order mark."""
    en = "the file is UTF-16" if encoding == "UTF-16" else "the file begins with an invisible byte order mark (BOM)"
    zh = "文件是 UTF-16 编码" if encoding == "UTF-16" else "文件开头有看不见的字节顺序标记（BOM）"
    return Problem(
        "encoding", Text(en, zh), fix=Text("save it as UTF-8 without BOM", "另存为“UTF-8（无 BOM）”"), where=where
    )


def not_utf8(where: Location, byte: int) -> Problem:
    """Bytes that are no UTF-8."""
    return Problem(
        "encoding",
        Text(f"the byte 0x{byte:02x} here is no UTF-8", f"这里的字节 0x{byte:02x} 不是 UTF-8"),
        fix=Text("save the file as UTF-8", "把文件另存为 UTF-8"),
        where=where,
    )


def control_character(where: Location, code: int) -> Problem:
    """An invisible character."""
    return Problem(
        "control-character",
        Text(f"an invisible control character (U+{code:04X}) stands here", f"这里有看不见的控制字符（U+{code:04X}）"),
        fix=Text(
            "delete it: go to the column, it takes no space on the screen", "删去它：光标移到该列，它在屏幕上不占位置"
        ),
        where=where,
    )
