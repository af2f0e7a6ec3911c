"""One tag is written in several ways.

## What it looks for

Tags that stand in the set in more than one spelling: `long_hair` and `long hair`, `fullbody` and `full body`, `gray` and `grey`;
and, only mentioned, under several names: `outdoor` and `outdoors`, `smiling` and `smile`.

## Why it matters

To the text encoder they are different words: each is taught on a part of the pictures only, and shares and pruning see two tags.

## How we tell

Blanks, hyphens, underscores and grey/gray, colour/color make spellings of one tag; other names of a tag come from our own list.
The spelling with at least twice the captions of the next is taken for the right one; where none leads, all are named.

## What to change

Keep one: `lora-run dataset tags DIR replace OLD NEW`.

## When it is wrong

Tags that differ in a blank only and mean different things.

## Sources

domain-rules T6; the list of other names is this project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.spelling import Spelled, spellings
from orchestrator.diagnose.captions import NO_TAGS, with_tags
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_SHOWN = 20
"""Tags listed as evidence; the count says the rest."""

SAYS = Says("R115", "mixed-spelling")


def check(case: Case) -> Iterator[Finding]:
    """Group what is the same tag."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if not captions:
        yield SAYS.not_applicable(NO_TAGS)
        return
    groups = spellings([one.text.pieces for one in captions])
    paths = [one.path for one in captions]
    spelt = [group for group in groups if not group.is_other_name]
    named = [group for group in groups if group.is_other_name]
    if spelt:
        yield _fired(Severity.WATCH, spelt, [paths[i] for i in sorted({i for g in spelt for i in g.odd_captions})])
    if named:
        yield _fired(Severity.INFO, named, [paths[i] for i in sorted({i for g in named for i in g.odd_captions})])
    if not groups:
        yield SAYS.clear(Text("Every tag is written in one way.", "每个标签只有一种写法。"))


def _fired(severity: Severity, groups: list[Spelled], paths: list[Path]) -> Finding:
    shown = names(paths)
    ways = "; ".join(" / ".join(group.counts) for group in groups[:3])
    return SAYS.fired(
        severity,
        Confidence.HIGH if severity is Severity.WATCH else Confidence.MEDIUM,
        Text(
            f"{plural(len(groups), 'tag is', 'tags are')} written in several ways ({ways}): {shown.en}.",
            f"有 {len(groups)} 个标签写法不一（{ways}）：{shown.zh}。",
        ),
        why=Text("To the text encoder they are different words.", "对文本编码器来说它们是不同的词。"),
        evidence=[
            Evidence(
                Text("spellings and their captions", "各写法及其标注数"),
                ", ".join(f"{spelling} {count}" for spelling, count in group.counts.items()),
                None,
                group.tag,
            )
            for group in groups[:MOST_SHOWN]
        ],
        fix=Fix(Text("Keep one of them.", "只保留一种。")),
        paths=paths,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
