"""A picture is washed out by light.

## What it looks for

Pictures in which much is clipped to white and nothing dark is left.

## Why it matters

What is clipped holds no shape to learn, and washed out pictures make the LoRA pale.

## How we tell

More than 30 % of the picture lies over 250 of 255 *and* its darkest 0.5 % lie over 115. A white background with dark outlines
passes.

## What to change

Replace it, or darken it from the raw file: what is clipped in a JPEG is lost.

## When it is wrong

High key pictures and pencil drawings in pale grey.

## Sources

Labelled pictures: precision and recall 1.0 on six sets of 145 to 1,000 pictures, white studios among them (docs/log.md,
2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.exposure import OVER_CLIPPED_ABOVE, OVER_P01_ABOVE, is_flat
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts


SAYS = Says("R120", "overexposed-image")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.MEDIUM,
    clear=Text("No picture is washed out.", "没有过曝的图片。"),
    one="picture is washed out",
    many="pictures are washed out",
    zh="{count} 张图片过曝：{names}。",
    why=Text("What is clipped to white holds nothing to learn.", "溢出为白的部分没有可学的内容。"),
    fix=Text("Replace them, or develop them darker.", "替换它们，或重新压暗。"),
    evidence=Text("clipped to white", "溢出为白的面积"),
    limit=100 * OVER_CLIPPED_ABOVE,
    unit="%",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures with much white and nothing dark."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    if facts.clipped_share is None or facts.p01 is None or is_flat(facts):
        return None
    is_washed_out = facts.clipped_share > OVER_CLIPPED_ABOVE and facts.p01 > OVER_P01_ABOVE
    return 100 * facts.clipped_share if is_washed_out else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
