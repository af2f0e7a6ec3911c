"""A picture has bars or a frame.

## What it looks for

Flat bars of equal width at opposite edges: letterboxes, frames, padding.

## Why it matters

Bars are part of what is learned: samples come with bars, and they take pixels from the subject.

## How we tell

Rows or columns at both of two opposite edges that are flat, of one grey and about the same width, at least 2 % of the side; not
where the whole background is plain and of their grey, and not in pictures under 192 pixels.

## What to change

Crop the bars off in a copy.

## When it is wrong

A frame that belongs to the style; a picture padded on purpose to fit few buckets, when masked.

## Sources

Labelled pictures: recall 1.0, precision 0.75 to 1.0 on six sets (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.background import PLAIN_SHARE_ABOVE
from orchestrator.dataset.pixels.borders import letterbox
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts


LEAST_SIDE = 192
"""Pixels: in icons a flat edge is part of the drawing."""
SAME_GREY = 8.0
"""Levels between bars and a plain background that is taken for them: a black frame round a white studio is a frame."""

SAYS = Says("R127", "bordered-image")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.MEDIUM,
    clear=Text("No picture has bars at its edges.", "没有带边条的图片。"),
    one="picture has bars or a frame",
    many="pictures have bars or a frame",
    zh="{count} 张图片带黑边或边框：{names}。",
    why=Text("Samples learn the bars.", "采样图会学到边条。"),
    fix=Text("Crop them in copies.", "在副本中裁掉。"),
    evidence=Text("pixels of bars", "边条的像素"),
    limit=0,
    unit="px",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for flat bars in pairs."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    if min(facts.width, facts.height) < LEAST_SIDE:
        return None
    edges = letterbox(facts.bars, facts.bar_level, facts.width, facts.height)
    return float(sum(edges)) if any(edges) and not _is_background(facts) else None


def _is_background(facts: PixelFacts) -> bool:
    """Return whether what looks like bars is a plain background."""
    if (facts.background_share or 0.0) <= PLAIN_SHARE_ABOVE or facts.bar_level is None:
        return False
    return abs(facts.bar_level - (facts.background_level or 0.0)) <= SAME_GREY


RULE = Rule(SAYS.id, SAYS.name, "both", check)
