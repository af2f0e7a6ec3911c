"""Too much of the run is spent warming up.

## What it looks for

A warm-up of the learning rate that does more than 15 % of all the training there is.

## Why it matters

While it warms up, the run pays full price for small steps. The result is that of a shorter run, and looks like too few steps.

## How we tell

The learning rates added up until the first step at the peak, over the sum of all of them: above 0.15. Before the run from the settings
(`constant_with_warmup`: half the share of the steps, as the ramp counts half; schedules that decay: the share itself), after it from the
logged learning rate. A run that ended before its plan did is judged by its settings too: of few steps any warm-up is a large share.

## What to change

`train.lr_warmup_steps` at 0.05: a twentieth of the run. Half of what it was where that is less already.

## When it is wrong

It costs training and damages nothing, therefore it is only pointed out. A high learning rate may need a longer warm-up to survive its
first steps.

## Sources

Practitioners' courses: 5 % for sets below 10,000 pictures, 10 % as a front end's default. Measured on the simulated training half: sound runs,
with warm-ups of up to 8 % of their steps, at most 0.08 (0.14 where the rate is dead at the end); with 30 to 65 %, at least 0.21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import number, planned_steps, setting, significant, unreached_steps, where
from orchestrator.diagnose.measured import lr_account
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 0.15
"""Share of the summed learning rate; see Sources."""
ADVISED = 0.05
WITHOUT = {"constant", "piecewise_constant"}
"""Schedules of the trainer that have no warm-up."""

SAYS = Says("R068", "warmup-too-long")


def check(case: Case) -> Iterator[Finding]:
    """Add up the learning rate before its peak."""
    rates = lr_account(case)
    if rates is not None and unreached_steps(case, rates.main.last_step) is None:
        main = rates.main
        yield _judge(case, main.warm_up_steps, main.warm_up_integral, main.source)
        return
    share = planned_share(case)
    if share is None:
        yield SAYS.inconclusive(
            Text("The warm-up is not known.", "预热长度未知。"),
            Text("The logged learning rate, or the settings of the run.", "记录的学习率，或该次训练的设置。"),
        )
        return
    scheduler = str(setting(case, "lr_scheduler", "constant"))
    amount = (share / 2) / (1 - share / 2) if scheduler == "constant_with_warmup" else share
    yield _judge(case, share, amount, "lr_warmup_steps, lr_scheduler")


def planned_share(case: Case) -> float | None:
    """Return the share of the steps that the settings ask for, 0 ... 1; None where settings or steps are not known."""
    warm, scheduler = number(case, "lr_warmup_steps"), setting(case, "lr_scheduler")
    if str(scheduler) in WITHOUT or warm == 0 or (warm is None and scheduler is not None):
        return 0.0
    if warm is None:
        return None
    if warm < 1:  # the trainer takes a fraction as a share of the run
        return warm
    steps = planned_steps(case) or number(case, "max_train_steps")
    processes = case.plan.num_processes if case.plan is not None else 1
    return min(1.0, warm / processes / steps) if steps else None


def _judge(case: Case, share: float, amount: float, source: str) -> Finding:
    facts = [
        Evidence(
            Text("share of the summed learning rate before its peak", "峰值前学习率之和所占份额"),
            significant(amount),
            MOST,
            source,
        ),
        Evidence(Text("share of the steps", "所占步数份额"), significant(share), None, source),
    ]
    if amount <= MOST:
        return SAYS.clear(Text("The warm-up is short enough.", "预热不算长。"), facts)
    better = significant(
        min(ADVISED, share / 2)
    )  # a schedule that falls fast makes much of few steps: never longer than it was
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{share:.0%} of the run is warm-up: its learning rate rises until then.",
            f"训练的 {share:.0%} 都在预热：学习率直到那时才升到设定值。",
        ),
        why=Text(
            "Small steps cost as much as full ones; the result is that of a shorter run.",
            "小步与正常步花费相同的时间；结果相当于更短的训练。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                f"A share of {better} of the run is enough: `train.lr_warmup_steps: {better}`.",
                f"预热占全程的 {better} 即可：`train.lr_warmup_steps: {better}`。",
            ),
            (Change("train.lr_warmup_steps", better, setting(case, "lr_warmup_steps"), is_safe=True),),
        ),
        where=where(case, "lr_warmup_steps"),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
