"""What can be wrong with YAML text, in the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Location, Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml

_QUOTE = Text("put the text in quotes: `'...'`", "给文本加上引号：`'...'`")
_INDENT = Text(
    "give all keys of one section the same number of spaces in front",
    "同一段里的键，前面的空格数要相同",
)

# Words of PyYAML's messages -> code, what, fix. The first that fits is taken, so the narrow ones stand first.
_SYNTAX: tuple[tuple[str, str, Text, Text | None], ...] = (
    (
        "found character '\\t'",
        "tab",
        Text("a tab stands where YAML wants spaces", "这里是制表符（Tab），YAML 只能用空格"),
        Text("replace the tab with spaces", "把制表符换成空格"),
    ),
    (
        "that cannot start any token",
        "yaml-syntax",
        Text("unquoted text cannot begin with this character", "不加引号的文本不能以这个字符开头"),
        _QUOTE,
    ),
    (
        "undefined tag handle",
        "tag",
        Text("a type tag (`!...`) is not read here", "这里不接受类型标签（`!...`）"),
        Text(
            "write the value without the tag; put text that begins with `!` in quotes",
            "去掉标签；以 `!` 开头的文本要加引号",
        ),
    ),
    (
        "mapping values are not allowed",
        "yaml-syntax",
        Text("this `:` does not belong here", "这里的 `:` 位置不对"),
        Text(
            "put text that contains `: ` in quotes, or check the spaces in front of the line",
            "含有 `: ` 的文本要加引号；或检查行首的空格",
        ),
    ),
    (
        "could not find expected ':'",
        "yaml-syntax",
        Text("this line is no `key: value`", "这一行不是 `键: 值` 的形式"),
        Text("write `key: value`, with a space after the colon", "写成 `键: 值`，冒号后要有空格"),
    ),
    (
        "unclosed '[' or '{'",
        "yaml-syntax",
        Text("a `[` or `{` before this place is not closed", "前面的 `[` 或 `{` 没有闭合"),
        Text("close it with `]` or `}`", "用 `]` 或 `}` 闭合"),
    ),
    (
        "expected ',' or ']'",
        "yaml-syntax",
        Text("the list `[...]` is not continued or closed here", "列表 `[...]` 在此处没有继续或闭合"),
        Text("separate entries with `,` and close with `]`", "各项用 `,` 分隔，最后用 `]` 闭合"),
    ),
    (
        "expected ',' or '}'",
        "yaml-syntax",
        Text("the table `{...}` is not continued or closed here", "表 `{...}` 在此处没有继续或闭合"),
        Text("separate entries with `,` and close with `}`", "各项用 `,` 分隔，最后用 `}` 闭合"),
    ),
    (
        "unknown escape character",
        "yaml-syntax",
        Text(
            "a backslash in double quotes begins a code, and this is none",
            "双引号里的反斜杠是转义符，而这里不是合法的转义",
        ),
        Text("use single quotes for Windows paths: `'C:\\pictures'`", "Windows 路径请用单引号：`'C:\\pictures'`"),
    ),
    (
        "expected escape sequence",
        "yaml-syntax",
        Text(
            "a backslash in double quotes begins a code, and this one is not complete",
            "双引号里的反斜杠是转义符，而这个转义不完整",
        ),
        Text("use single quotes for Windows paths: `'C:\\users'`", "Windows 路径请用单引号：`'C:\\users'`"),
    ),
    (
        "sequence entries are not allowed",
        "yaml-syntax",
        Text("a list entry `- ` cannot stand here", "列表项 `- ` 不能写在这里"),
        Text("begin the list on a line of its own below the key", "把列表写在键下面的新行里"),
    ),
    (
        "expected <block end>",
        "yaml-syntax",
        Text("this line fits no section by the spaces in front of it", "这一行行首的空格与任何一段都对不上"),
        _INDENT,
    ),
    (
        "while scanning a directive",
        "directive",
        Text("a line that begins with `%` is not read here", "这里不接受以 `%` 开头的行"),
        Text("put text that begins with `%` in quotes", "以 `%` 开头的文本要加引号"),
    ),
    (
        "YAML document (version",
        "directive",
        Text("a line that begins with `%` is not read here", "这里不接受以 `%` 开头的行"),
        Text("delete the line", "删去这一行"),
    ),
    (
        "block scalar",
        "yaml-syntax",
        Text("a text block `|` or `>` is not written correctly", "文本块 `|` 或 `>` 写得不对"),
        _QUOTE,
    ),
    (
        "document start",
        "yaml-syntax",
        Text("text follows after the end of the recipe", "配方结束之后还有内容"),
        _INDENT,
    ),
)


def syntax(error: yaml.MarkedYAMLError, here: Callable[[yaml.Mark], Location]) -> Problem:
    """Return the user's words for an error of PyYAML's scanner or parser."""
    words = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    if "could not find expected ':'" in words:  # the mark of the problem lies where the next line was read
        mark = error.context_mark or mark
    where = here(mark) if mark is not None else None
    if (
        "quoted scalar" in words
        and ("end of stream" in words or "document separator" in words)
        and error.context_mark is not None
    ):
        what = Text("the quotation mark that opens here is never closed", "这里的引号没有闭合")
        return Problem(
            "yaml-syntax",
            what,
            fix=Text("close it on the same line", "在同一行闭合引号"),
            where=here(error.context_mark),
        )
    for part, code, what, fix in _SYNTAX:
        if part in words:
            return Problem(code, what, fix=fix, where=where)
    told = (error.problem or error.context or "").strip()
    return Problem(
        "yaml-syntax", Text(f"this is no valid YAML: {told}", f"YAML 语法错误：{told}"), fix=_QUOTE, where=where
    )


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
