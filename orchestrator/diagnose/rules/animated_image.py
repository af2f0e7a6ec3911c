"""Only the first frame of an animation is trained.

## What it looks for

WebP and PNG files with more than one frame.

## Why it matters

The trainer takes the first frame, which is often a title or a blend, and ignores the others.

## How we tell

From the header.

## What to change

Save the frame that you want as a picture of its own.

## When it is wrong

Where the first frame is the right one.

## Sources

sd-scripts 48d368fa with Pillow, run: first frame used; the size of animated WebP is read one pixel short by imagesize.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, subject_folders
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import Told, fired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.model import Picture


SAYS = Says("R125", "animated-image")
TOLD = Told(
    severity=Severity.WATCH,
    confidence=Confidence.HIGH,
    clear=Text("No picture is an animation.", "没有动画图片。"),
    one="picture is an animation: only its first frame is trained",
    many="pictures are animations: only their first frames are trained",
    zh="{count} 张图片是动画，只训练第一帧：{names}。",
    why=Text("The first frame need not be the one you mean.", "第一帧未必是你想要的。"),
    fix=Text("Save the frame that you want.", "另存想要的那一帧。"),
    evidence=Text("animated", "动画"),
    limit=0,
)


def check(case: Case) -> Iterator[Finding]:
    """Look for the trait in the headers."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pictures = [p for folder in subject_folders(case) for p in folder.pictures if p.width and p.height]
    found = {p.path: value for p in pictures if (value := _animated(p)) is not None}
    yield fired(SAYS, TOLD, found, len(pictures)) if found else SAYS.clear(TOLD.clear)


def _animated(picture: Picture) -> float | None:
    return 1 if "animated" in picture.traits else None


RULE = Rule(SAYS.id, SAYS.name, "both", check)
