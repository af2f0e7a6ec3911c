"""Pictures the run did not see are worse with the LoRA than without it, all the way.

## What it looks for

A held-out loss that lies above the base model's at every probe.

## Why it matters

The training loss may fall all the while: such a run looks healthy on the usual curve. Measured on a public SD1.5 run: the training loss
fell by a third, held-out pictures ended 36 % worse than an almost untouched model and were never better.

## How we tell

The fixed probe on held-out pictures (on training pictures where none are held out): more than 1 % above the base model at every probe after
the first tenth of the run, and never more than 0.2 % better. Where the training pictures got better meanwhile, they were learned by
heart; where they did not, the learning rate destroys.

## What to change

`train.unet_lr` times 0.3. Then the captions: a trigger word that is missing, or captions of other pictures, teach nothing that holds for a
new picture.

## When it is wrong

Held-out pictures of another kind than the training pictures cannot get better.

## Sources

Public SD1.5 runs (spacepxl/demystifying-sd-finetuning): lr 1e-4 as above; the limits lie between it and 0.3 % of sound runs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, Course, changed, course, surety, unprobed
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

WORSE, BETTER = 1.0, -0.2
"""Percent against the base: above at every probe, and never below; see Sources."""
SETTLED = 0.1
"""Share of the run after which every probe counts."""
LR_FACTOR = 0.3

SAYS = Says("R049", "worse-than-base")


def check(case: Case) -> Iterator[Finding]:
    """Look whether the decisive curve ever was below the base."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    curve = seen.decisive
    late = [c for s, c in zip(curve.steps, curve.changes, strict=True) if s >= SETTLED * curve.steps[-1]]
    lowest = min((c for c in late if math.isfinite(c)), default=math.nan)
    facts = [
        Evidence(
            Text("lowest after the first tenth", "首个十分之一之后的最低值"), significant(lowest, 3), WORSE, PROBE, "%"
        ),
        changed(curve, is_held_out=seen.held_out is not None),
    ]
    if not lowest > WORSE or not curve.best > BETTER:
        yield SAYS.clear(Text("The LoRA was not always worse than its base model.", "LoRA 并非始终差于底模。"), facts)
        return
    yield _fired(case, seen, lowest, facts)


def _fired(case: Case, seen: Course, lowest: float, facts: list[Evidence]) -> Finding:
    is_by_heart = seen.held_out is not None and seen.train is not None and seen.train.has_learned
    if seen.train is not None and seen.held_out is not None:
        facts = [*facts, changed(seen.train)]
    who = ("Pictures it did not see", "没有见过的图片") if seen.held_out is not None else ("Its pictures", "训练图片")
    why = (
        Text("It learned its pictures by heart and nothing else.", "它只是死记了训练图片。")
        if is_by_heart
        else Text("The learning rate destroys more than is learned.", "学习率造成的破坏大于所学。")
    )
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.FIX,
        surety(case, lowest / WORSE),
        Text(
            f"{who[0]} were worse with the LoRA than without it at every probe, by {seen.decisive.last:.1f} % at the end.",
            f"{who[1]}在每次探针中使用 LoRA 都比不用更差，结束时差 {seen.decisive.last:.1f} %。",
        ),
        why=why,
        evidence=facts,
        fix=Fix(
            Text(
                f"Next time {rate.en}; then look at captions and trigger word.",
                f"下次{rate.zh}；再检查标注与触发词。",
            ),
            lower_rates(case, LR_FACTOR),
        ),
        state=State.OVERFIT if is_by_heart else State.UNSTABLE,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("held-out-rising", "still-falling"))
