"""Text is laid over a picture.

## What it looks for

Subtitles, watermarks and signatures: lines of letters of one height, one stroke and one tone.

## Why it matters

Text is easy to learn and looks the same on each picture: the LoRA writes it, garbled, on everything.

## How we tell

Marks of one size and contrast in a row, level or slanted, are weighed by how alike they are and where they stand; fitted on
text that was laid over 570 pictures. A line counts as subtitle or watermark by its place. One picture, or one in twenty, is
only mentioned.

## What to change

Remove the text (inpaint or crop it in a copy), replace the picture, or name it in the caption (`subtitle`, `watermark`,
`signature`) so that it can be left out of the prompt.

## When it is wrong

Lettering that belongs to the scene (shop signs, shirts) is text as well. Logos without letters, upright text and fewer than
five letters are not found.

## Sources

Labelled pictures: recall 0.91 to 0.92, told falsely 0 to 1 % of clean pictures; photographs: 2 of 200 and 5 of 24, three of
those with real lettering (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.overlay import REPORTED
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, about_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.pixels.model import PixelFacts


SAYS = Says("R126", "text-overlay")
TOLD = Told(
    severity=Severity.WATCH,
    severity_few=Severity.INFO,
    confidence=Confidence.MEDIUM,
    clear=Text("No text was found over a picture.", "没有发现叠加的文字。"),
    one="picture has text laid over it",
    many="pictures have text laid over them",
    zh="{count} 张图片上叠有文字：{names}。",
    why=Text("The LoRA writes it on everything.", "LoRA 会把它写到所有图上。"),
    fix=Text(
        "Remove the text, replace the picture, or name it in the caption.", "去除文字、替换图片，或在标注里写明。"
    ),
    evidence=Text("how sure", "把握"),
    limit=REPORTED,
    unit="of 1",
)


def check(case: Case) -> Iterator[Finding]:
    """Look for lines of letters."""
    yield about_pictures(case, SAYS, TOLD, _value)


def _value(facts: PixelFacts) -> float | None:
    """Return what is told of a picture that is to be told; None: it is fine."""
    return facts.overlays[0].score if facts.overlays else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
