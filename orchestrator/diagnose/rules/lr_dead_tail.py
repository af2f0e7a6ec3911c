"""The learning rate is next to nothing over the last part of the run.

## What it looks for

An end of the run, more than 30 % of its steps, with a learning rate below 2 % of its peak.

## Why it matters

These steps take their full time and change nothing. The run looks converged, as any curve lies still where nothing moves.

## How we tell

The logged learning rate, counted from the last step backwards. A cosine schedule has 9 % of such steps, a linear one 2 %: both are fine.
Of a run that ended before its plan did, their share of the planned steps counts, and nothing is clear.

## What to change

A schedule that reaches zero at the end and not before (`train.lr_scheduler: cosine`), or a floor for it
(`train.lr_scheduler_min_lr_ratio`), or fewer steps (`train.target_steps`).

## When it is wrong

Somebody may hold the end still on purpose, for checkpoints that are alike.

## Sources

Practitioners' courses use cosine and say the effect of the schedule is small; that holds only where it fits the length of the run. Measured on the
simulated training half: sound runs 0 to 10 % of their steps, runs whose schedule ends too early 37 to 60 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, rates_logged, setting, significant, to_the_end, unreached_steps, where
from orchestrator.diagnose.measured import lr_account
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 0.30
"""Share of the steps; see Sources."""
LEAST_STEPS = 20
FITTING = {"cosine", "linear", "constant", "constant_with_warmup"}
"""Schedules that reach zero at the last step, or never."""

SAYS = Says("R069", "lr-dead-tail")


def check(case: Case) -> Iterator[Finding]:
    """Look at the end of the logged learning rate."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    rates = lr_account(case)
    if rates is None:
        yield SAYS.inconclusive(
            Text("The learning rate was not logged.", "没有记录学习率。"),
            rates_logged(case),
        )
        return
    main = rates.main
    if main.count < LEAST_STEPS:
        yield SAYS.inconclusive(
            Text(f"The learning rate is known of {main.count} steps only.", f"只有 {main.count} 步的学习率。"),
            Text(f"At least {LEAST_STEPS} steps.", f"至少 {LEAST_STEPS} 步。"),
        )
        return
    planned = unreached_steps(case, main.last_step)
    tail = main.dead_tail * main.count / planned if planned is not None else main.dead_tail
    facts = [
        Evidence(
            Text("share of the steps below 2 % of the peak, at the end", "末段低于峰值 2 % 的步数占比"),
            significant(tail),
            MOST,
            main.source,
        )
    ]
    if tail <= MOST and planned is not None:
        yield SAYS.inconclusive(
            Text("The end of the schedule was not reached.", "没有走到调度的末段。"),
            to_the_end(main.last_step, planned),
            facts,
        )
        return
    if tail <= MOST or main.dead_from is None:
        yield SAYS.clear(Text("The learning rate lasted to the end.", "学习率一直有效到最后。"), facts)
        return
    scheduler = setting(case, "lr_scheduler")
    changes = () if scheduler in FITTING or scheduler is None else (Change("train.lr_scheduler", "cosine", scheduler),)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"From step {main.dead_from} on, {tail:.0%} of the run, the learning rate was next to nothing.",
            f"从第 {main.dead_from} 步起，占训练的 {tail:.0%}，学习率几乎为零。",
        ),
        why=Text("The schedule ends before the run does.", "学习率调度比训练先结束。"),
        evidence=[*facts, Evidence(Text("first such step", "起始步"), main.dead_from, None, main.source, "step")],
        fix=Fix(
            Text(
                f"A schedule that lasts as long as the run, or stop near step {main.dead_from}.",
                f"改用与训练等长的调度，或在第 {main.dead_from} 步附近停止。",
            ),
            changes,
        ),
        where=where(case, "lr_scheduler"),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
