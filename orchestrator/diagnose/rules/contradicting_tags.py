"""A caption says two things that exclude each other.

## What it looks for

Captions with tags such as `long hair` and `short hair`, `day` and `night`, `indoors` and `outdoors`, `standing` and `sitting`,
`from behind` and `looking at viewer` without `looking back`.

## Why it matters

One of the two is wrong, mostly from a tagger, and is taught on a picture that does not show it.

## How we tell

A small list of pairs that exclude each other, each with the tags that make both possible (a window, a mirror, several views).
With several people in the picture only what is about the whole picture is compared.

## What to change

Look at the picture and remove the wrong one.

## When it is wrong

Unusual pictures: a stage set, a collage, a reflection that is not tagged.

## Sources

domain-rules T4; the pairs are this project's own and are kept few.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import contradictions, written
from orchestrator.diagnose.captions import NO_TAGS, with_tags
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R104", "contradicting-tags")


def check(case: Case) -> Iterator[Finding]:
    """Look for pairs that exclude each other."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if not captions:
        yield SAYS.not_applicable(NO_TAGS)
        return
    found = {one: pairs for one in captions if (pairs := contradictions([written(tag) for tag in one.text.tags]))}
    if not found:
        yield SAYS.clear(Text("No caption contradicts itself.", "没有自相矛盾的标注。"))
        return
    shown = names([one.path for one in found])
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(found), 'caption holds', 'captions hold')} tags that exclude each other: {shown.en}.",
            f"{len(found)} 个标注自相矛盾：{shown.zh}。",
        ),
        why=Text(
            "One of the two tags is taught on a picture that does not show it.", "其中一个标签与画面不符，却会被学习。"
        ),
        evidence=[
            Evidence(Text(f"captions with `{one}` and `{other}`", f"同时含 `{one}` 与 `{other}` 的标注"), count, 0)
            for (one, other), count in Counter(pair for pairs in found.values() for pair in pairs).most_common()
        ],
        fix=Fix(Text("Look at the picture and remove the wrong tag.", "看图，删去错误的标签。")),
        paths=[one.path for one in found],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
