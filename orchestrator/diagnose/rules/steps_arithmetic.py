"""The number of steps is not the one you asked for, or not the one the trainer counts.

## What it looks for

Two differences in the number of optimizer steps: between what your recipe asks for and what the plan reaches with whole
epochs, and between what the plan predicts and what the trainer announces as `total optimization steps`.

## Why it matters

Steps are the length of the training. Repeats, epochs, batch size, accumulation, aspect buckets and regularisation pictures all
go into them, and left to the trainer's defaults a run is 1600 steps long whatever you meant.

## How we tell

The plan counts like the trainer: per aspect bucket, samples (pictures x repeats) divided by `train.train_batch_size` and rounded
up; the sum divided by `train.gradient_accumulation_steps` and rounded up gives the steps of one epoch; times epochs gives the
total. A wish that is missed by more than 10 % is told. After the run the trainer's own announcement has to be the same number.

## What to change

Where only the wish is missed: nothing, or another `train.target_steps`, `train.max_train_epochs` or `num_repeats`; where
`train.exposures_per_image` decides, more pictures or a wider band; where one epoch alone is longer, a lower `num_repeats`. Whole epochs are meant: checkpoints and validation happen at their ends. Where the trainer announces another number than the plan, look at
what differs: pictures that were added or could not be read, another trainer version, options set outside the recipe.

## When it is wrong

A resumed run announces the steps of the whole schedule, not those that are left.

## Sources

sd-scripts 48d368fa, `train_network.py` and `train_util.py` (bucket rounding, `total optimization steps`), run with 1-3 buckets,
accumulation and regularisation pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import LONGER_AT_BAND, deciding_key, fact, is_held_short
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Location

WISH_TOLERANCE = 0.10
"""Share of the wish that whole epochs may miss before it is told: half an epoch of a run of five."""

_ASKED = {
    Source.RECIPE: Text("You asked for", "你要"),
    Source.COMMAND_LINE: Text("The command line asks for", "命令行要"),
    Source.PRESET: Text("The preset asks for", "预设要"),
}
"""Who wished for the steps."""
_WHOLE = Text(
    "Whole epochs are meant. `lora-run plan` shows the sum line by line.",
    "按整轮计算是有意的。`lora-run plan` 会逐行列出算式。",
)
_DECIDES = {
    "train.target_steps": Text("whole epochs give", "按整轮计算为"),
    "train.max_train_epochs": Text("`train.max_train_epochs` decides", "由 `train.max_train_epochs` 决定，为"),
    "train.exposures_per_image": Text("`train.exposures_per_image` allows", "`train.exposures_per_image` 只允许"),
    "num_repeats": Text("`num_repeats` decides", "由 `num_repeats` 决定，为"),
}
"""What made it another number, by the key that decides."""
_ADVICE = {
    "train.target_steps": _WHOLE,
    "train.exposures_per_image": _WHOLE,
    "train.max_train_epochs": Text(
        "Nothing to do where the epochs are meant; else leave `train.max_train_epochs` out: then `train.target_steps` decides.",
        "若轮数正是你想要的，则无需改动；否则去掉 `train.max_train_epochs`，改由 `train.target_steps` 决定。",
    ),
    "num_repeats": Text(
        "Lower `num_repeats`, or leave it out: then `train.target_steps` decides.",
        "降低 `num_repeats`，或去掉它，改由 `train.target_steps` 决定。",
    ),
}

SAYS = Says("R003", "steps-arithmetic")


def check(case: Case) -> Iterator[Finding]:
    """Compare wish, plan and the trainer's announcement."""
    if case.plan is None:
        yield SAYS.not_applicable(Text("No plan of ours to compare with.", "没有本工具的计划可比较。"))
        return
    planned, announced = case.plan.steps.total_steps, fact(case, "total_steps")
    if announced is not None and int(announced) != planned:
        yield _other_total(planned, int(announced))
        return
    wish = case.recipe.train.target_steps if case.recipe is not None else None
    if wish is not None and abs(planned - wish) > WISH_TOLERANCE * wish:
        yield _wish_missed(case, planned, wish)
        return
    source = "the trainer announced the same" if announced is not None else "plan"
    yield SAYS.clear(
        Text(f"The plan is {planned} optimizer steps.", f"计划为 {planned} 个优化器步。"),
        [Evidence(Text("planned optimizer steps", "计划步数"), planned, wish, source, "steps")],
    )


def _other_total(planned: int, announced: int) -> Finding:
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"The plan says {planned} steps, the trainer announced {announced}.",
            f"计划为 {planned} 步，训练器却报告 {announced} 步。",
        ),
        why=Text(
            "Then the trainer saw other pictures or settings than the plan did.",
            "说明训练器看到的图片或设置与计划不同。",
        ),
        evidence=[
            Evidence(
                Text("total optimization steps", "优化总步数"),
                announced,
                planned,
                "console: total optimization steps",
                "steps",
            )
        ],
        fix=Fix(
            Text(
                "Look for pictures the trainer skipped or found more of, and for options set outside the recipe.",
                "检查训练器漏读或多读的图片，以及在配方之外设置的选项。",
            )
        ),
    )


def _wish_missed(case: Case, planned: int, wish: int) -> Finding:
    assert case.plan is not None  # noqa: S101 - the caller looked
    steps, target, key = case.plan.steps, case.plan.target, deciding_key(case)
    asked = _ASKED[Source.RECIPE if target is None else target.source]
    reason = _DECIDES[key]
    epochs = plural(steps.epochs, "epoch", "epochs")
    is_too_short = key == "train.exposures_per_image" and is_held_short(case)
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        Text(
            f"{asked.en} {wish} steps; {reason.en} {planned}: {epochs} of {steps.steps_per_epoch} steps.",
            f"{asked.zh} {wish} 步；{reason.zh} {planned} 步：{steps.epochs} 轮，每轮 {steps.steps_per_epoch} 步。",
        ),
        evidence=[
            Evidence(Text("planned optimizer steps", "计划步数"), planned, wish, "plan", "steps"),
            Evidence(
                Text("each picture is seen", "每张图片出现次数"),
                round(steps.exposures_per_image, 1),
                None,
                "plan",
                "times",
            ),
        ],
        fix=Fix(LONGER_AT_BAND if is_too_short else _ADVICE[key]),
        where=_where(case, key),
    )


def _where(case: Case, key: str) -> Location | None:
    """Return the line that decides the length where somebody wrote one, else the line of the wish."""
    assert case.plan is not None  # noqa: S101 - the caller looked
    decided, target = case.plan.train.get("max_train_epochs"), case.plan.target
    if key == "train.max_train_epochs" and decided is not None:
        return decided.where
    return target.where if target is not None else None


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
