"""A caption begins with a byte order mark.

## What it looks for

Caption files that begin with the invisible mark U+FEFF, as some Windows editors write it.

## Why it matters

The trainer does not remove it: it becomes part of the first tag, and the first tag is the trigger word. Some tokenizers drop the
mark, others do not; tag statistics in the file's metadata count two different tags.

## How we tell

The first character of the file.

## What to change

Save the files as UTF-8 without BOM.

## When it is wrong

With a tokenizer that drops the mark nothing is lost but the statistics.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption` opens with `utf-8`, not `utf-8-sig`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R015", "caption-bom")


def check(case: Case) -> Iterator[Finding]:
    """Look for byte order marks."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    marked = [p for folder in case.dataset.folders for p in folder.pictures if p.caption_problem == "caption-bom"]
    if not marked:
        yield SAYS.clear(Text("No caption begins with a byte order mark.", "没有标注以 BOM 开头。"))
        return
    shown = names([picture.caption_path or picture.path for picture in marked])
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(marked), 'caption begins', 'captions begin')} with a byte order mark: {shown.en}.",
            f"{len(marked)} 个标注以字节顺序标记（BOM）开头：{shown.zh}。",
        ),
        why=Text(
            "The trainer keeps it, so the first tag, your trigger, may be read as another word.",
            "训练器会保留它，首个标签（触发词）可能被当成另一个词。",
        ),
        evidence=[Evidence(Text("captions with the mark", "带 BOM 的标注"), len(marked), 0)],
        fix=Fix(Text("Save them as UTF-8 without BOM.", "另存为不带 BOM 的 UTF-8。")),
        paths=[picture.path for picture in marked],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
