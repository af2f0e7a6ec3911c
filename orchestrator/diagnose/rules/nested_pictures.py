"""Pictures lie in sub-folders, where the trainer does not look.

## What it looks for

Sub-folders of a concept's folder that hold pictures.

## Why it matters

The trainer reads the folder itself and nothing below. Pictures you sorted into sub-folders are left out without a word.

## How we tell

The folder is walked four levels down; links to folders are not followed.

## What to change

Make each sub-folder a concept of its own in `concepts`, with its own `num_repeats`, or move the pictures up. To leave them out on
purpose, ignore this rule with that reason.

## When it is wrong

Sub-folders of discarded or unfinished pictures are meant to be left out.

## Sources

sd-scripts 48d368fa, `train_util.py` (`glob_images_pathlib` with `recursive=False`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R007", "nested-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures below the folders."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    is_clear = True
    for folder in case.dataset.folders:
        for path, count in folder.nested:
            is_clear = False
            shown = f"{folder.image_dir.name}/{path.relative_to(folder.image_dir).as_posix()}"
            yield SAYS.fired(
                Severity.WATCH,
                Confidence.HIGH,
                Text(f"{count} pictures in `{shown}` are not read.", f"`{shown}` 中的 {count} 张图片不会被读取。"),
                why=Text("The trainer does not go into sub-folders.", "训练器不进入子文件夹。"),
                evidence=[Evidence(Text("pictures in the sub-folder", "子文件夹中的图片"), count, 0, shown)],
                fix=Fix(
                    Text(
                        "Make it a concept of its own, or move the pictures up.",
                        "把它写成单独的概念，或把图片移到上一层。",
                    )
                ),
            )
    if is_clear:
        yield SAYS.clear(Text("No pictures in sub-folders.", "子文件夹中没有图片。"))


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
