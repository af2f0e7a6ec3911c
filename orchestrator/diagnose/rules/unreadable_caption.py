"""A caption file cannot be opened.

## What it looks for

Caption files that cannot be opened or read: no permission, a broken link, a damaged disk.

## Why it matters

The trainer dies at the first of them, or trains the picture with the class tokens alone.

## How we tell

The file is opened and read.

## What to change

Mend the permissions or the link, or write the caption anew.

## When it is wrong

Never.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption` opens every caption file before the run).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R100", "unreadable-caption")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions that cannot be opened."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    bad = [p for folder in case.dataset.folders for p in folder.pictures if p.caption_problem == "caption-unreadable"]
    if not bad:
        yield SAYS.clear(Text("Every caption file can be opened.", "所有标注文件都能打开。"))
        return
    shown = names([picture.caption_path or picture.path for picture in bad])
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            f"{plural(len(bad), 'caption file', 'caption files')} cannot be opened: {shown.en}.",
            f"{len(bad)} 个标注文件无法打开：{shown.zh}。",
        ),
        why=Text("The trainer dies at the first of them.", "训练器遇到第一个就会崩溃。"),
        evidence=[Evidence(Text("captions that cannot be opened", "无法打开的标注"), len(bad), 0)],
        fix=Fix(Text("Mend their permissions, or write them anew.", "修复权限，或重写。")),
        paths=[picture.path for picture in bad],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
