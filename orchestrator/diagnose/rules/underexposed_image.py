"""A picture is far too dark.

## What it looks for

Pictures of which 95 % lie in deep shadow, their lights included.

## Why it matters

There is next to nothing to see in them, and dark pictures pull the brightness of the LoRA down.

## How we tell

The grey below which 95 % of the picture lies is under 42 of 255. Night scenes have lights in them and pass.

## What to change

Brighten it (in a copy) or remove it.

## When it is wrong

A picture that is meant to be nearly black.

## Sources

Labelled pictures: precision and recall 1.0 on six sets of 145 to 1,000 pictures, night scenes among them (docs/log.md,
2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.exposure import UNDER_P95_BELOW
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts


SAYS = Says("R119", "underexposed-image")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.MEDIUM,
    clear=Text("No picture is far too dark.", "没有过暗的图片。"),
    one="picture is far too dark",
    many="pictures are far too dark",
    zh="{count} 张图片过暗：{names}。",
    why=Text("There is next to nothing to see.", "几乎看不到内容。"),
    fix=Text("Brighten copies of them, or remove them.", "在副本中提亮，或移走它们。"),
    evidence=Text("grey of the lights (95th percentile)", "亮部灰度（第 95 百分位）"),
    limit=UNDER_P95_BELOW,
    unit="of 255",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures without lights."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    return facts.p95 if facts.p95 is not None and facts.p95 < UNDER_P95_BELOW else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
