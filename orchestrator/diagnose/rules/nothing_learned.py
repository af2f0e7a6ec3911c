"""What was learned is too little to matter.

## What it looks for

A LoRA that changes next to nothing about the loss of its own training pictures.

## Why it matters

The trainer ends well, the file has its full size, the loss curve looks like any other. A flat raw loss says nothing: it cannot show less
than 20 % in 1500 steps at batch 1.

## How we tell

An equivalence test, not a missing difference: with 98 % confidence the training pictures' loss lies within 0.8 % of the base model's, after 100
steps at least, in a run that reached the end of its plan. That is too little to matter, also where it is measurable, more than three jitters. Mean of
the last three probes; its interval by Student's t from the jitter, of the whole run or of its end, whichever is larger. Of what may lie further off,
better than the base by more than three jitters is learned, and anything between is not to be said.

## What to change

Where alpha is below a sixteenth of the rank and the learning rate does not make up for it: half the rank, or the rank, as
`network.network_alpha`, whichever puts the rate nearer to the middle of the family's range. Else
`train.unet_lr`: from below the family's range to its middle (geometric mean), inside it times 3 up to its top; the text encoder's rate in
proportion, up to half of it. Where the rate is usual already: whether the parts are trained at all. Prodigy wants a learning rate of 1.

## When it is wrong

A base model that knows the subject already has nothing to learn from it.

## Sources

0.8 %: public SD1.5 runs with a learning rate that moves nothing stay within 0.1 %, sound ones gain 0.5 to 7.6 % on training pictures.
Equivalence: Schuirmann 1987 (two one-sided tests). Drawn runs that ended at exactly -0.8 %, with 6 to 20 probes and a jitter of 0.1 to 0.5: called
nothing in 0.8 to 1.7 %, where 1 % is aimed at; by a normal distribution and the jitter of the end it had been 3 to 7 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence, Finding, Fix, Severity, State
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
from orchestrator.diagnose.signals.ending import last_level
from orchestrator.diagnose.signals.jitter import JITTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_STEPS = 100
"""Fewer say nothing about a learning rate: a warm-up and a cold optimizer take dozens."""
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
    end, reach = last_level(curve)
    if curve.steps[-1] < LEAST_STEPS and not has_learned(seen):
        yield SAYS.inconclusive(
            Text(
                f"{curve.steps[-1]} steps are too few to say that nothing was learned.",
                f"{curve.steps[-1]} 步太少，无法断定什么都没学到。",
            ),
            Text(f"At least {LEAST_STEPS} steps.", f"至少 {LEAST_STEPS} 步。"),
            [changed(curve, SAME), shaken(curve)],
        )
    elif abs(end) + reach < SAME:
        planned = unreached_steps(case, curve.steps[-1])
        if planned is None:
            yield _fired(case, curve, abs(end) + reach)
        else:
            yield SAYS.inconclusive(
                Text("Next to nothing was learned so far.", "到结束为止几乎什么都没学到。"),
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


def _learned(case: Case, seen: Course) -> Finding:
    curve, is_held = seen.decisive, seen.held_out is not None
    behind = caveat(curve, is_held_out=is_held)
    return SAYS.clear(
        Text(
            f"{'Pictures it did not see are' if is_held else 'Its pictures are'} {-curve.last:.1f} % better than with the base model{behind.en}.",
            f"{'没有见过的图片' if is_held else '训练图片'}比底模好 {-curve.last:.1f} %{behind.zh}。",
        ),
        [changed(curve, is_held_out=is_held), shaken(curve)],
        confidence=surety(case, -curve.last / (JITTERS * curve.late_jitter)),
        state=State.LEARNING,
    )


def _fired(case: Case, curve: ProbeCurve, most: float) -> Finding:
    return SAYS.fired(
        Severity.FIX,
        surety(case, SAME / most, is_about_others=False),
        Text(
            f"Too little to matter was learned: with the LoRA the training pictures' loss is {curve.last:+.2f} % from the base model's.",
            f"学到的少到没有意义：使用 LoRA 后训练图片的损失与底模仅差 {curve.last:+.2f} %。",
        ),
        why=Text(
            "The learning rate is far too low, or divided away by alpha and rank.", "学习率过低，或被 alpha 与秩抵消。"
        ),
        evidence=[
            Evidence(
                Text("mean of the last probes, with its error", "末几次探针的均值加误差"),
                significant(most, 2),
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
    maturity="stable",
    suppresses=("learning-too-slow", "still-falling", "loss-trend", "text-encoder-dominant"),
)
