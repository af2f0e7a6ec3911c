"""Caption files lie there without a picture.

## What it looks for

Caption files whose picture is missing.

## Why it matters

Mostly a sign that a picture was renamed, converted or moved: that picture now trains without its caption.

## How we tell

Files ending in `.txt` or `.caption` without a picture of the same stem. README, LICENSE and notes are left out.

## What to change

Rename the caption after its picture, or delete it.

## When it is wrong

Text files that are no captions.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R011", "orphan-captions")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions without a picture."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    orphans = [path for folder in case.dataset.folders for path in folder.orphan_captions]
    if not orphans:
        yield SAYS.clear(Text("Every caption has its picture.", "每个标注都有对应图片。"))
        return
    shown = names(orphans)
    has_bare = any(folder.captioned < len(folder.pictures) for folder in case.dataset.folders)
    yield SAYS.fired(
        Severity.WATCH if has_bare else Severity.INFO,
        Confidence.HIGH,
        Text(
            f"{plural(len(orphans), 'caption has', 'captions have')} no picture: {shown.en}.",
            f"{len(orphans)} 个标注没有图片：{shown.zh}。",
        ),
        why=Text(
            "Often a renamed picture, which then trains without its caption.",
            "常因图片改名所致，该图片便在没有标注的情况下训练。",
        ),
        evidence=[Evidence(Text("captions without a picture", "没有图片的标注"), len(orphans), 0)],
        fix=Fix(Text("Rename them after their pictures, or delete them.", "按图片名改名，或删除。")),
        paths=orphans,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
