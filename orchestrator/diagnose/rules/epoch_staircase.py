"""The loss steps down from epoch to epoch.

## What it looks for

A training loss that stands still within an epoch and steps down where the next one begins.

## Why it matters

What is learned for all pictures falls evenly. A loss that falls only when a picture comes back is the memory of that picture.

## How we tell

The loss with timestep and picture taken out is fitted with a smooth course and one step per epoch. It fires where the step is 2.33
standard errors (one in a hundred by chance) and the loss fell by more than 7 % over the run. At least three boundaries.

## What to change

More different pictures, fewer repeats, or fewer steps: stop before the steps begin.

## When it is wrong

It finds few: in simulated runs with stairs the noise of single steps hid seven of ten. Clear therefore means little; held-out
pictures say more (`validate.hold_out`). A schedule with restarts in time with the epochs looks the same.

## Sources

Simulated runs, even seeds: 9 of 30 with stairs found, three findings in 900 others, none in 90 sound ones. Low confidence until real
runs were measured. Tutorials read stairs off the raw loss: its own
timestep noise is some ten times larger than the stairs, so there they cannot be seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import MUCH
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.measured import conditioned, level_change, steps_per_epoch
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.staircase import LEAST_EPOCHS, staircase
from orchestrator.diagnose.single_pictures import LOST, PICTURES, is_lost, unlogged

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_Z = 2.33

SAYS = Says("R056", "epoch-staircase")


def check(case: Case) -> Iterator[Finding]:
    """Fit a step per epoch to the conditioned loss."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    found, length, change = conditioned(case), steps_per_epoch(case), level_change(case)
    if found is None or change is None:
        yield SAYS.inconclusive(*unlogged(case))
        return
    if is_lost(case):
        yield SAYS.not_applicable(LOST)
        return
    seen = staircase(found.steps, found.levels, found.counts, length) if length else None
    if seen is None:
        yield SAYS.inconclusive(
            Text("Fewer than three boundaries between epochs can be seen.", "可见的轮次边界少于三个。"),
            Text(
                f"A run of at least {LEAST_EPOCHS} epochs of some steps each.",
                f"至少 {LEAST_EPOCHS} 轮的训练，每轮有若干步。",
            ),
        )
        return
    facts = [
        Evidence(
            Text("step down per epoch, standard errors", "每轮的下降台阶（标准误）"),
            significant(seen.z, 3),
            LEAST_Z,
            PICTURES,
        ),
        Evidence(
            Text("step down per epoch", "每轮的下降台阶"),
            significant(100 * -math.expm1(-seen.drop)),
            None,
            PICTURES,
            "%",
        ),
        Evidence(
            Text("change of the training loss", "训练损失变化"),
            significant(change.percent, 3),
            -MUCH,
            PICTURES,
            "%",
        ),
    ]
    if not (seen.z > LEAST_Z and change.percent < -MUCH):
        yield SAYS.clear(
            Text("No stairs stand out from the noise.", "噪声之上看不出台阶。"), facts, confidence=Confidence.LOW
        )
        return
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"The loss steps down by about {-math.expm1(-seen.drop):.1%} at each of {seen.epochs:.0f} epochs: pictures are remembered.",
            f"损失在 {seen.epochs:.0f} 轮中每轮约下降 {-math.expm1(-seen.drop):.1%}，呈台阶状：模型在记住图片。",
        ),
        why=Text(
            "What holds for all pictures is learned evenly; memory shows when a picture comes back.",
            "共性是均匀学到的；对单张图片的记忆在其再次出现时才显现。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "Add different pictures, lower the repeats, or use an earlier checkpoint.",
                "增加不同的图片，减少重复次数，或使用更早的检查点。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
