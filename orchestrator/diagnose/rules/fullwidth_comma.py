"""A caption of tags is separated by full-width commas.

## What it looks for

Captions of tags with `，`, `、` or `；` where the trainer looks for `,`.

## Why it matters

The trainer splits at the ASCII comma only: the whole caption is one tag. Shuffling and tag dropout do nothing,
`dataset.keep_tokens` keeps everything, and the sign itself is a token of its own.

## How we tell

The full-width signs are counted in captions that read as tags. In sentences of Chinese or Japanese they are right and are left
alone.

## What to change

Replace them by `, `.

## When it is wrong

Captions of tags for a model that was itself trained on full-width commas.

## Sources

sd-scripts 48d368fa, `train_util.py` (`process_caption` splits at `caption_separator`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.captions import NO_CAPTIONS, captioned, shuffling
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNS = "，、；"

SAYS = Says("R102", "fullwidth-comma")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions of tags that the trainer cannot split."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = captioned(case)
    if not captions:
        yield SAYS.not_applicable(NO_CAPTIONS)
        return
    wide = [c.path for c in captions if c.text.style == "tags" and any(sign in c.text.caption for sign in SIGNS)]
    if not wide:
        yield SAYS.clear(Text("Every list of tags is split by ASCII commas.", "所有标签列表都用半角逗号分隔。"))
        return
    shown, (shuffles, _) = names(wide), shuffling(case)
    yield SAYS.fired(
        Severity.FIX if shuffles else Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(wide), 'caption has', 'captions have')} full-width commas between the tags: {shown.en}.",
            f"{len(wide)} 个标注的标签之间是全角逗号：{shown.zh}。",
        ),
        why=Text(
            "The trainer splits at `,` only: to it the whole caption is one tag.",
            "训练器只按 `,` 切分：对它来说整个标注是一个标签。",
        ),
        evidence=[Evidence(Text("captions with full-width commas", "含全角逗号的标注"), len(wide), 0)],
        fix=Fix(Text("Replace them by `, `.", "替换为 `, `。")),
        paths=wide,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
