"""The halves of a pair lie apart by some pixels.

## What it looks for

Edit pairs in which what was not edited lies in another place in the second half.

## Why it matters

The shift is the same everywhere and easy to learn: the LoRA moves every picture by it, and blurs what it should leave alone.

## How we tell

Phase correlation of the halves, refined below a pixel. More than half a pixel counts; pairs in which nothing fits clearly are
not judged.

## What to change

Move one half back and crop both, in copies; look for the tool that moved it (resizing to a multiple of 8, a generator that
pads).

## When it is wrong

Edits that are meant to move the subject: what is measured is what most of the picture does.

## Sources

352 pairs made of drawn pictures and photographs, shifts of 0 to 8 pixels also between whole pixels, a part of the picture repainted,
half of them relit, JPEG 60 to 95: median error 0.02 px; of the 339 with a clear peak all within 0.3 px (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SHIFT = 0.5
"""Pixels: what the measure may be wrong by."""
MOST_SHOWN = 20

SAYS = Says("R130", "pair-pixel-shift")
NO_PAIRS = Text("The pictures are not in pairs.", "图片不成对。")


def check(case: Case) -> Iterator[Finding]:
    """Measure how far the halves lie apart."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if not case.dataset.pairs:
        yield SAYS.not_applicable(NO_PAIRS)
        return
    measured = [(pair, pair.shift) for pair in case.dataset.pairs if pair.shift is not None]
    if not measured:
        yield SAYS.not_applicable(Text("No pair was measured.", "没有测量任何图对。"))
        return
    odd = [(pair, shift) for pair, shift in measured if shift.length > MOST_SHIFT]
    if not odd:
        yield SAYS.clear(Text("The halves of each pair lie in one place.", "每一对两半的位置一致。"))
        return
    shown = names([pair.name for pair, _ in odd])
    yield SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(len(odd), 'pair has', 'pairs have')} halves that lie apart: {shown.en}.",
            f"{len(odd)} 对图片的两半错开：{shown.zh}。",
        ),
        why=Text("The LoRA learns to move every picture.", "LoRA 会学着移动每张图。"),
        evidence=[
            Evidence(Text("apart", "错开"), round(shift.length, 2), MOST_SHIFT, pair.name, "px")
            for pair, shift in odd[:MOST_SHOWN]
        ],
        fix=Fix(Text("Move one half back and crop both, in copies.", "在副本中把一半移回并同时裁切。")),
        paths=[path for pair, _ in odd for path in (pair.before, pair.after) if path is not None],
    )


RULE = Rule(SAYS.id, SAYS.name, "before", check)
