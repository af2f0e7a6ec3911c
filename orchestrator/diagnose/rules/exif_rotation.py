"""A photograph trains lying on its side.

## What it looks for

Pictures whose EXIF data says that they have to be turned.

## Why it matters

Viewers turn such pictures, the trainer does not: you see an upright person, the model learns a lying one.

## How we tell

The EXIF orientation in the header; anything but 1.

## What to change

Save the pictures turned (for example with `mogrify -auto-orient` or any editor's "rotate and save").

## When it is wrong

A wrong EXIF entry on an upright picture.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_image` without `exif_transpose`), run with a turned JPEG.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R018", "exif-rotation")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures that viewers turn and the trainer does not."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    turned = [p.path for folder in case.dataset.folders for p in folder.pictures if p.orientation != 1]
    if not turned:
        yield SAYS.clear(Text("No picture is turned by its EXIF data.", "没有图片带 EXIF 旋转。"))
        return
    shown = names(turned)
    yield SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(len(turned), 'picture trains', 'pictures train')} turned or mirrored: {shown.en}.",
            f"{len(turned)} 张图片会以旋转或镜像的样子训练：{shown.zh}。",
        ),
        why=Text("Viewers apply the EXIF orientation, the trainer does not.", "看图软件会应用 EXIF 方向，训练器不会。"),
        evidence=[Evidence(Text("pictures with an EXIF orientation", "带 EXIF 方向的图片"), len(turned), 0)],
        fix=Fix(Text("Save them turned, without the EXIF entry.", "把图片旋转后另存，去掉 EXIF 方向。")),
        paths=turned,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
