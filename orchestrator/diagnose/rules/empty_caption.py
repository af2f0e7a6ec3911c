"""A caption file is empty.

## What it looks for

Caption files without a single byte, and caption files whose first line is blank.

## Why it matters

At the first empty file the trainer ends with an assertion. A blank first line is worse in a way: the picture trains with an empty
caption, and nothing is said.

## How we tell

The file's bytes; a line of blanks counts as blank.

## What to change

Write the caption, or delete the file: then the class tokens are used.

## When it is wrong

A blank caption on purpose (training without a prompt) is better done with `dataset.caption_dropout_rate`.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`: "caption file is empty").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R013", "empty-caption")
ADVICE = Text("Write the caption, or delete the file to use the class tokens.", "写上标注，或删除该文件以使用类别词。")


def check(case: Case) -> Iterator[Finding]:
    """Look for empty caption files and blank first lines."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pictures = [picture for folder in case.dataset.folders for picture in folder.pictures]
    empty = [p for p in pictures if p.caption_problem == "empty-caption"]
    blank = [p for p in pictures if p.caption_problem == "blank-caption"]
    if empty:
        shown = names([p.caption_path or p.path for p in empty])
        yield SAYS.fired(
            Severity.STOP,
            Confidence.HIGH,
            Text(
                f"{plural(len(empty), 'caption file is', 'caption files are')} empty: {shown.en}.",
                f"{len(empty)} 个标注文件为空：{shown.zh}。",
            ),
            why=Text("The trainer ends at the first of them.", "训练器遇到第一个就会中止。"),
            evidence=[Evidence(Text("empty caption files", "空标注文件"), len(empty), 0)],
            fix=Fix(ADVICE),
            paths=[picture.path for picture in empty],
        )
    if blank:
        shown = names([p.caption_path or p.path for p in blank])
        yield SAYS.fired(
            Severity.FIX,
            Confidence.HIGH,
            Text(
                f"{plural(len(blank), 'caption has', 'captions have')} a blank first line, the only one that is read: {shown.en}.",
                f"{len(blank)} 个标注的首行为空，而只读取首行：{shown.zh}。",
            ),
            why=Text("These pictures train with an empty prompt.", "这些图片会用空提示词训练。"),
            evidence=[Evidence(Text("captions with a blank first line", "首行为空的标注"), len(blank), 0)],
            fix=Fix(ADVICE),
            paths=[picture.path for picture in blank],
        )
    if not empty and not blank:
        yield SAYS.clear(Text("No caption is empty.", "没有空标注。"))


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
