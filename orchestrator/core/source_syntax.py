"""What PyYAML's scanner and parser stumble over, in the user's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Location, Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import yaml

_QUOTE = Text("put the text in quotes: `'...'`", "给文本加上引号：`'...'`")
_SAME_SPACES = Text(
    "put text that contains `: ` in quotes, or give this line and the one above it the right spaces in front",
    "含有 `: ` 的文本要加引号；或检查这一行和上一行行首的空格",
)
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
        _SAME_SPACES,
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
        Text(
            "every line is `key: value` or belongs to one; delete what is neither, and lines of `...` or `[name]`",
            "每一行都是 `键: 值` 或属于某个键；请删去其他内容，以及 `...`、`[名称]` 这样的行",
        ),
    ),
    (
        "while scanning an a",  # alias or anchor
        "yaml-syntax",
        Text("unquoted text cannot begin with `*` or `&`", "不加引号的文本不能以 `*` 或 `&` 开头"),
        Text(
            "put the text in quotes: `'...'`; a list entry begins with `- `",
            "给文本加上引号：`'...'`；列表项以 `- ` 开头",
        ),
    ),
    (
        "expected the node content",
        "yaml-syntax",
        Text("a value or a closing bracket is missing here", "这里缺少值或右括号"),
        Text("close every `[` with `]` and every `{` with `}`", "每个 `[` 都要用 `]` 闭合，每个 `{` 都要用 `}` 闭合"),
    ),
)


def syntax_problem(error: yaml.MarkedYAMLError, here: Callable[[yaml.Mark], Location]) -> Problem:
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
    if "expected <block end>" in words and where is not None and where.source[: where.column - 1].strip():
        return _behind_quote(where)
    for part, code, what, fix in _SYNTAX:
        if part in words:
            return Problem(code, what, fix=fix, where=where)
    told = (error.problem or error.context or "").strip()
    return Problem(
        "yaml-syntax", Text(f"this is no valid YAML: {told}", f"YAML 语法错误：{told}"), fix=_QUOTE, where=where
    )


def _behind_quote(where: Location) -> Problem:
    """Text behind a closing quotation mark or bracket: what opens a value closes it too."""
    return Problem(
        "yaml-syntax",
        Text("the value ended before this place, and more text follows", "值在此之前已经结束，后面却还有内容"),
        fix=Text(
            "put the whole text in quotes; inside `'...'` write `'` twice: `'it''s'`",
            "给整段文本加引号；在 `'...'` 里面 `'` 要写两次：`'it''s'`",
        ),
        where=where,
    )


# Signs of other keyboards that look like YAML's own: pattern, what, fix. The first group is what is underlined.
_FOREIGN: tuple[tuple[re.Pattern[str], Text, Text], ...] = (
    (
        re.compile(r"[ \t]*([\u3000\u00a0]+)"),
        Text("a full-width or no-break space stands in front of the line", "行首有全角空格或不换行空格"),
        Text("replace it with ordinary spaces", "换成普通（半角）空格"),
    ),
    (
        re.compile(r"\s*(?:- +)?[\w-]+(：)"),
        Text("the full-width colon `：` is no colon to YAML", "YAML 不认全角冒号 `：`"),
        Text("write `: `, a half-width colon and a space", "请写半角冒号加空格 `: `"),
    ),
    (
        re.compile(r"\s*(?:- +)?[\w-]+:([\u3000\u00a0]+)"),
        Text("a full-width or no-break space follows the colon", "冒号后面是全角空格或不换行空格"),
        Text("write an ordinary space after the colon", "冒号后面请写普通（半角）空格"),
    ),
    (
        re.compile(r"\s*([－—–•·*])\s*[\w-]+:"),
        Text("a list entry does not begin with this sign", "列表项不以这个符号开头"),
        Text("begin it with `- `, a hyphen and a space", "请以 `- `（半角连字符加空格）开头"),
    ),
    (
        re.compile(r"\s*(-)[\w]+:"),
        Text("a list entry needs a space after its `-`", "列表项的 `-` 后面要有空格"),
        Text("write `- `, a hyphen and a space", "请写 `- `（连字符加空格）"),
    ),
)


def foreign_sign(lines: Sequence[str], number: int, at: Callable[[int, int, int], Location]) -> Problem | None:
    """Return the problem of a sign that only looks like YAML's, in line `number` (from 1) or the one above it.

    `at` makes a place of line, column and length. Reading stumbles in the line below such a sign.
    """
    for line in (number, number - 1):
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        for pattern, what, fix in _FOREIGN:
            if (match := pattern.match(source)) is not None:
                return Problem("yaml-syntax", what, fix=fix, where=at(line, match.start(1) + 1, len(match[1])))
    return None
