"""Nothing measurable was learned.

## What it looks for

A LoRA that changes nothing about the loss of its own training pictures.

## Why it matters

The trainer ends well, the file has its full size, the loss curve looks like any other. A flat raw loss says nothing: it cannot show less
than 20 % in 1500 steps at batch 1.

## How we tell

An equivalence test, not a missing difference: with 98 % confidence the training pictures' loss lies within 0.8 % of the base model's,
mean of the last probes against their jitter, after 100 steps at least, in a run that reached the end of its plan. Better than the base by more than three jitters is learned; anything between is not to
be said.

## What to change

Where alpha is below a sixteenth of the rank and the learning rate does not make up for it: half the rank, or the rank, as
`network.network_alpha`, whichever puts the rate nearer to the middle of the family's range. Else
`train.unet_lr`: from below the family's range to its middle (geometric mean), inside it times 3 up to its top; the text encoder's rate in
proportion, up to half of it. Where the rate is usual already: whether the parts are trained at all. Prodigy wants a learning rate of 1.

## When it is wrong

A base model that knows the subject already has nothing to learn from it.

## Sources

0.8 %: public SD1.5 runs with a learning rate that moves nothing stay within 0.1 %, sound ones gain 0.5 to 7.6 % on training pictures.
Equivalence: Schuirmann 1987 (two one-sided tests).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import (
    PROBE,
    SAME,
    Course,
    caveat,
    changed,
    course,
    has_learned,
    shaken,
    surety,
    unprobed,
)
from orchestrator.diagnose.facts import NO_RUN, significant, to_the_end, unreached_steps
from orchestrator.diagnose.remedies import raise_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.jitter import JITTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_STEPS = 100
"""Fewer say nothing about a learning rate: a warm-up and a cold optimizer take dozens."""
LAST = 3
"""Probes at the end that are averaged."""
Z = 2.33
"""98 % of a normal distribution within, 1 % on each side."""
LR_FACTOR = 3.0

SAYS = Says("R050", "nothing-learned")


def check(case: Case) -> Iterator[Finding]:
    """Ask of the training pictures: the same as the base, better, or not to be said."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    curve = seen.train or seen.decisive
    end, error = _end(curve)
    if curve.steps[-1] < LEAST_STEPS and not has_learned(seen):
        yield SAYS.inconclusive(
            Text(
                f"{curve.steps[-1]} steps are too few to say that nothing was learned.",
                f"{curve.steps[-1]} 步太少，无法断定什么都没学到。",
            ),
            Text(f"At least {LEAST_STEPS} steps.", f"至少 {LEAST_STEPS} 步。"),
            [changed(curve, SAME), shaken(curve)],
        )
    elif abs(end) + Z * error < SAME:
        planned = unreached_steps(case, curve.steps[-1])
        if planned is None:
            yield _fired(case, curve, end, error)
        else:
            yield SAYS.inconclusive(
                Text("Nothing measurable was learned so far.", "到结束为止还没有学到可测量的东西。"),
                to_the_end(curve.steps[-1], planned),
                [changed(curve, SAME), shaken(curve)],
            )
    elif has_learned(seen):
        yield _learned(case, seen)
    else:
        yield SAYS.inconclusive(
            Text(
                f"The end lies {curve.last:+.1f} % from the base model; that is neither nothing nor a sure gain.",
                f"结束时与底模相差 {curve.last:+.1f} %；既不算毫无变化，也不算确定的收益。",
            ),
            Text("More steps, or more pictures in the probe.", "更多步数，或更多探针图片。"),
            [changed(curve, SAME), shaken(curve)],
        )


def _end(curve: ProbeCurve) -> tuple[float, float]:
    """Return the mean of the last probes (%) and its standard error from the jitter; infinite where that is unknown."""
    last = [c for c in curve.changes[-LAST:] if math.isfinite(c)]
    jitter = curve.late_jitter
    if not last or not math.isfinite(jitter):
        return math.nan, math.inf
    return math.fsum(last) / len(last), jitter / math.sqrt(len(last))


def _learned(case: Case, seen: Course) -> Finding:
    curve, is_held = seen.decisive, seen.held_out is not None
    behind = caveat(curve, is_held_out=is_held)
    return SAYS.clear(
        Text(
            f"{'Pictures it did not see are' if is_held else 'Its pictures are'} {-curve.last:.1f} % better than with the base model{behind.en}.",
            f"{'没有见过的图片' if is_held else '训练图片'}比底模好 {-curve.last:.1f} %{behind.zh}。",
        ),
        [changed(curve, is_held_out=is_held), shaken(curve)],
        confidence=surety(case, -curve.last / (JITTERS * curve.late_jitter)) if is_held else Confidence.MEDIUM,
        state=State.LEARNING,
    )


def _fired(case: Case, curve: ProbeCurve, end: float, error: float) -> Finding:
    return SAYS.fired(
        Severity.FIX,
        surety(case, SAME / (abs(end) + Z * error), is_about_others=False),
        Text(
            f"Nothing measurable was learned: with the LoRA the training pictures' loss is {curve.last:+.2f} % from the base model's.",
            f"没有学到可测量的东西：使用 LoRA 后训练图片的损失与底模仅差 {curve.last:+.2f} %。",
        ),
        why=Text(
            "The learning rate is far too low, or divided away by alpha and rank.", "学习率过低，或被 alpha 与秩抵消。"
        ),
        evidence=[
            Evidence(
                Text("mean of the last probes, with its error", "末几次探针的均值加误差"),
                significant(abs(end) + Z * error, 2),
                SAME,
                PROBE,
                "%",
            ),
            shaken(curve),
        ],
        fix=_fix(case),
        state=State.NOT_LEARNING,
    )


def _fix(case: Case) -> Fix:
    changes = raise_rates(case, LR_FACTOR)
    if any(change.key == "network.network_alpha" for change in changes):
        return Fix(
            Text(
                "alpha / rank divides the update away: a usual `network.network_alpha`, with the same learning rate.",
                "alpha/秩 抵消了更新：学习率不变，`network.network_alpha` 取常用值。",
            ),
            changes,
        )
    return Fix(
        Text(
            "A higher learning rate: three times, or the middle of what is usual for the family; look at `network.network_alpha` where the rank is high.",
            "提高学习率：三倍，或取该系列常用范围的中间值；秩较高时检查 `network.network_alpha`。",
        ),
        changes,
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    suppresses=("learning-too-slow", "still-falling", "loss-trend", "text-encoder-dominant"),
)
