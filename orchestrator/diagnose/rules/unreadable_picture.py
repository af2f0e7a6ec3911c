"""A picture file cannot be read.

## What it looks for

Files with the name of a picture that are empty, cut off, something else inside, a broken link, or a Git LFS pointer.

## Why it matters

The trainer opens every picture when it caches latents and dies at the first bad one, minutes into the run, naming no file in older
versions.

## How we tell

From the header and the end of the file. Pixels are not decoded, so damage in the middle of a file stays unseen.

## What to change

Replace or remove the named files.

## When it is wrong

A JPEG with bytes missing at its end may still open, with a grey strip; it is better replaced all the same.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_image`, PIL raises on truncated files).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R008", "unreadable-picture")
MOST_SHOWN = 20
"""Files listed as evidence; the count says the rest."""


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures whose header is not that of a whole picture."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    bad = [picture for folder in case.dataset.folders for picture in folder.pictures if picture.problem]
    if not bad:
        yield SAYS.clear(Text("Every picture has a sound header.", "所有图片的文件头都正常。"))
        return
    shown = names([picture.path for picture in bad])
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            f"{plural(len(bad), 'picture file', 'picture files')} cannot be read: {shown.en}.",
            f"{len(bad)} 个图片文件无法读取：{shown.zh}。",
        ),
        why=Text("The trainer dies at the first of them.", "训练器遇到第一个就会崩溃。"),
        evidence=[
            Evidence(Text("what is wrong", "问题"), picture.problem, None, picture.path.name)
            for picture in bad[:MOST_SHOWN]
        ],
        fix=Fix(Text("Replace or remove these files.", "替换或移走这些文件。")),
        paths=[picture.path for picture in bad],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
