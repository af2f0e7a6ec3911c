"""The page of each rule: the docstring of its file in English, `report/text/zh/<name>.md` in Chinese."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Language, Text
from orchestrator.diagnose.forms import FORM_CHECKS
from orchestrator.diagnose.rule import FormCheck, Rule
from orchestrator.diagnose.rules import all_rules
from orchestrator.recipe.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADINGS = (
    "What it looks for",
    "Why it matters",
    "How we tell",
    "What to change",
    "When it is wrong",
    "Sources",
)
CHINESE_HEADINGS = ("检查什么", "为什么重要", "如何判断", "如何修改", "何时会误判", "依据")
CHINESE_PAGES = Path(__file__).parent.parent / "report" / "text" / "zh"

_BACKTICKED = re.compile(r"`([^`\n]+)`")
_KEY = re.compile(r"([a-z_0-9]+(?:\.[a-z_0-9]+)+)(?::.*)?")


def all_pages() -> tuple[Rule | FormCheck, ...]:
    """Return everything that has a page, by id."""
    return tuple(sorted((*FORM_CHECKS, *all_rules()), key=lambda rule: rule.id))


def find_rule(id_or_name: str) -> Rule | FormCheck:
    """Return the rule with this id (any case) or name. Raises InputError with the nearest names for an unknown one."""
    wanted = id_or_name.strip().lower()
    for rule in all_pages():
        if wanted in {rule.id.lower(), rule.name}:
            return rule
    raise InputError([unknown_rule(id_or_name)])


def unknown_rule(id_or_name: str) -> Problem:
    """Return the problem that there is no such rule, with the nearest name."""
    near = get_close_matches(id_or_name.lower(), [n for rule in all_pages() for n in (rule.name, rule.id.lower())], n=1)
    fix = Text(f"write `{near[0]}`", f"写成 `{near[0]}`") if near else None
    return Problem(
        "unknown-rule",
        Text(f"there is no rule `{id_or_name}`", f"没有规则 `{id_or_name}`"),
        Text("rules are named by id (R030) or name (nan-loss)", "规则用编号（R030）或名称（nan-loss）指定"),
        fix or Text("`lora-run explain` lists all rules", "`lora-run explain` 列出所有规则"),
    )


def explain(id_or_name: str, language: Language = "en") -> str:
    """Return a rule's page as Markdown. Raises InputError for an unknown rule."""
    rule = find_rule(id_or_name)
    if language == "zh":
        body = chinese_page(rule)
        if body is not None:
            return body
    return f"# {rule.id} {rule.name}\n\n{english_page(rule)}\n"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of rules."""

    id: str
    name: str
    phase: Text
    """When it looks."""
    maturity: Text
    title: Text
    """What it is about, in one line."""


def listed_rules() -> tuple[Listed, ...]:
    """Return one line for everything that has a page, by id."""
    return tuple(Listed(r.id, r.name, _phase(r), _maturity(r), Text(title(r), _chinese_title(r))) for r in all_pages())


def title(rule: Rule | FormCheck) -> str:
    """Return the one line that says what the rule is about."""
    return english_page(rule).split("\n", 1)[0]


def english_page(rule: Rule | FormCheck) -> str:
    """Return the docstring of the rule's file."""
    return cleandoc(import_module(rule.module).__doc__ or "")


def chinese_page(rule: Rule | FormCheck) -> str | None:
    """Return the Chinese page without its first line, None where there is none."""
    path = CHINESE_PAGES / f"{rule.name}.md"
    return path.read_text(encoding="utf-8").split("\n", 1)[1].lstrip("\n") if path.is_file() else None


def source_mark(rule: Rule | FormCheck) -> str:
    """Return the first line a Chinese page must carry: a hash of the English page it was translated from."""
    return f"<!-- source: {hashlib.sha256(english_page(rule).encode()).hexdigest()[:12]} -->"


def stale_pages() -> list[str]:
    """Return the names of rules whose Chinese page is missing, was made from another English page, or lacks a heading."""
    stale = []
    for rule in all_pages():
        path = CHINESE_PAGES / f"{rule.name}.md"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        has_headings = all(f"\n## {heading}\n" in text for heading in CHINESE_HEADINGS)
        if text.split("\n", 1)[0] != source_mark(rule) or not has_headings:
            stale.append(rule.name)
    return stale


def rule_pages() -> dict[str, str]:
    """Return the generated documentation: path relative to the project -> Markdown."""
    rows = [f"| [{r.id}]({r.name}.md) | [{r.name}]({r.name}.md) | {_phase(r).en} | {title(r)} |" for r in all_pages()]
    index = [
        "# Rules",
        "",
        f"{len(rows)} pages, made from the rules' own files by `make docs`. On the command line: `lora-run explain <id or name>`.",
        "",
        "| id | name | looked at | what it is about |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    pages = {f"docs/rules/{rule.name}.md": explain(rule.id) for rule in all_pages()}
    return {"docs/rules/index.md": "\n".join(index), **pages}


def _phase(rule: Rule | FormCheck) -> Text:
    return _PHASES["form" if isinstance(rule, FormCheck) else rule.phase]


def _maturity(rule: Rule | FormCheck) -> Text:
    """A mistake of form is a fact about the recipe: there is nothing to try out."""
    is_stable = isinstance(rule, FormCheck) or rule.maturity == "stable"
    return Text("stable", "稳定") if is_stable else Text("preview", "试行")


def _chinese_title(rule: Rule | FormCheck) -> str:
    page = chinese_page(rule) or f"# {rule.id}\n\n{title(rule)}"
    return next(line for line in page.splitlines() if line and not line.startswith("#"))


_PHASES = {
    "form": Text("while reading", "读取时"),
    "before": Text("before the run", "训练前"),
    "after": Text("after the run", "训练后"),
    "both": Text("before and after", "训练前后"),
}


def unknown_keys_in_pages() -> list[str]:
    """Return `<rule>: <key>` for each dotted recipe key in a page, of either language, that the recipe does not have."""
    known = set(_keys_of(Recipe))
    sections = {key.split(".", 1)[0] for key in known if "." in key}
    unknown = []
    for rule in all_pages():
        for text in (english_page(rule), chinese_page(rule) or ""):
            unknown += [
                f"{rule.name}: {key}" for key in _dotted(text) if key.split(".")[0] in sections and key not in known
            ]
    return unknown


def _dotted(page: str) -> Iterator[str]:
    for quoted in _BACKTICKED.findall(page):
        match = _KEY.fullmatch(quoted)
        if match is not None:
            yield match.group(1)


def _keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        yield key
        for inner in _models_in(info.annotation):
            yield from _keys_of(inner, f"{key}.")


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
