"""The page of a rule inside a report: its Markdown as escaped HTML, without links to anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from orchestrator.core.errors import InputError
from orchestrator.diagnose.pages import explain

if TYPE_CHECKING:
    from orchestrator.core.text import Language

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def rule_page(name: str, language: Language) -> Markup | None:
    """Return the page of the rule with this name or id; None for a finding that has none, such as a backend's."""
    try:
        text = explain(name, language)
    except InputError:
        return None
    return to_html(text.split("\n", 1)[1] if text.startswith("# ") else text)


def to_html(text: str) -> Markup:
    """Return Markdown of headings, paragraphs, lists and code as HTML; headings become level 4, everything else is escaped text."""
    parts: list[Markup] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.strip("\n").split("\n")
        if lines[0].startswith("```"):
            parts.append(
                Markup("<pre>{}</pre>").format("\n".join(line for line in lines if not line.startswith("```")))
            )
        elif lines[0].startswith("#"):
            parts.append(Markup("<h4>{}</h4>").format(lines[0].lstrip("# ")))
            parts += [_paragraph(lines[1:])] if lines[1:] else []
        elif lines[0].lstrip().startswith(("- ", "* ")):
            parts.append(_list(lines))
        else:
            parts.append(_paragraph(lines))
    return Markup().join(parts)


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(_inline(" ".join(line.strip() for line in lines)))


def _list(lines: list[str]) -> Markup:
    items: list[str] = []
    for line in lines:
        if line.lstrip().startswith(("- ", "* ")) or not items:
            items.append(line.lstrip()[2:])
        else:
            items[-1] += " " + line.strip()
    return Markup("<ul>{}</ul>").format(Markup().join(Markup("<li>{}</li>").format(_inline(item)) for item in items))


def _inline(text: str) -> Markup:
    """Set what stands between backticks as code; a link keeps its words."""
    parts = _LINK.sub(r"\1", text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if index % 2 else escape(part) for index, part in enumerate(parts))
