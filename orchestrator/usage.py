"""What is wrong with a command line, as a problem like any other: in both languages, and as JSON where that was asked for."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import click

from orchestrator.core.finding import Problem
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.core.text import Language

_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)", re.DOTALL)
"""Click has no exception of its own for these; their names stand in its message alone."""


def tell_usage(error: click.ClickException, form: str, language: Language) -> int:
    """Tell what click found wrong with the command line. Returns the exit code."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()  # nothing was asked for: the help itself
        return error.exit_code
    from orchestrator.report import tell

    return tell.problems([usage_problem(error)], form, language, error.exit_code)


def no_such_verb(word: str, verbs: Collection[str], ctx: click.Context) -> Problem:
    """Return the problem of a verb that is none."""
    near = difflib.get_close_matches(word, verbs, n=1)
    fix = Text(f"did you mean `{near[0]}`?", f"是不是指 `{near[0]}`？") if near else None
    if fix is None and ctx.parent is None:
        fix = Text("a recipe is a .yaml file; see lora-run --help", "配方是 .yaml 文件；见 lora-run --help")
    return Problem("no-such-verb", Text(f"no verb `{word}`", f"没有命令 `{word}`"), fix=fix or _see_help(ctx))


def usage_problem(error: click.ClickException) -> Problem:
    """Return what click found wrong with a command line, in words of ours where it is one of the common mistakes."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error)
    if isinstance(error, click.BadOptionUsage):
        return _option_and_value(error)
    if isinstance(error, click.MissingParameter):
        name = _name(error.param)
        return Problem("missing-argument", Text(f"`{name}` is missing", f"缺少 `{name}`"), fix=_see_help(ctx))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _wrong_value(error, error.param)
    extra = _EXTRA.search(error.message)
    if extra is not None:
        what = Text(f"too many arguments: `{extra[1]}`", f"多余的参数：`{extra[1]}`")
        return Problem("extra-argument", what, fix=_see_help(ctx))
    said = error.format_message()
    return Problem("wrong-usage", Text(said, f"命令行有误：{said}"), fix=_see_help(ctx))


def _no_such_option(error: click.NoSuchOption) -> Problem:
    name = error.option_name
    fix = _see_help(error.ctx)
    if error.possibilities:
        fix = Text(f"did you mean `{error.possibilities[0]}`?", f"是不是指 `{error.possibilities[0]}`？")
    return Problem("no-such-option", Text(f"no option `{name}`", f"没有选项 `{name}`"), fix=fix)


def _option_and_value(error: click.BadOptionUsage) -> Problem:
    name = error.option_name
    if "not take a value" in error.message:  # click's parser tells which of the two it is in its message alone
        what = Text(f"`{name}` takes no value", f"`{name}` 不带值")
        return Problem("wrong-argument", what, fix=Text(f"write `{name}` alone", f"只写 `{name}`"))
    what = Text(f"`{name}` needs a value", f"`{name}` 需要一个值")
    return Problem("missing-argument", what, fix=Text(f"write it behind `{name}`", f"写在 `{name}` 后面"))


def _wrong_value(error: click.BadParameter, param: click.Parameter) -> Problem:
    name, kind = _name(param), param.type
    if isinstance(kind, click.Choice):
        names = [f"`{choice}`" for choice in kind.choices]
        what = Text(f"`{name}` must be one of {', '.join(names)}", f"`{name}` 应为 {'、'.join(names)} 之一")
    elif isinstance(kind, click.IntRange):
        numbers = _numbers(kind)
        what = Text(f"`{name}` must be a whole number{numbers.en}", f"`{name}` 应为{numbers.zh}整数")
    elif isinstance(kind, click.FloatRange):
        numbers = _numbers(kind)
        what = Text(f"`{name}` must be a number{numbers.en}", f"`{name}` 应为{numbers.zh}数字")
    elif isinstance(kind, click.types.IntParamType):
        what = Text(f"`{name}` must be a whole number", f"`{name}` 应为整数")
    else:
        what = Text(f"`{name}`: {error.message}", f"`{name}` 的值有误：{error.message}")
    return Problem("wrong-argument", what, fix=_see_help(error.ctx))


def _numbers(kind: click.IntRange | click.FloatRange) -> Text:
    """Say which numbers are taken, as words behind the noun in English and before it in Chinese."""
    low, high = (None if end is None else short_number(end) for end in (kind.min, kind.max))
    if low is not None and high is not None and not kind.min_open and not kind.max_open:
        return Text(f" from {low} to {high}", f" {low} 到 {high} 的")
    words = []
    if low is not None:
        words.append(
            Text(f" above {low}", f"大于 {low} ") if kind.min_open else Text(f" of at least {low}", f"不小于 {low} ")
        )
    if high is not None:
        words.append(
            Text(f" below {high}", f"小于 {high} ") if kind.max_open else Text(f" of at most {high}", f"不大于 {high} ")
        )
    zh = "且".join(word.zh for word in words)
    return Text(" and".join(word.en for word in words), f"{zh}的" if zh else "")


def _name(param: click.Parameter | None) -> str:
    if param is None:
        return "?"
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name


def _see_help(ctx: click.Context | None) -> Text:
    words: list[str] = []
    while ctx is not None and ctx.parent is not None:
        words.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    command = " ".join(["lora-run", *words, "--help"])
    return Text(f"see `{command}`", f"见 `{command}`")
