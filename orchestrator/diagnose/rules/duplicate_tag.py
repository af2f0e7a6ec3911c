"""A caption holds a tag twice.

## What it looks for

Captions of tags in which one tag stands more than once; underscores, case and weights make no difference.

## Why it matters

A repeated tag is read twice and takes the place of others. Mostly it is left over from merging two taggers, and the caption holds
more mistakes.

## How we tell

Tags are compared after lower-casing, with blanks for underscores, without weights and escapes.

## What to change

Remove the second one.

## When it is wrong

A tag that is repeated to give it weight, which trainers do not promise.

## Sources

domain-rules T4, T6; sd-scripts 48d368fa, `train_util.py` (`process_caption` drops no repeats).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.captions import NO_TAGS, Captioned, tag_list, with_tags
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R101", "duplicate-tag")


def check(case: Case) -> Iterator[Finding]:
    """Look for tags that stand twice in one caption."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if not captions:
        yield SAYS.not_applicable(NO_TAGS)
        return
    twice = {one.path: repeated for one in captions if (repeated := _repeated(one))}
    if not twice:
        yield SAYS.clear(Text("No caption repeats a tag.", "没有标注重复标签。"))
        return
    shown, tags = names(list(twice)), tag_list(sorted({tag for some in twice.values() for tag in some}))
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(twice), 'caption repeats', 'captions repeat')} a tag ({tags.en}): {shown.en}.",
            f"{len(twice)} 个标注有重复的标签（{tags.zh}）：{shown.zh}。",
        ),
        why=Text("It takes the place of other tags.", "它占去其他标签的位置。"),
        evidence=[Evidence(Text("captions with a repeated tag", "有重复标签的标注"), len(twice), 0)],
        fix=Fix(Text("Remove the second one.", "删去重复的那个。")),
        paths=twice,
    )


def _repeated(one: Captioned) -> list[str]:
    tags = one.text.tags
    return sorted({tag for tag in tags if tags.count(tag) > 1}) if len(set(tags)) < len(tags) else []


RULE = Rule(SAYS.id, SAYS.name, "both", check)
