"""A caption holds left-over signs.

## What it looks for

Empty tags from stray commas; brackets that are not closed; weights such as `(dress:1.2)`; pieces of prompts such as `<lora:x:1>`,
`BREAK` or a web address.

## Why it matters

The trainer reads them literally. A weight teaches the digits, a bracket makes another tag of the same word, and what belongs to a
prompt does nothing in a caption.

## How we tell

The pieces between commas. In lists of tags each piece must close its own brackets, in sentences the whole caption; faces such as
`:(` are left alone. Weights are right where `weighted_captions` is on. Empty tags alone are only mentioned.

## What to change

Clean the captions; write brackets that belong to a tag as they are: `lily (flower)`.

## When it is wrong

Captions with a notation of their own that a patched trainer understands.

## Sources

sd-scripts 48d368fa, `train_util.py` (`process_caption`: no cleaning; `weighted_captions`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import vocabulary
from orchestrator.diagnose.captions import NO_CAPTIONS, Captioned, captioned
from orchestrator.diagnose.facts import NO_DATASET, names, setting
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_SHOWN = 20
"""Captions listed as evidence; the count says the rest."""
_WEIGHT = re.compile(r":\s*\d*\.\d+\s*[)\]]")
_PROMPT = re.compile(r"<(?:lora|lyco|hypernet|embedding):|https?://|(?:^|[,\s])BREAK(?:[,\s]|$)")
_FACE = re.compile(r"[:;>=][-']?[()\[\]]")
_EMPTY = Text("empty tags", "空标签")
_BRACKET = Text("a bracket that is not closed", "没有闭合的括号")

SAYS = Says("R114", "caption-junk")


def check(case: Case) -> Iterator[Finding]:
    """Look for empty tags, open brackets, weights and pieces of prompts."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = captioned(case)
    if not captions:
        yield SAYS.not_applicable(NO_CAPTIONS)
        return
    is_weighted = bool(setting(case, "weighted_captions"))
    found = {one.path: what for one in captions if (what := _junk(one, is_weighted=is_weighted)) is not None}
    for severity in (Severity.WATCH, Severity.INFO):
        some = {path: what for path, what in found.items() if (what is _EMPTY) == (severity is Severity.INFO)}
        if some:
            yield _fired(severity, some)
    if not found:
        yield SAYS.clear(Text("No caption holds left-over signs.", "没有标注含残留符号。"))


def _junk(one: Captioned, *, is_weighted: bool) -> Text | None:
    """Return the worst of what is left over in a caption."""
    caption = one.text.caption
    prompt, weight = _PROMPT.search(caption), _WEIGHT.search(caption)
    if prompt is not None or (weight is not None and not is_weighted):
        return Text("a piece of a prompt", "提示词残片") if prompt is not None else Text("a weight", "权重")
    if any(sign in caption for sign in "()[]{}"):
        parts = one.text.pieces if one.text.style == "tags" and not is_weighted else (caption,)
        if any(_is_open(part) for part in parts):
            return _BRACKET
    return _EMPTY if any(not piece for piece in one.text.pieces) else None


def _is_open(part: str) -> bool:
    if part in vocabulary().categories:
        return False
    plain = _FACE.sub("", part)
    return any(plain.count(left) != plain.count(right) for left, right in ("()", "[]", "{}"))


def _fired(severity: Severity, found: Mapping[Path, Text]) -> Finding:
    shown = names(list(found))
    return SAYS.fired(
        severity,
        Confidence.HIGH,
        Text(
            f"{plural(len(found), 'caption holds', 'captions hold')} left-over signs: {shown.en}.",
            f"{len(found)} 个标注含残留符号：{shown.zh}。",
        ),
        why=Text("The trainer reads them literally.", "训练器按字面读取。"),
        evidence=[Evidence(what, path.name) for path, what in list(found.items())[:MOST_SHOWN]],
        fix=Fix(Text("Clean these captions.", "清理这些标注。")),
        paths=found,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
