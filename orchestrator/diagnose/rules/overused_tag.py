"""A tag stands on most captions.

## What it looks for

Tags, other than the trigger, on more than 60 % of the captions, that nobody asked to be fixed.

## Why it matters

What is on nearly every picture acts like a second trigger: it carries what the pictures share, brings it along whenever it is
prompted elsewhere, and the subject loses it when it is left out.

## How we tell

The share of captions that hold the tag. In small sets the share must also be out of reach of chance: its lower bound (Wilson, 95
%) above one half, and at least ten captions. Up to 75 % it is only mentioned. Left out: the trigger, class tokens, counts such as `1girl` and `solo`, quality
words, and the tags that `trait-tags-kept` and `style-tags-kept` are about. Clothes of a character, the object of an object LoRA,
style words and counts in a style set are only mentioned.

## What to change

Add pictures without it; or remove the tag everywhere, if it shall belong to the subject: `lora-run dataset tags DIR remove TAG`.

## When it is wrong

A tag that is rightly on all pictures and shall stay promptable.

## Sources

domain-rules T6 and D3: the 60 % are this project's own limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import FEWEST, PRUNED, STYLE, TRAITS, vocabulary
from orchestrator.diagnose.captions import (
    NO_TAGS,
    TOO_FEW,
    Captioned,
    at_least,
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
    from collections.abc import Iterator, Mapping

MOST = 0.6
"""Share of captions (domain-rules T6)."""
MANY = 0.75
"""More is worth a warning, as in `view-monotony`; sets of one subject easily have two thirds of one thing."""
CHANCE = 0.5
"""What the lower bound of the share must exceed."""
_ONLY_TOLD = {
    "character": {"clothing", *STYLE},
    "person": {"clothing", *STYLE},
    "object": {"object", "animal", *STYLE},
    "style": {"count"},
}
"""Subject kind -> categories that may well be meant."""
_ONLY_TOLD_ANYWHERE = {"clothing", *TRAITS, *STYLE}
"""The same where the kind is not known."""

SAYS = Says("R103", "overused-tag")


def check(case: Case) -> Iterator[Finding]:
    """Count the captions that hold each tag."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = with_tags(case)
    if len(captions) < FEWEST:
        yield SAYS.not_applicable(TOO_FEW if captions else NO_TAGS)
        return
    total, own = len(captions), own_tags(case)
    most = {
        tag: count
        for tag, count in counted(captions).most_common()
        if count > MOST * total and at_least(count, total) > CHANCE and tag not in own
    }
    found = {
        tag: severity for tag, count in most.items() if (severity := _severity(case, tag, count / total)) is not None
    }
    for severity in (Severity.WATCH, Severity.INFO):
        tags = {tag: most[tag] for tag, one in found.items() if one is severity}
        if tags:
            yield _fired(severity, tags, captions)
    if not found:
        yield SAYS.clear(
            Text(
                f"No tag stands on more than {MOST:.0%} of the captions unasked.",
                f"没有标签意外地超过 {MOST:.0%} 的标注。",
            )
        )


def _severity(case: Case, tag: str, share: float) -> Severity | None:
    """Return how much it matters that this tag is on so many captions; None: it is meant, or told by another rule."""
    category, subject = vocabulary().category(tag) or "", kind(case)
    if category == "meta" or category in PRUNED.get(subject or "", ()):
        return None
    told = _ONLY_TOLD.get(subject, set()) if subject is not None else _ONLY_TOLD_ANYWHERE
    if category in told:
        return Severity.INFO
    if category == "count":
        return None
    return Severity.WATCH if share > MANY else Severity.INFO


def _fired(severity: Severity, tags: Mapping[str, int], captions: list[Captioned]) -> Finding:
    shown, total = tag_list(list(tags)), len(captions)
    return SAYS.fired(
        severity,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(tags), 'tag stands', 'tags stand')} on more than {MOST:.0%} of {total} captions: {shown.en}.",
            f"{len(tags)} 个标签出现在 {total} 个标注的 {MOST:.0%} 以上：{shown.zh}。",
        ),
        why=Text("A tag on most pictures acts like a second trigger.", "出现在大多数图片上的标签就像第二个触发词。"),
        evidence=[share_evidence(tag, count, total, MOST) for tag, count in tags.items()],
        fix=Fix(
            Text(
                "Add pictures without it, or remove the tag if it shall belong to the subject.",
                "增加没有它的图片；若它应属于主体，则删去该标签。",
            )
        ),
        paths=holding(captions, tags),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
