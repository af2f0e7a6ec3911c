"""Tags of the style itself were left in the captions of a style.

## What it looks for

Tags of medium, technique, palette and line work on nearly all captions of a `style`.

## Why it matters

What is tagged becomes promptable and is learned less into the LoRA: the style then only appears when its own words are prompted
too.

## How we tell

The category `style` of our list of tags; 80 % of the captions and more, at least ten captions.

## What to change

Prune them: `lora-run dataset tags DIR prune --kind style` shows the change, `--apply` makes it and `undo` takes it back.

## When it is wrong

A set of several media, of which one is frequent and shall stay promptable.

## Sources

domain-rules T1, T3; the limit of 80 % is this project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import FEWEST, NEARLY_ALL, STYLE, vocabulary
from orchestrator.diagnose.captions import (
    NO_TAGS,
    TOO_FEW,
    counted,
    holding,
    own_tags,
    share_evidence,
    tag_list,
    with_tags,
)
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R107", "style-tags-kept")


def check(case: Case) -> Iterator[Finding]:
    """Look for words about the style on nearly all captions."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if kind(case) != "style":
        yield SAYS.not_applicable(Text("The subject is no style.", "主体不是画风。"))
        return
    if len(captions) < FEWEST:
        yield SAYS.not_applicable(TOO_FEW if captions else NO_TAGS)
        return
    total, own, category = len(captions), own_tags(case), vocabulary().category
    kept = {
        tag: count
        for tag, count in counted(captions).most_common()
        if count >= NEARLY_ALL * total and category(tag) in STYLE and tag not in own
    }
    if not kept:
        yield SAYS.clear(Text("No style word is tagged on nearly all captions.", "没有画风词出现在几乎所有标注中。"))
        return
    shown = tag_list(list(kept))
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(kept), 'style word is', 'style words are')} tagged on nearly all captions: {shown.en}.",
            f"{len(kept)} 个画风词几乎写在所有标注中：{shown.zh}。",
        ),
        why=Text("What is tagged is learned less into the LoRA.", "写出来的画风较少学进 LoRA。"),
        evidence=[share_evidence(tag, count, total, NEARLY_ALL) for tag, count in kept.items()],
        fix=Fix(
            Text(
                "Prune them: `lora-run dataset tags DIR prune --kind style`.",
                "清理：`lora-run dataset tags DIR prune --kind style`。",
            )
        ),
        paths=holding(captions, kept),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
