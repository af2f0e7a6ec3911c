"""Tags of fixed traits were left in the captions of a character.

## What it looks for

Tags of hair, eyes, body and ornaments on nearly all captions of a `character` or `person`.

## Why it matters

What is tagged becomes promptable and is learned less into the trigger. A trait that belongs to the subject is then missing when
the trigger stands alone, and has to be prompted each time.

## How we tell

The categories of our list of tags; 80 % of the captions and more, at least ten captions.

## What to change

Prune them: `lora-run dataset tags DIR prune --kind character` shows the change, `--apply` makes it and `undo` takes it back. Keep
what shall stay changeable.

## When it is wrong

Traits that shall stay changeable, such as a hair style of several.

## Sources

domain-rules T1, T2; the limit of 80 % is this project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import FEWEST, NEARLY_ALL, PRUNED, vocabulary
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

KINDS = ("character", "person")

SAYS = Says("R106", "trait-tags-kept")


def check(case: Case) -> Iterator[Finding]:
    """Look for traits on nearly all captions."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    subject, captions = kind(case), with_tags(case)
    if subject not in KINDS:
        yield SAYS.not_applicable(Text("The subject is no character or person.", "主体不是角色或人物。"))
        return
    if len(captions) < FEWEST:
        yield SAYS.not_applicable(TOO_FEW if captions else NO_TAGS)
        return
    total, own, category = len(captions), own_tags(case), vocabulary().category
    kept = {
        tag: count
        for tag, count in counted(captions).most_common()
        if count >= NEARLY_ALL * total and category(tag) in PRUNED[subject] and tag not in own
    }
    if not kept:
        yield SAYS.clear(Text("No trait is tagged on nearly all captions.", "没有特征标签出现在几乎所有标注中。"))
        return
    shown = tag_list(list(kept))
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(kept), 'fixed trait is', 'fixed traits are')} tagged on nearly all captions: {shown.en}.",
            f"{len(kept)} 个固定特征几乎写在所有标注中：{shown.zh}。",
        ),
        why=Text("What is tagged is learned less into the trigger.", "写出来的特征较少学进触发词。"),
        evidence=[share_evidence(tag, count, total, NEARLY_ALL) for tag, count in kept.items()],
        fix=Fix(
            Text(
                f"Prune them: `lora-run dataset tags DIR prune --kind {subject}`.",
                f"清理：`lora-run dataset tags DIR prune --kind {subject}`。",
            )
        ),
        paths=holding(captions, kept),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
