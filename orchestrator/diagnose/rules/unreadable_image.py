"""A picture file cannot be read, or is damaged.

## What it looks for

Files with the name of a picture that are empty, cut off, something else inside, a broken link, a Git LFS pointer, too large for the
reader, or whose data is damaged.

## Why it matters

The trainer opens every picture when it caches latents and dies at the first bad one, minutes into the run, naming no file in older
versions. A damaged JPEG often opens all the same, and its rubbish is trained in silence.

## How we tell

From the header and the end of the file. `lora-run dataset check` decodes each picture as well, and checks that the compressed data of a
JPEG fits it.

## What to change

Replace or remove the named files.

## When it is wrong

A JPEG with bytes missing at its end may still open, with a grey strip; it is better replaced all the same. Of one flipped bit in a
JPEG about one in ten leaves the data valid, and is not seen.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_image`, PIL raises on truncated files; Pillow refuses more than 178,956,970 pixels).
Labelled files: every empty, cut and wrong one named, 45 of 50 and 6 of 6 with a flipped bit (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.dataset.model import Dataset

SAYS = Says("R008", "unreadable-image")
DAMAGED = "damaged-data"
"""It opens, and holds rubbish."""
MOST_SHOWN = 20
"""Files listed as evidence; the count says the rest."""


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures whose header is not that of a whole picture, or that cannot be decoded."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    bad = _problems(case.dataset)
    damaged = {path: problem for path, problem in bad.items() if problem == DAMAGED}
    fatal = {path: problem for path, problem in bad.items() if problem != DAMAGED}
    if not bad:
        sound = Text("Every picture has a sound header.", "所有图片的文件头都正常。")
        yield SAYS.clear(
            Text("Every picture can be read.", "所有图片都能读取。") if _is_decoded(case.dataset) else sound
        )
    if fatal:
        shown = names(list(fatal))
        what = Text(
            f"{plural(len(fatal), 'picture file', 'picture files')} cannot be read: {shown.en}.",
            f"{len(fatal)} 个图片文件无法读取：{shown.zh}。",
        )
        yield _fired(
            Severity.STOP, what, Text("The trainer dies at the first of them.", "训练器遇到第一个就会崩溃。"), fatal
        )
    if damaged:
        shown = names(list(damaged))
        what = Text(
            f"{plural(len(damaged), 'picture is', 'pictures are')} damaged: {shown.en}.",
            f"{len(damaged)} 张图片已损坏：{shown.zh}。",
        )
        yield _fired(
            Severity.FIX, what, Text("Its rubbish is trained in silence.", "损坏的内容会被默默训练。"), damaged
        )


def _problems(dataset: Dataset) -> dict[Path, str]:
    """Return what is wrong with each bad file: what the header says first, then what was seen when it was decoded."""
    facts = dataset.looked.facts if dataset.looked is not None else {}
    pictures = [picture for folder in dataset.folders for picture in folder.pictures]
    found = {p.path: p.problem or (facts[p.path].problem if p.path in facts else "") for p in pictures}
    return {path: problem for path, problem in found.items() if problem}


def _is_decoded(dataset: Dataset) -> bool:
    return dataset.looked is not None and dataset.looked.is_whole


def _fired(severity: Severity, what: Text, why: Text, bad: Mapping[Path, str]) -> Finding:
    return SAYS.fired(
        severity,
        Confidence.HIGH,
        what,
        why=why,
        evidence=[
            Evidence(Text("what is wrong", "问题"), problem, None, path.name)
            for path, problem in list(bad.items())[:MOST_SHOWN]
        ],
        fix=Fix(Text("Replace or remove these files.", "替换或移走这些文件。")),
        paths=list(bad),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
