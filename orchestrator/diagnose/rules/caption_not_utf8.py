"""A caption file is not UTF-8.

## What it looks for

Caption files that are no UTF-8 text.

## Why it matters

The trainer reads captions as UTF-8 and dies at the first one that is not.

## How we tell

The whole file is decoded.

## What to change

Save the file as UTF-8. Files written by old Windows editors are mostly in the system's own encoding.

## When it is wrong

Never.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`: "illegal char in file (not UTF-8)").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SHOWN = 20
"""Files listed as evidence; the count says the rest."""

SAYS = Says("R014", "caption-not-utf8")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions that are no UTF-8 text."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    bad = [p for folder in case.dataset.folders for p in folder.pictures if p.caption_problem == "caption-not-utf8"]
    if not bad:
        yield SAYS.clear(Text("Every caption is UTF-8 text.", "所有标注都是 UTF-8 文本。"))
        return
    shown = names([picture.caption_path or picture.path for picture in bad])
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            f"{plural(len(bad), 'caption file is', 'caption files are')} no UTF-8 text: {shown.en}.",
            f"{len(bad)} 个标注文件不是 UTF-8 文本：{shown.zh}。",
        ),
        why=Text("The trainer dies at the first of them.", "训练器遇到第一个就会崩溃。"),
        evidence=[
            Evidence(Text("what is wrong", "问题"), p.caption_problem, None, (p.caption_path or p.path).name)
            for p in bad[:MOST_SHOWN]
        ],
        fix=Fix(Text("Save them as UTF-8.", "另存为 UTF-8 编码。")),
        paths=[picture.path for picture in bad],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
