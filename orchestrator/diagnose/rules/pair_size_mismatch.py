"""The halves of a pair have two sizes.

## What it looks for

Edit pairs whose halves have different widths or heights.

## Why it matters

The trainer scales and crops each half by itself: what lay in one place no longer does, and the shift is learned as part of the
edit.

## How we tell

Width and height from the headers.

## What to change

Bring both halves to one size, in copies; by cropping where the scene is the same, never by stretching.

## When it is wrong

Edits that are meant to change the shape (outpainting).

## Sources

domain-rules on edit pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator


SAYS = Says("R129", "pair-size-mismatch")
NO_PAIRS = Text("The pictures are not in pairs.", "图片不成对。")


def check(case: Case) -> Iterator[Finding]:
    """Compare the sizes of the halves."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if not case.dataset.pairs:
        yield SAYS.not_applicable(NO_PAIRS)
        return
    odd = [pair for pair in case.dataset.pairs if pair.sizes is not None and pair.sizes[0] != pair.sizes[1]]
    if not odd:
        yield SAYS.clear(Text("The halves of each pair have one size.", "每一对两半的尺寸相同。"))
        return
    shown = names([pair.name for pair in odd])
    yield SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(len(odd), 'pair has', 'pairs have')} halves of two sizes: {shown.en}.",
            f"{len(odd)} 对图片的两半尺寸不同：{shown.zh}。",
        ),
        why=Text("Each half is scaled and cropped by itself.", "两半会被分别缩放与裁切。"),
        evidence=[Evidence(Text("pairs of two sizes", "尺寸不同的图对"), len(odd), 0, "data set")],
        fix=Fix(Text("Bring both halves to one size by cropping.", "用裁切把两半统一尺寸。")),
        paths=[path for pair in odd for path in (pair.before, pair.after) if path is not None],
    )


RULE = Rule(SAYS.id, SAYS.name, "before", check)
