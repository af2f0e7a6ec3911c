"""Problems as plain text, the way a good compiler tells them: what, where with a caret, why, fix."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from orchestrator.core.record import scrub

if TYPE_CHECKING:
    from orchestrator.core.finding import Location, Problem
    from orchestrator.core.text import Language

_WORDS = {"en": ("error", "why", "fix"), "zh": ("错误", "原因", "修改")}
_TAB_WIDTH = 4
_WINDOW = 110
"""Characters of a long line that are shown."""
_BEFORE = 60
"""Characters shown before the caret when the line's beginning is cut."""


def render_problem(problem: Problem, language: Language = "en") -> list[str]:
    """Return the lines of one problem. No line holds control characters, tokens or passwords."""
    error, why, fix = _WORDS[language]
    lines = [f"{error}[{problem.code}]: {_clean(problem.what.to(language))}"]
    margin = " "
    if problem.where is not None:
        margin = " " * len(str(problem.where.line))
        lines += render_place(problem.where)
    for word, text in ((why, problem.why), (fix, problem.fix)):
        if text is not None:
            lines.append(f"{margin} = {word}: {_clean(text.to(language))}")
    return lines


def column_width(text: str) -> int:
    """Return how many terminal columns `text` takes: East Asian wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(_character_width(character) for character in text)


def render_place(where: Location, indent: int = 0) -> list[str]:
    """Return the lines that show a place: its name, the user's own line, and a caret. Without a line only the name."""
    number = " " * indent + str(where.line)
    margin = " " * len(number)
    lines = [f"{margin}--> {_clean(str(where))}"]
    if where.source.strip():
        before, marked, after, is_cut = _window(where)
        shown = ("..." if is_cut else "") + before
        caret = " " * column_width(shown) + "^" * max(1, column_width(marked))
        lines += [f"{number} | {shown}{marked}{after}".rstrip(), f"{margin} | {caret}"]
    return lines


def _window(where: Location) -> tuple[str, str, str, bool]:
    """Return what stands before, under and after the caret, and whether the beginning was cut off."""
    start = where.column - 1
    stop = min(start + where.length, start + _WINDOW - _BEFORE)
    cut = start - _BEFORE if len(where.source) > _WINDOW and start > _BEFORE else 0
    source = _clean(where.source, keep_length=True)
    parts = source[cut:start], source[start:stop], source[stop : cut + _WINDOW]
    before, marked, after = (part.replace("\t", " " * _TAB_WIDTH) for part in parts)
    return before, marked, after, cut > 0


def _clean(text: str, *, keep_length: bool = False) -> str:
    """Replace what could steer a terminal or give a secret away. With `keep_length` columns stay where they are."""
    scrubbed = scrub(text)
    if keep_length and len(scrubbed) != len(text):
        scrubbed = _masked(text, scrubbed)
    return "".join(
        c if c == "\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} else "\ufffd" for c in scrubbed
    )


def _masked(text: str, scrubbed: str) -> str:
    """Return `text` with stars where `scrubbed` left something out, so that the caret still fits."""
    head = 0
    while head < len(scrubbed) and text[head] == scrubbed[head]:
        head += 1
    tail = 0
    while tail < len(scrubbed) - head and text[-1 - tail] == scrubbed[-1 - tail]:
        tail += 1
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
