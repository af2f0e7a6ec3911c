"""Colours that nobody sees are trained.

## What it looks for

Pictures with transparent parts under which other colours are stored than the white that a page shows there.

## Why it matters

sd-scripts drops the alpha channel (unless `alpha_mask` is set): the colours stored under it are trained, whatever they are.
Often they are leftovers, a black field, or a whole background that was only hidden.

## How we tell

More than one tenth of the picture is not opaque, and the colours under what is more than half transparent differ from white by
more than 8 of 255 on average.

## What to change

Put the picture on a background of your choice in a copy, or train with `alpha_mask`.

## When it is wrong

Where black or another plain colour is the background that was wanted.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_image` converts to RGB). Labelled pictures: all of 12 found, none falsely
(docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts

SHARE_ABOVE = 0.1
"""Of the picture."""
DIFFERENCE_ABOVE = 8.0
"""Grey levels: what JPEG noise may make of white."""

SAYS = Says("R124", "hidden-alpha")
TOLD = Told(
    severity=Severity.FIX,
    confidence=Confidence.HIGH,
    clear=Text("No picture hides colours under transparency.", "没有图片在透明处藏有颜色。"),
    one="picture hides colours under transparent parts",
    many="pictures hide colours under transparent parts",
    zh="{count} 张图片在透明处藏有颜色：{names}。",
    why=Text("The trainer drops alpha and trains them.", "训练器丢弃 alpha，会训练这些颜色。"),
    fix=Text(
        "Save copies on a plain background, or train with `alpha_mask`.",
        "在副本中放到纯色背景上，或用 `alpha_mask` 训练。",
    ),
    evidence=Text("colours under transparency, away from white", "透明处颜色与白色之差"),
    limit=DIFFERENCE_ABOVE,
    unit="of 255",
)


def check(case: Case) -> Iterator[Finding]:
    """Look under what is transparent."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    is_hiding = facts.alpha_share > SHARE_ABOVE and facts.hidden_difference > DIFFERENCE_ABOVE
    return facts.hidden_difference if is_hiding else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
