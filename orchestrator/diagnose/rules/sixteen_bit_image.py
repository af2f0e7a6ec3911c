"""A grey picture of 16 bits is trained as plain white.

## What it looks for

PNG files with 16 bits of grey.

## Why it matters

Pillow converts them to RGB without scaling: nearly every pixel becomes 255, and the trainer learns a white field, silently.

## How we tell

From the header.

## What to change

Save a copy with 8 bits.

## When it is wrong

A picture that is nearly black in 16 bits keeps something; it is still not what you see.

## Sources

sd-scripts 48d368fa with Pillow, run: mean grey 134.6 became 255.
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


SAYS = Says("R123", "sixteen-bit-image")
TOLD = Told(
    severity=Severity.FIX,
    confidence=Confidence.HIGH,
    clear=Text("No picture is grey with 16 bits.", "没有 16 位灰度图。"),
    one="grey picture of 16 bits is trained white",
    many="grey pictures of 16 bits are trained white",
    zh="{count} 张 16 位灰度图会被训练成白色：{names}。",
    why=Text("The conversion to RGB clips nearly every pixel.", "转为 RGB 时几乎所有像素都会溢出。"),
    fix=Text("Save copies with 8 bits.", "另存为 8 位的副本。"),
    evidence=Text("bits of grey", "灰度位数"),
    limit=8,
    unit="bits",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for the trait in the headers."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pictures = [p for folder in subject_folders(case) for p in folder.pictures if p.width and p.height]
    found = {p.path: value for p in pictures if (value := _bits(p)) is not None}
    yield fired(SAYS, TOLD, found, len(pictures)) if found else SAYS.clear(TOLD.clear)


def _bits(picture: Picture) -> float | None:
    return 16 if "gray-16-bit" in picture.traits else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
