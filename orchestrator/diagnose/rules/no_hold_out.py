"""No pictures are held out, so memorising cannot be proved.

## What it looks for

A data set of 12 pictures or more without any held-out picture.

## Why it matters

The training loss falls while a LoRA learns and while it memorises. Only pictures it never saw tell the two apart.

## How we tell

The plan, or the trainer's validation settings.

## What to change

`validate.hold_out: auto` keeps a tenth back, 2 to 8 pictures. Where it is set and every picture is there twice, none is held out: keep one
of each.

## When it is wrong

Under 12 pictures each one is needed for training; the rule keeps quiet then. Where you judge by sample pictures alone, ignore it.

## Sources

On public SD1.5 runs a good fine-tune lowers the held-out loss by 0.3 to 1.9 %, an overtrained one raises it by 23 % while the training
loss falls by 50 %. "Train and watch the samples" is the common practice; the held-out loss shows it earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import number, series
from orchestrator.diagnose.measured import EPOCH_AVERAGE
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_PICTURES = 12
"""Below, two held-out pictures are a sixth of the set and more."""

AUTO = Text("Set `validate.hold_out: auto`.", "设 `validate.hold_out: auto`。")
ONE_OF_EACH = Text(
    "Keep one of each equal picture: a held-out one whose copy is trained on proves nothing.",
    "相同的图片只保留一张：留出的图片若有副本参与训练，就什么也证明不了。",
)

SAYS = Says("R028", "no-hold-out")


def check(case: Case) -> Iterator[Finding]:
    """Look whether anything is held out."""
    pictures = _pictures(case)
    if _has_hold_out(case):
        yield SAYS.clear(Text("Pictures are held out.", "有留出的图片。"))
    elif pictures is None:
        yield SAYS.not_applicable(Text("The number of pictures is not known.", "图片数未知。"))
    elif pictures < LEAST_PICTURES:
        yield SAYS.not_applicable(
            Text(
                f"With {pictures} pictures each one is needed for training.",
                f"只有 {pictures} 张图片，每张都要用于训练。",
            )
        )
    else:
        yield SAYS.fired(
            Severity.INFO,
            Confidence.HIGH,
            Text("No pictures are held out: memorising could not be proved.", "没有留出图片：无法证明是否死记。"),
            evidence=[Evidence(Text("held-out pictures", "留出的图片"), 0, 2, "plan")],
            fix=Fix(ONE_OF_EACH if _is_asked_for(case) else AUTO),
        )


def _is_asked_for(case: Case) -> bool:
    """Return whether the recipe wants a hold-out that the planner took back: nothing but copies was there to hold out."""
    has_copies = case.dataset is None or bool(case.dataset.equal_files)
    return case.recipe is not None and has_copies and case.recipe.validate_.hold_out != 0


def _has_hold_out(case: Case) -> bool:
    if case.plan is not None:
        return case.plan.validation is not None
    return bool(number(case, "validation_split")) or series(case, EPOCH_AVERAGE) is not None


def _pictures(case: Case) -> int | None:
    if case.dataset is not None:
        return case.dataset.train_picture_count
    return sum(len(s.sizes) for s in case.plan.subsets if not s.is_reg) if case.plan is not None else None


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
