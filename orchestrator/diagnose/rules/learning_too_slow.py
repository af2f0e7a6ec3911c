"""It learns, evenly and far too slowly.

## What it looks for

A small gain that grew in a straight line to the very end.

## Why it matters

More steps would cost hours; a higher learning rate costs nothing.

## How we tell

The fixed probe on the training pictures: better than the base by more than three jitters and by less than 1.6 %, after 100 steps or more, and
the last third of the run brought its full share of it: three quarters or more of what its share of the summed learning rates would bring
on an even course. A run whose rate is right has bent by then; one that ended before its plan did need not have.

## What to change

`train.unet_lr` times 2 up to the top of the family's range, from below that range to its middle; not more steps.

## When it is wrong

A base model that nearly knows the subject has little left to gain.

## Sources

Public SD1.5 runs with low rates gain evenly to their end; sound runs gain 2 to 30 % on training pictures. Limits from the simulated
training half; preview until real runs have shown it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import LITTLE, PROBE, changed, course, ending, unprobed
from orchestrator.diagnose.facts import NO_RUN, significant, to_the_end, unreached_steps
from orchestrator.diagnose.remedies import raise_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_STEPS = 100
EVEN = 0.75
"""What the last third brought at least, of what its share of the summed learning rates is due on an even course."""
LR_FACTOR = 2.0

SAYS = Says("R051", "learning-too-slow")


def check(case: Case) -> Iterator[Finding]:
    """Look for a small, even gain."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    curve = None if seen is None else seen.train or seen.held_out
    line = ending(case, curve) if curve is not None else None
    if curve is None or line is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    gain = -curve.last
    share = line.third / gain / line.due if gain > 0 and line.due > 0 else 0.0
    steps, planned = curve.steps[-1], unreached_steps(case, curve.steps[-1])
    facts = [
        changed(curve, LITTLE),
        Evidence(
            Text("last third, of what is due on an even course", "末三分之一，相对匀速应有的份额"),
            significant(share, 2),
            EVEN,
            PROBE,
        ),
    ]
    is_small_and_real = curve.has_learned and gain < LITTLE
    if steps < LEAST_STEPS or not is_small_and_real or share < EVEN:
        yield SAYS.clear(Text("It was not merely slow.", "并非只是学得慢。"), facts)
        return
    if planned is not None:
        yield SAYS.inconclusive(
            Text("It gained little, and ended early.", "收益很少，但训练提前结束。"), to_the_end(steps, planned), facts
        )
        return
    yield SAYS.fired(
        Severity.FIX,
        Confidence.MEDIUM,
        Text(
            f"It learns, far too slowly: {gain:.1f} % in {steps} steps, evenly to the end.",
            f"在学，但太慢：{steps} 步只有 {gain:.1f} %，且直到结束都是匀速。",
        ),
        why=Text("The learning rate is low for this subject.", "对该主题而言学习率偏低。"),
        evidence=facts,
        fix=Fix(
            Text("A higher learning rate, the same steps.", "提高学习率，步数不变。"),
            raise_rates(case, LR_FACTOR),
        ),
        state=State.NOT_LEARNING,
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    maturity="stable",
    suppresses=("still-falling", "plateau-reached", "early-plateau", "text-encoder-dominant"),
)
