"""Two pictures have the same name but for the extension.

## What it looks for

Pictures such as `a.png` and `a.jpg` in one folder; also `A.png` and `a.png`, and an `é` written in two ways.

## Why it matters

They share one caption file and, when latents are cached to disk, one cache file: the second is then trained with the first one's
pixels. Names that differ in case or in the form of an accent only are two files here and one on Windows, macOS and many shares: a
copy of the folder there loses one of them.

## How we tell

Equal stems within a folder; then stems that are equal once case and form of accents are taken away, which are worth a look.

## What to change

Rename or remove one of them. Mostly it is the same picture twice.

## When it is wrong

Without disk caches and with a caption that fits both, nothing is lost but the balance.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`; cache names are made from the stem).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.layout import folded
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.dataset.model import Dataset, Folder

SAYS = Says("R019", "shared-stem")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures that share a stem."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    shared = [stem for folder in case.dataset.folders for stem in folder.shared_stems]
    alike = [paths for folder in case.dataset.folders for paths in _alike(folder)]
    if shared:
        yield _shared(case.dataset, shared)
    if alike:
        yield _told_alike(alike)
    if not shared and not alike:
        yield SAYS.clear(Text("Every picture has a name of its own.", "每张图片的名称都不同。"))


def _alike(folder: Folder) -> list[list[Path]]:
    """Return the pictures whose names some file system takes for one, though they are not equal."""
    found: dict[str, list[Path]] = defaultdict(list)
    for picture in folder.pictures:
        found[folded(picture.path.stem)].append(picture.path)
    return [paths for paths in found.values() if len({path.stem for path in paths}) > 1]


def _shared(dataset: Dataset, shared: Sequence[str]) -> Finding:
    pictures = [p.path for f in dataset.folders for p in f.pictures if p.path.stem in set(f.shared_stems)]
    shown = names(shared)
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{plural(len(shared), 'name belongs', 'names belong')} to more than one picture: {shown.en}.",
            f"{len(shared)} 个名称对应多张图片：{shown.zh}。",
        ),
        why=Text("They share one caption and one latent cache file.", "它们共用一个标注和一个潜变量缓存文件。"),
        evidence=[Evidence(Text("shared names", "重复的名称"), len(shared), 0)],
        fix=Fix(Text("Rename or remove one of each.", "改名或移走其中一张。")),
        paths=pictures,
    )


def _told_alike(alike: Sequence[Sequence[Path]]) -> Finding:
    paths = [path for group in alike for path in group]
    shown = names(paths, 4)
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(len(paths), 'name differs', 'names differ')} from another in case or the form of an accent only: {shown.en}.",
            f"{len(paths)} 个名称与另一个只差大小写或重音符号的写法：{shown.zh}。",
        ),
        why=Text(
            "Where names are compared without that, on Windows, macOS and many shares, one file takes the place of the other.",
            "在不区分这些的系统上（Windows、macOS 与许多网络共享），一个文件会取代另一个。",
        ),
        evidence=[Evidence(Text("names that are equal elsewhere", "在别处视为相同的名称"), len(paths), 0)],
        fix=Fix(Text("Rename one of each.", "给其中一张改名。")),
        paths=paths,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
