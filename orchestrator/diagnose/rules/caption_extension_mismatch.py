"""Captions are there, with another file extension than the one that is read.

## What it looks for

Pictures that lack a caption with the extension in use, but have one with another known extension (`.txt`, `.caption`).

## Why it matters

The trainer reads one extension only, by default `.caption`, while most tools write `.txt`. Training then runs without captions and
says so in one line among hundreds.

## How we tell

Both extensions are looked for beside each picture.

## What to change

Where all captions of a folder have the other extension: `caption_extension` of the concept. Where they are mixed: rename the files.

## When it is wrong

Two sets of captions kept side by side on purpose, one of them incomplete.

## Sources

sd-scripts 48d368fa (default of `caption_extension`); kohya_ss issues 927, 988, 1370.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.dataset.model import Folder

OTHER = {".txt": ".caption", ".caption": ".txt"}

SAYS = Says("R010", "caption-extension-mismatch")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions that are not read because of their extension."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    is_clear = True
    for index, folder in enumerate(case.dataset.folders):
        if folder.other_captions:
            is_clear = False
            yield _fired(folder, index)
    if is_clear:
        yield SAYS.clear(Text("All captions have the extension that is read.", "所有标注的扩展名都与读取的一致。"))


def _fired(folder: Folder, index: int) -> Finding:
    name, count, extension = folder.image_dir.name, folder.other_captions, folder.caption_extension
    other = OTHER.get(extension, ".txt")
    changes: tuple[Change, ...] = ()
    advice = Text(f"Rename them to end in `{extension}`.", f"把它们的扩展名改为 `{extension}`。")
    if not folder.captioned:
        changes = (Change(f"concepts.{index}.caption_extension", other, extension, is_safe=True),)
        advice = Text(
            f"Set `caption_extension: {other}` for this concept.", f"为该概念设 `caption_extension: {other}`。"
        )
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(count, 'caption is', 'captions are')} not read in `{name}`: `{extension}` is looked for, not `{other}`.",
            f"`{name}` 中有 {count} 个标注不会被读取：读取的是 `{extension}`，它们却是 `{other}`。",
        ),
        why=Text("The trainer reads one extension only.", "训练器只读一种扩展名。"),
        evidence=[Evidence(Text("captions with another extension", "扩展名不符的标注"), count, 0, name)],
        fix=Fix(advice, changes),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", suppresses=("missing-caption",))
