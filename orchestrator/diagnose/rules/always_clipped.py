"""Nearly every step is clipped.

## What it looks for

Gradients that are longer than `train.max_grad_norm` in more than 80 % of the steps.

## Why it matters

Clipping is there for the rare bad batch. Where it cuts every step, all gradients have the same length, whatever they had to say: a bad batch weighs as much as a
good one. With SGD it is clipping, and no longer the learning rate, that sets the size of the steps.

## How we tell

Telemetry holds the length of the gradient before clipping: the share of steps that were cut, where at least 100 are known.

## What to change

`train.max_grad_norm` times 2, or `train.unet_lr` times 0.7. One of the two.

## When it is wrong

Adam and its relatives divide by the gradient's own size, so that the learning rate keeps its meaning; there it is a remark, not a fault.

## Sources

Measured on the simulated training half: sound runs clip 0 to 14 % of their steps, runs near the limit up to 44 %, runs with three to ten times the
limit more than 99 %. Recorded sound runs of sd-scripts with a limit of 1: no step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, number, significant, steps_logged, telemetry, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 0.8
"""Share of the steps; see Sources."""
LEAST_STEPS = 100

SAYS = Says("R076", "always-clipped")


def check(case: Case) -> Iterator[Finding]:
    """Count the steps that clipping shortened."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    limit = number(case, "max_grad_norm")
    if limit == 0:
        yield SAYS.not_applicable(Text("Nothing is clipped in this run.", "该次训练不做裁剪。"))
        return
    seen = telemetry(case)
    known = [one for one in seen.steps.clipped if math.isfinite(one)] if seen is not None else []
    if len(known) < LEAST_STEPS:
        few = Text(
            f"The length of the gradients is known of {len(known)} steps only.", f"只有 {len(known)} 步的梯度长度。"
        )
        none = Text("The length of the gradients was not recorded.", "没有记录梯度的长度。")
        yield SAYS.inconclusive(few if known else none, steps_logged(case, LEAST_STEPS))
        return
    share = math.fsum(known) / len(known)
    facts = [
        Evidence(
            Text("share of the steps that were clipped", "被裁剪的步数占比"),
            significant(share),
            MOST,
            "telemetry: steps",
        )
    ]
    if share <= MOST:
        yield SAYS.clear(Text("Clipping is the exception.", "裁剪只是例外。"), facts)
        return
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{share:.0%} of the steps were clipped: the limit sets the size of the steps.",
            f"{share:.0%} 的步被裁剪：步子的大小由裁剪上限决定。",
        ),
        why=Text("The limit is too low for these gradients.", "对这样的梯度而言上限过低。"),
        evidence=facts,
        fix=Fix(
            Text("Twice the limit, or a somewhat lower learning rate.", "上限加倍，或略微降低学习率。"),
            () if limit is None else (Change("train.max_grad_norm", limit * 2, limit),),
        ),
        where=where(case, "max_grad_norm"),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
