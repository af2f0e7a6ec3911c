"""Held-out pictures get worse while training goes on.

## What it looks for

A held-out loss that has a lowest point well before the end and then rises.

## Why it matters

From that point on the LoRA learns its pictures by heart, or destroys what the base model knew. An earlier checkpoint is better.

## How we tell

The fixed probe on held-out pictures: the lowest value is not among the last two, and the end lies more than 1 % and more than four times the
jitter above it.

Without telemetry `loss/validation/epoch_average`, by the same limits and with low confidence. Above 5 %: look at it; below: good to know.
`step_average` is not used, it mixes in its own past, and `*_divergence` is not used, it compares different timesteps.

## What to change

Use the checkpoint nearest to the lowest point. Next time fewer steps or more varied pictures.

## When it is wrong

Likeness may still grow after the lowest point: compare pictures too. Held-out pictures that are copies of training pictures fall
along with them and hide memorising. A leaking split does the same; rule `validation-invalid` looks for that. Four jitters are not four standard
deviations: the lowest of many probes is the luckiest, and the jitter itself comes from few. Drawn sound curves of 8 to 12 probes: with a jitter of
1.0 to 1.5 points 2.0 to 6.3 % of them were called rising, with 0.3 at most 0.7 %.

## Sources

Google's tuning playbook; 1 % and four jitters from public SD1.5 runs. Measured on recorded runs with known outcome: five pictures and
1500 steps: +46 % held-out, +50 % on fresh pictures. Rises of 1 to 2 % also occur in sound runs, therefore they are only told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, changed, course, surety
from orchestrator.diagnose.facts import NO_RUN, planned_steps, series, significant
from orchestrator.diagnose.measured import EPOCH_AVERAGE
from orchestrator.diagnose.remedies import a_tenth_more, lower_rate_words, lower_rates, new_length
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.raw import jitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import Series
    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_VALUES = 4
"""One lowest value, two after it, one before: fewer have no shape."""
SMALL, LARGE = 0.01, 0.05
"""Rise above the lowest value: told, looked at. Sound recorded runs reach 2 %."""
JITTERS = 4.0
"""The rise has to be this many times the noise between neighbours."""

LR_FACTOR = 0.3

SAYS = Says("R036", "held-out-rising")


def check(case: Case) -> Iterator[Finding]:
    """Look for a lowest point before the end."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is not None and seen.held_out is not None:
        yield _probed(case, seen.held_out, seen.train)
        return
    held_out = series(case, EPOCH_AVERAGE)
    if held_out is None or len(held_out) < LEAST_VALUES or not all(map(math.isfinite, held_out.values)):
        yield SAYS.inconclusive(
            Text(
                "Without a held-out loss nobody can say whether it memorised.",
                "没有留出集损失，就无法判断是否死记图片。",
            ),
            Text(
                f"Held-out pictures (`validate.hold_out`) with at least {LEAST_VALUES} measurements.",
                f"留出图片（`validate.hold_out`），至少测量 {LEAST_VALUES} 次。",
            ),
        )
        return
    yield _judge(held_out)


def _probed(case: Case, curve: ProbeCurve, train: ProbeCurve | None) -> Finding:
    # Both against the level of the best probe: a jitter of one point weighs more where half of the loss is gone.
    rise, shake = curve.rebound / 100, curve.late_jitter / (100 + curve.best)
    limit = max(SMALL, JITTERS * shake)
    facts = [
        Evidence(
            Text("end above the lowest held-out loss", "末值高出最低留出集损失"),
            significant(rise),
            significant(limit),
            PROBE,
        ),
        Evidence(Text("step of the lowest value", "最低值所在步"), curve.best_step, None, PROBE, "step"),
        changed(curve, is_held_out=True),
        *([changed(train)] if train is not None else []),
    ]
    if not rise > limit or curve.is_best_near_end:
        return SAYS.clear(Text("Held-out pictures did not get worse again.", "留出图片没有再变差。"), facts)
    if train is not None and not train.has_learned:
        return _harmed(case, rise, limit, facts)
    better = max(curve.best_step, curve.steps[0])
    steps = planned_steps(case)
    shorter = a_tenth_more(better)
    changes = new_length(case, shorter, is_safe=True) if steps and shorter < steps else ()
    return SAYS.fired(
        Severity.FIX,
        surety(case, rise / limit),
        Text(
            f"Held-out pictures were best at step {better} and ended {rise:.1%} worse: from there on it learned its pictures by heart.",
            f"留出图片在第 {better} 步最好，结束时差了 {rise:.1%}：此后是在死记训练图片。",
        ),
        why=Text("Too many steps for so few or so similar pictures.", "对这么少或这么相似的图片而言步数过多。"),
        evidence=facts,
        fix=Fix(
            Text(
                f"Use a checkpoint near step {better}; next time stop at about {shorter}, or add varied pictures.",
                f"使用第 {better} 步附近的检查点；下次约在第 {shorter} 步停止，或增加多样的图片。",
            ),
            changes,
        ),
        state=State.OVERFIT,
    )


