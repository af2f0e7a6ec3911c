"""A picture of an edit pair has no other half.

## What it looks for

Sets whose folders or file names say before and after (`source` and `target`, `_before` and `_after` ...): pictures without
their other half.

## Why it matters

An edit is learned from both; a half alone teaches nothing or stops the trainer.

## How we tell

Names: folders or ends of file names that say which half a picture is. Sets in which fewer than half of the pictures are in
whole pairs count as single pictures.

## What to change

Add the missing half under the same name, or remove the other.

## When it is wrong

Single pictures whose names happen to end in such a word.

## Sources

domain-rules on edit pairs; the words are this project's own list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator


SAYS = Says("R128", "pair-half-missing")
NO_PAIRS = Text("The pictures are not in pairs.", "图片不成对。")


def check(case: Case) -> Iterator[Finding]:
    """Look for pairs with one half."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if not case.dataset.pairs:
        yield SAYS.not_applicable(NO_PAIRS)
        return
    alone = [pair for pair in case.dataset.pairs if not pair.is_whole]
    if not alone:
        yield SAYS.clear(Text("Every pair has both halves.", "每一对都完整。"))
        return
    paths = [path for pair in alone for path in (pair.before, pair.after) if path is not None]
    shown = names(paths)
    yield SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(len(alone), 'picture lacks its', 'pictures lack their')} other half: {shown.en}.",
            f"{len(alone)} 张图片缺少另一半：{shown.zh}。",
        ),
        why=Text("An edit is learned from both halves.", "编辑要从两半中学习。"),
        evidence=[Evidence(Text("halves alone", "单独的一半"), len(alone), 0, "data set", "pictures")],
        fix=Fix(Text("Add the missing halves, or remove the others.", "补上缺少的一半，或移走另一半。")),
        paths=paths,
    )


RULE = Rule(SAYS.id, SAYS.name, "before", check)
