"""A tag looks misspelt.

## What it looks for

Rare tags, known to no list, that are one letter away from a known tag or from one that stands on many captions of the set.

## Why it matters

A misspelt tag teaches the word nobody will prompt, and the right tag is not taught on that picture. A misspelt trigger learns
nothing.

## How we tell

Known are our own list of tags and the `selected_tags.csv` of a tagger where one lies in the Hugging Face cache or in
`wd14_tagger_model`. One letter more, less, swapped or (in words of six letters and more) another; never the first, never a digit,
and never a word that is itself English or part of a tag. Rare is two captions or 2 % of them.

## What to change

Correct it: `lora-run dataset tags DIR replace WRONG RIGHT`.

## When it is wrong

Names and words of a language that the lists do not know.

## Sources

domain-rules T4; the limits are this project's own, kept narrow for the sake of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.spelling import Speller, is_known, known_tags
from orchestrator.diagnose.captions import NO_TAGS, counted, holding, with_tags
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

RARE, RARE_SHARE = 2, 0.02
"""A typo stands on few captions; what stands on more is meant."""
OFTEN = 5
"""How many times more captions the right spelling has, where only the set itself knows it."""

SAYS = Says("R105", "tag-typo")


def check(case: Case) -> Iterator[Finding]:
    """Look for rare unknown tags beside known ones."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if not captions:
        yield SAYS.not_applicable(NO_TAGS)
        return
    found = _typos(counted(captions), len(captions))
    if not found:
        yield SAYS.clear(Text("No tag looks misspelt.", "没有像是拼错的标签。"), confidence=Confidence.MEDIUM)
        return
    paths = holding(captions, found)
    shown = ", ".join(f"`{wrong}` ({right}?)" for wrong, right in list(found.items())[:3])
    where = names(paths)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(found), 'tag looks', 'tags look')} misspelt: {shown} in {where.en}.",
            f"{len(found)} 个标签像是拼错了：{shown}，见 {where.zh}。",
        ),
        why=Text("The right tag is not taught on that picture.", "这张图片没有教到正确的标签。"),
        evidence=[
            Evidence(Text(f"`{wrong}` may mean", f"`{wrong}` 可能是"), right, None, wrong)
            for wrong, right in found.items()
        ],
        fix=Fix(Text("Correct them.", "更正它们。")),
        paths=paths,
    )


def _typos(counts: Counter[str], total: int) -> dict[str, str]:
    """Return misspelt tag -> what is meant."""
    rare = max(RARE, RARE_SHARE * total)
    frequent = Speller(tag for tag, count in counts.items() if count > rare)
    found = {}
    for tag, count in sorted(counts.items()):
        if count > rare or is_known(tag):
            continue
        own = frequent.meant(tag)
        right = known_tags().meant(tag) or (own if own is not None and counts[own] >= OFTEN * count else None)
        if right is not None:
            found[tag] = right
    return found


RULE = Rule(SAYS.id, SAYS.name, "both", check)
