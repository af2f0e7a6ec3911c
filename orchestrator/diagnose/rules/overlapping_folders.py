"""A picture that is kept apart is trained on as well.

## What it looks for

The same picture, or a copy of it, in a folder that is trained on and among the regularisation or the held-out pictures.

## Why it matters

Regularisation pictures show what the class looks like *without* the subject: one that is a training picture teaches the class to be the
subject. A held-out picture whose copy is trained on gets better when the model learns by heart, and so hides just that.

## How we tell

Equal files, by size and content; where the pixels were looked at also copies (resized, cropped, compressed anew ...), over all folders. In a
recipe `concepts.is_reg` and the plan's hold-out say what a folder is for, in `lora-run dataset check DIR` the folders' names (`reg`, `val`
...). Equal files among a plan's own held-out pictures are told by the plan.

## What to change

Take the picture out of one of the two folders. Of a held-out picture and its copy keep one.

## When it is wrong

Frames of one scene count as copies of each other; between training and validation that is as bad. Folders that only happen to be called
`test` or `reg`.

## Sources

domain-rules D9; recipe-facts (3.4, complaint 13: duplicates of training and validation). Two labelled sets, copies held out: 143 of 143
named, none falsely (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.overlap import find_overlaps
from orchestrator.diagnose.facts import NO_DATASET, file_name, names
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.plan.holdout import held_out_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.dataset.overlap import Overlap

MOST_SHOWN = 20
"""Pairs listed as evidence; the count and the paths say the rest."""
_SIDES = {
    "regularisation": Text("regularisation pictures", "正则图片"),
    "validation": Text("held-out pictures", "留出图片"),
}
_WHY = {
    "regularisation": Text("The class is taught to look like the subject.", "类别会被教成主体的样子。"),
    "validation": Text(
        "It gets better by learning by heart, which it should show.", "死记也会让它变好，而它本应揭示死记。"
    ),
}
_FIX = {
    "regularisation": Text("Take it out of the regularisation folder.", "把它移出正则图片文件夹。"),
    "validation": Text("Keep one of the two.", "两者只保留其一。"),
}

SAYS = Says("R137", "overlapping-folders")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures on both sides."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    found = find_overlaps(case.dataset, held_out_files(case.plan))
    if found is None:
        yield SAYS.not_applicable(
            Text("All pictures are trained on: nothing is kept apart.", "所有图片都参与训练，没有需要分开的。")
        )
        return
    for role in _SIDES:
        some = [overlap for overlap in found if overlap.role == role]
        if some:
            yield _fired(role, some)
    if not found:
        is_compared = case.dataset.looked is not None and case.dataset.looked.groups is not None
        yield SAYS.clear(
            Text("No picture that is kept apart is trained on.", "需要分开的图片都没有参与训练。"),
            confidence=Confidence.HIGH if is_compared else Confidence.MEDIUM,
        )


def _fired(role: str, found: Sequence[Overlap]) -> Finding:
    apart = [path for overlap in found for path in overlap.apart]
    shown, side = names(apart), _SIDES[role]
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{len(apart)} of the {side.en} {'is' if len(apart) == 1 else 'are'} trained on as well: {shown.en}.",
            f"{side.zh}中有 {len(apart)} 张也参与训练：{shown.zh}。",
        ),
        why=_WHY[role],
        evidence=[
            Evidence(
                Text("the same file is trained on as", "相同的文件也用于训练")
                if overlap.is_exact
                else Text("a copy is trained on as", "其副本也用于训练"),
                ", ".join(file_name(path, overlap.paths) for path in overlap.trained[:3]),
                None,
                file_name(overlap.apart[0], overlap.paths),
            )
            for overlap in found[:MOST_SHOWN]
        ],
        fix=Fix(_FIX[role]),
        paths=[path for overlap in found for path in overlap.paths],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
