"""The same file is there twice.

## What it looks for

Pictures of the subject that are byte for byte the same.

## Why it matters

A copy is a repeat that nobody planned: ten copies are one picture with ten times the repeats, learned by heart long before the
others.

## How we tell

Files of equal size are compared by their ends and then whole.

## What to change

Keep one of each; to weigh a picture more, give it a folder of its own with more `concepts.num_repeats`.

## When it is wrong

Where copies were made on purpose to weigh a picture.

## Sources

domain-rules D3. Labelled pictures: all of 18 found, none falsely (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator


SAYS = Says("R116", "exact-duplicate-images")


def check(case: Case) -> Iterator[Finding]:
    """Look for equal files."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    groups = case.dataset.copies_in_subject()
    if not groups:
        yield SAYS.clear(Text("No picture is there twice.", "没有重复的图片文件。"))
        return
    paths = [path for group in groups for path in group]
    spare, who = len(paths) - len(groups), names(paths, 4)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(spare, 'picture is', 'pictures are')} the same file as another: {who.en}.",
            f"{spare} 张图片与其他图片是同一文件：{who.zh}。",
        ),
        why=Text("A copy is a repeat nobody planned.", "副本等于计划之外的重复。"),
        evidence=[
            Evidence(Text("groups of equal files", "相同文件的组数"), len(groups), 0, "data set", "groups"),
            Evidence(Text("files too many", "多余的文件"), spare, 0, "data set", "pictures"),
        ],
        fix=Fix(Text("Keep one of each.", "每组只保留一张。")),
        paths=paths,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
