"""Files look like pictures but are not read.

## What it looks for

Files such as `.gif`, `.heic`, `.tiff`, or `.Png` with mixed case, in a concept's folder.

## Why it matters

The trainer takes .png, .jpg, .jpeg, .webp and .bmp, each all lower or all upper case. Others are left out without a word.

## How we tell

By file extension, as the trainer does.

## What to change

Convert them to PNG, or rename `.Png` to `.png`.

## When it is wrong

With further packages in the trainer's environment sd-scripts also takes .avif and .jxl.

## Sources

sd-scripts 48d368fa, `train_util.py` (`IMAGE_EXTENSIONS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R021", "ignored-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures the trainer does not take."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    ignored = [path for folder in case.dataset.folders for path in folder.ignored]
    if not ignored:
        yield SAYS.clear(Text("Every picture file is one the trainer reads.", "所有图片文件都能被训练器读取。"))
        return
    shown = names(ignored)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(ignored), 'file is', 'files are')} not read: {shown.en}.",
            f"{len(ignored)} 个文件不会被读取：{shown.zh}。",
        ),
        why=Text("The trainer does not take their extension.", "训练器不认它们的扩展名。"),
        evidence=[Evidence(Text("files left out", "被忽略的文件"), len(ignored), 0)],
        fix=Fix(Text("Convert them to PNG.", "转换为 PNG。")),
        paths=ignored,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
