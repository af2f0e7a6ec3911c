"""A caption is longer than the text encoder reads.

## What it looks for

Captions with more CLIP tokens than the trainer passes on: 75, or `train.max_token_length`.

## Why it matters

What is beyond the limit is cut off silently: the last tags are never learned.

## How we tell

Without CLIP's vocabulary the tokens can only be counted from below: each word, each digit and each group of punctuation is at
least one. A caption that is too long by this count is too long in any case; a shorter one may still be. Where no
setting is decided yet, only captions beyond 225 tokens are told, which no setting of sd15, sd2 or sdxl can read.

## What to change

`train.max_token_length: 225` (sd15, sd2, sdxl), or shorter captions. Shuffling brings other tags to the end each time, so that
each is read now and then.

## When it is wrong

sd3 and flux read long captions with T5 and are not looked at.

## Sources

sd-scripts 48d368fa (`max_token_length` 75, 150, 225; cut without a message); CLIP's splitting pattern.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, family, names, number
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = ("sd15", "sd2", "sdxl")
SHORT, LONG = 75, 225
"""CLIP tokens read by default, and at most."""
_TOKEN = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_+")
"""CLIP's splitting pattern: letters, single digits, runs of the rest."""

RAISE = Text(
    "Set `train.max_token_length: 225`, or write shorter captions.", "设 `train.max_token_length: 225`，或缩短标注。"
)

SAYS = Says("R017", "caption-too-long")


def check(case: Case) -> Iterator[Finding]:
    """Count tokens from below."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    model = family(case)
    if model is not None and model not in FAMILIES:
        yield SAYS.not_applicable(Text("This family has no such limit.", "该模型系列没有此限制。"))
        return
    limit = int(number(case, "max_token_length") or SHORT) if case.plan is not None or case.settings else LONG
    captioned = [p for folder in case.dataset.folders for p in folder.pictures if p.caption]
    counts = [(count_tokens(p.caption or ""), p) for p in captioned if len(p.caption or "") > limit]
    long = [(count, p) for count, p in counts if count > limit]
    if not long:
        yield SAYS.clear(
            Text(f"No caption surely exceeds {limit} tokens.", f"没有标注确定超过 {limit} 个词元。"),
            confidence=Confidence.MEDIUM,
        )
        return
    most = max(count for count, _ in long)
    shown = names([p.caption_path or p.path for _, p in long])
    change = (Change("train.max_token_length", LONG, None if limit == SHORT else limit, is_safe=True),)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(long), 'caption is', 'captions are')} longer than the {limit} tokens that are read: {shown.en}.",
            f"{len(long)} 个标注超过可读取的 {limit} 个词元：{shown.zh}。",
        ),
        why=Text("The rest is cut off silently.", "超出部分会被悄悄截去。"),
        evidence=[
            Evidence(
                Text("tokens of the longest caption, at least", "最长标注的词元数（下限）"),
                most,
                limit,
                "captions",
                "tokens",
            )
        ],
        fix=Fix(RAISE, change) if limit < LONG else Fix(Text("Write shorter captions.", "缩短标注。")),
        paths=[picture.path for _, picture in long],
    )


def count_tokens(caption: str) -> int:
    """Return a lower bound of the CLIP tokens of a caption."""
    return len(_TOKEN.findall(caption))


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
