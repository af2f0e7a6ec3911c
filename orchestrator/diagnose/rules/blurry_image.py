"""A picture is blurred.

## What it looks for

Pictures that are blurred or shaken everywhere: nothing in them is sharp.

## Why it matters

What is learned is what is seen: blurred pictures teach softness, most of all where they are few of many or repeated often.

## How we tell

At the places with most contrast the steepest slope over 2 pixels is compared with the rise over 8. Sharp edges make their rise
within the two pixels, blurred ones do not. The sharpest places count, in the worse direction, so that shallow focus and film
grain pass and a shake in one direction does not. Below 0.46 of 1 is blurred.

## What to change

Replace the picture by a sharper one, or remove it. Sharpening does not bring back what is not there.

## When it is wrong

Fog, soft pastel and pictures enlarged on purpose are soft everywhere. Pictures with next to no contrast are not judged.

## Sources

Measured on labelled pictures, drawn ones and photographs with blur of several kinds put on: the most blurred sharp one 0.47,
the sharpest blurred one 0.42; area under the curve 1.0 with grain and without (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.sharpness import BLURRED_BELOW
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts


SAYS = Says("R118", "blurry-image")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.MEDIUM,
    clear=Text("No picture is blurred everywhere.", "没有处处模糊的图片。"),
    one="picture is blurred",
    many="pictures are blurred",
    zh="{count} 张图片模糊：{names}。",
    why=Text("What is blurred teaches blur.", "模糊的图片教会模型模糊。"),
    fix=Text("Replace or remove them.", "替换或移走它们。"),
    evidence=Text("sharpness", "清晰度"),
    limit=BLURRED_BELOW,
    unit="of 1",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures without a sharp place."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    is_blurred = facts.sharpness is not None and facts.sharpness < BLURRED_BELOW
    return facts.sharpness if is_blurred else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
