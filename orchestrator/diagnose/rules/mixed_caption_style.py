"""Some captions are tags, others are sentences.

## What it looks for

Sets in which a part of the captions is written as tags and another part as sentences.

## Why it matters

The same thing is then taught under two names, and shuffling tears the sentences apart at their commas.

## How we tell

Each caption is judged by the length of its pieces, by small words such as `a`, `the`, `with`, and by full stops. At least three
captions and 10 % must be of the rarer kind; what is too short to tell counts for neither.

## What to change

Write all captions in one way.

## When it is wrong

Captions that hold tags and a sentence each, on purpose.

## Sources

domain-rules T8; the limits are this project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.captions import NO_CAPTIONS, captioned
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST_OTHERS, LEAST_SHARE = 3, 0.1
"""What the rarer kind must reach: one or two are left over from somewhere and harm nobody."""

SAYS = Says("R111", "mixed-caption-style")


def check(case: Case) -> Iterator[Finding]:
    """Count tags and sentences."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    captions = captioned(case)
    if not captions:
        yield SAYS.not_applicable(NO_CAPTIONS)
        return
    tags = [one.path for one in captions if one.text.style == "tags"]
    sentences = [one.path for one in captions if one.text.style == "sentences"]
    fewer = min(tags, sentences, key=len)
    if len(fewer) < max(FEWEST_OTHERS, LEAST_SHARE * (len(tags) + len(sentences))):
        yield SAYS.clear(Text("The captions are written in one way.", "标注的写法一致。"))
        return
    shown = names(fewer)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{len(tags)} captions are lists of tags and {len(sentences)} are sentences; the fewer: {shown.en}.",
            f"{len(tags)} 个标注是标签列表，{len(sentences)} 个是句子；较少的是：{shown.zh}。",
        ),
        why=Text("The same thing is taught under two names.", "同一事物以两种名称来教。"),
        evidence=[
            Evidence(Text("lists of tags", "标签式标注"), len(tags), None, "captions"),
            Evidence(Text("captions in sentences", "句子式标注"), len(sentences), None, "captions"),
        ],
        fix=Fix(Text("Write all captions in one way.", "全部改成同一种写法。")),
        paths=fewer,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
