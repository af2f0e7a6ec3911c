"""A picture is too small for the training resolution.

## What it looks for

Pictures that the trainer has to enlarge by more than half as much again to fill the training resolution.

## Why it matters

Enlarged pictures hold no detail: the LoRA learns soft edges and, where it was a JPEG, its blocks.

## How we tell

The side of the training resolution over the square root of the picture's pixels, as buckets keep the area. Where the resolution
is not known, 512 stands for it, the smallest that the supported families are trained at. With `bucket_no_upscale` nothing is
enlarged and small pictures are trained small.

## What to change

Use a larger original, or remove the picture. Upscalers invent detail, which is then learned.

## When it is wrong

Pixel art and icons, which are meant to be small.

## Sources

domain-rules D12 and the trainer's buckets (sd-scripts 48d368fa, `train_util.py`, `BucketManager.select_bucket`); the limit of
1.5 is this project's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, resolution_side, setting, subject_folders
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, fired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.model import Picture

ENLARGED_ABOVE = 1.5
"""Times per side."""
SMALLEST = 512

SAYS = Says("R121", "image-too-small")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.HIGH,
    clear=Text("No picture is enlarged by more than half as much again.", "没有需要放大一半以上的图片。"),
    one="picture is too small",
    many="pictures are too small",
    zh="{count} 张图片过小：{names}。",
    why=Text("Enlarged pictures hold no detail to learn.", "放大的图片没有细节可学。"),
    fix=Text("Use larger originals, or remove them.", "使用更大的原图，或移走它们。"),
    evidence=Text("enlarged per side", "每边放大倍数"),
    limit=ENLARGED_ABOVE,
    unit="x",
)


def check(case: Case) -> Iterator[Finding]:
    """Compare each picture with the training resolution."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pictures = [p for folder in subject_folders(case) for p in folder.pictures if p.width and p.height]
    if setting(case, "bucket_no_upscale"):
        yield SAYS.clear(Text("Small pictures are trained small: nothing is enlarged.", "小图按小图训练：不会放大。"))
        return
    side = resolution_side(case) or SMALLEST
    found = {p.path: value for p in pictures if (value := _enlarged(p, side)) is not None}
    yield fired(SAYS, TOLD, found, len(pictures)) if found else SAYS.clear(TOLD.clear)


def _enlarged(picture: Picture, side: float) -> float | None:
    times = side / math.sqrt(picture.width * picture.height)
    return times if times > ENLARGED_ABOVE else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
