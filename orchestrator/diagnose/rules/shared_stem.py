"""Two pictures have the same name but for the extension.

## What it looks for

Pictures such as `a.png` and `a.jpg` in one folder.

## Why it matters

They share one caption file and, when latents are cached to disk, one cache file: the second is then trained with the first one's
pixels.

## How we tell

Equal stems within a folder.

## What to change

Rename or remove one of them. Mostly it is the same picture twice.

## When it is wrong

Without disk caches and with a caption that fits both, nothing is lost but the balance.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption`; cache names are made from the stem).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R019", "shared-stem")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures that share a stem."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    shared = [stem for folder in case.dataset.folders for stem in folder.shared_stems]
    pictures = [p.path for f in case.dataset.folders for p in f.pictures if p.path.stem in set(f.shared_stems)]
    if not shared:
        yield SAYS.clear(Text("Every picture has a name of its own.", "每张图片的名称都不同。"))
        return
    shown = names(shared)
    yield SAYS.fired(
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


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
