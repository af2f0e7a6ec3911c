"""The run ended far worse than its base model.

## What it looks for

Training pictures on which the LoRA does much worse than the base model without it.

## Why it matters

Such a LoRA damages every picture it is used for. It does not come back: later checkpoints are worse.

## How we tell

The fixed probe: the same pictures, timesteps and noise, with the LoRA on and off. On the training pictures the loss ended more than
15 % above the base model's, and more than four times the jitter.

## What to change

`train.unet_lr` times 0.3 and no more than is usual for the family, with `train.max_grad_norm` at 1. Use a checkpoint from before the rise,
if there is one.

## When it is wrong

A LoRA that is meant to leave its base far behind (another objective, v-prediction taught to a model of noise) begins above its base.

## Sources

Public SD1.5 runs never end above the base on their training pictures, whatever they do to others. 15 % lies between unstable runs (2 to
12 %) and diverged ones (25 % and more) of the simulated training half; see docs/benchmark.md for what real runs said.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, changed, course, surety, unprobed
from orchestrator.diagnose.facts import NO_RUN, setting
from orchestrator.diagnose.levels import DIVERGED
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.probe import ProbeCurve

JITTERS = 4.0
LR_FACTOR = 0.3
"""Half a decade, the step people search in."""

SAYS = Says("R047", "diverging")


def check(case: Case) -> Iterator[Finding]:
    """Compare the end of the training pictures' curve with the base model."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    curve = None if seen is None else seen.train or seen.held_out
    if curve is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    if not math.isfinite(curve.last) or curve.last <= DIVERGED or not curve.last > JITTERS * curve.late_jitter:
        yield SAYS.clear(
            Text("The run did not end far above its base model.", "训练结束时没有远差于底模。"),
            [changed(curve, DIVERGED)],
        )
        return
    yield _fired(case, curve)


def _fired(case: Case, curve: ProbeCurve) -> Finding:
    since = _onset(curve)
    clip = setting(case, "max_grad_norm")
    changes = [*lower_rates(case, LR_FACTOR)]
    if isinstance(clip, (int, float)) and (clip == 0 or clip > 1):
        changes.append(Change("train.max_grad_norm", 1.0, float(clip), is_safe=True))
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.STOP,
        surety(case, curve.last / DIVERGED, least=1.3, is_about_others=False),
        Text(
            f"With the LoRA the training pictures are {curve.last:.0f} % worse than without it, from about step {since} on.",
            f"使用该 LoRA 时，训练图片的损失比不用时差 {curve.last:.0f} %，约从第 {since} 步开始。",
        ),
        why=Text("Updates too large destroyed what the base model knew.", "更新过大，毁掉了底模原有的能力。"),
        evidence=[
            changed(curve, DIVERGED),
            Evidence(Text("worse than the base from", "差于底模始于"), since, None, PROBE, "step"),
        ],
        fix=Fix(
            Text(
                f"Use a checkpoint from before step {since}, if it is better than none. Next time {rate.en}.",
                f"若第 {since} 步之前的检查点优于底模，则使用它。下次{rate.zh}。",
            ),
            tuple(changes),
        ),
        state=State.BROKEN,
    )


def _onset(curve: ProbeCurve) -> int:
    """Return the first probed step from which on all probes are worse than the base."""
    since = curve.steps[-1]
    for step, change in zip(reversed(curve.steps), reversed(curve.changes), strict=True):
        if math.isfinite(change) and change <= 0:
            break
        since = step
    return since


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    maturity="stable",
    suppresses=("unstable-training", "worse-than-base", "held-out-rising", "still-falling", "loss-trend"),
)
