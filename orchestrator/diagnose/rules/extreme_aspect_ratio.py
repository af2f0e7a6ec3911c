"""A picture is very long and narrow.

## What it looks for

Pictures whose longer side is more than 2.5 times the shorter.

## Why it matters

They end in buckets of their own, which are filled by one picture, and the family's range of shapes may not reach so far: then
the ends are cropped away.

## How we tell

Width and height from the header.

## What to change

Cut the picture into parts that show something each, or crop it, in copies.

## When it is wrong

Panoramas that are the subject.

## Sources

domain-rules D12; wider than cinema's 2.39 : 1. Labelled pictures: sound ones up to 1.7, long ones from 3.3 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, subject_folders
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, fired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.model import Picture

LONGER_ABOVE = 2.5

SAYS = Says("R122", "extreme-aspect-ratio")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.HIGH,
    clear=Text("No picture is very long and narrow.", "没有过于狭长的图片。"),
    one="picture is very long and narrow",
    many="pictures are very long and narrow",
    zh="{count} 张图片过于狭长：{names}。",
    why=Text("Its bucket holds nothing else, and its ends may be cropped away.", "它独占一个分桶，两端可能被裁掉。"),
    fix=Text("Cut or crop copies of them.", "在副本中切分或裁切。"),
    evidence=Text("longer side over shorter", "长边比短边"),
    limit=LONGER_ABOVE,
    unit="x",
)


def check(case: Case) -> Iterator[Finding]:
    """Compare the sides of each picture."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pictures = [p for folder in subject_folders(case) for p in folder.pictures if p.width and p.height]
    found = {p.path: value for p in pictures if (value := _ratio(p)) is not None}
    yield fired(SAYS, TOLD, found, len(pictures)) if found else SAYS.clear(TOLD.clear)


def _ratio(picture: Picture) -> float | None:
    ratio = max(picture.width, picture.height) / min(picture.width, picture.height)
    return ratio if ratio > LONGER_ABOVE else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
