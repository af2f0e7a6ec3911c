"""A caption has more lines than are read.

## What it looks for

Caption files with text after the first line.

## Why it matters

The trainer reads the first line only. Everything below, often the longer description, is left out without a word.

## How we tell

Text after the first line end, unless `enable_wildcard` is on: then each line is a caption of its own and one is drawn each time.

## What to change

Put the caption on one line, or set `enable_wildcard` if the lines are alternatives.

## When it is wrong

Notes below the caption, kept there on purpose.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`: `lines[0]`; `enable_wildcard`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names, setting
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R016", "caption-multiline")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions of several lines."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if setting(case, "enable_wildcard"):
        yield SAYS.not_applicable(
            Text("With `enable_wildcard` all lines are read.", "启用 `enable_wildcard` 时读取所有行。")
        )
        return
    long = [p for folder in case.dataset.folders for p in folder.pictures if p.caption_problem == "caption-multiline"]
    if not long:
        yield SAYS.clear(Text("Every caption is one line.", "每个标注都只有一行。"))
        return
    shown = names([picture.caption_path or picture.path for picture in long])
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"Of {plural(len(long), 'caption', 'captions')} only the first line is read: {shown.en}.",
            f"有 {len(long)} 个标注只会读取首行：{shown.zh}。",
        ),
        why=Text("The trainer leaves out everything after the first line.", "训练器会忽略首行之后的内容。"),
        evidence=[Evidence(Text("captions of several lines", "多行标注"), len(long), 0)],
        fix=Fix(Text("Put each caption on one line.", "把每个标注写成一行。")),
        paths=[picture.path for picture in long],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