def _harmed(case: Case, rise: float, limit: float, facts: list[Evidence]) -> Finding:
    """Say that nothing was learned by heart either: the training pictures are no better, so the rate destroyed what was learned."""
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.FIX,
        surety(case, rise / limit),
        Text(
            f"Held-out pictures ended {rise:.1%} worse than at their best, and its own pictures are no better than with the base model.",
            f"留出图片结束时比最佳时差 {rise:.1%}，训练图片也不优于底模。",
        ),
        why=Text("The learning rate destroyed what had been learned.", "学习率毁掉了已学到的东西。"),
        evidence=facts,
        fix=Fix(
            Text(
                f"Use an early checkpoint; next time {rate.en}.",
                f"使用早期检查点；下次{rate.zh}。",
            ),
            lower_rates(case, LR_FACTOR),
        ),
        state=State.UNSTABLE,
    )


def _judge(held_out: Series) -> Finding:
    values = list(held_out.values)
    lowest = min(values)
    at = values.index(lowest)
    if lowest <= 0:
        return SAYS.inconclusive(
            Text(
                f"The held-out loss was {short_number(lowest)} in epoch {held_out.steps[at]}: no level to hold a rise against.",
                f"第 {held_out.steps[at]} 轮的留出集损失为 {short_number(lowest)}：没有可供比较的水平。",
            ),
            Text("A held-out loss above 0.", "大于 0 的留出集损失。"),
        )
    rise = (values[-1] - lowest) / lowest
    # The noise is taken after the lowest point removed the fall before it; a straight rise has none of it.
    noise = jitter(values[at:]) / lowest if len(values) - at > 3 else jitter(values) / lowest
    evidence = [
        Evidence(
            Text("end above the lowest held-out loss", "末值高出最低留出集损失"),
            significant(rise),
            SMALL,
            EPOCH_AVERAGE,
        ),
        Evidence(Text("jitter between measurements", "测量间的抖动"), significant(noise), None, EPOCH_AVERAGE),
        Evidence(
            Text("epoch of the lowest value", "最低值所在轮"), int(held_out.steps[at]), None, EPOCH_AVERAGE, "epoch"
        ),
    ]
    if rise <= SMALL or rise <= JITTERS * noise or at >= len(values) - 2:
        return SAYS.clear(
            Text("The held-out loss did not turn upwards.", "留出集损失没有回升。"),
            evidence,
            confidence=Confidence.LOW,
        )
    return SAYS.fired(
        Severity.WATCH if rise > LARGE else Severity.INFO,
        Confidence.LOW,
        Text(
            f"The held-out loss was lowest at epoch {held_out.steps[at]} and ended {rise:.1%} above that.",
            f"留出集损失在第 {held_out.steps[at]} 轮最低，结束时高出 {rise:.1%}。",
        ),
        why=Text(
            "After that point the pictures are learned by heart, or the model is damaged.",
            "此后模型在死记图片，或已受损。",
        ),
        evidence=evidence,
        fix=Fix(
            Text(
                f"Compare the checkpoint of epoch {held_out.steps[at]} with the last one.",
                f"把第 {held_out.steps[at]} 轮的检查点与最后一个作比较。",
            )
        ),
        state=State.OVERFIT if rise > LARGE else None,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
