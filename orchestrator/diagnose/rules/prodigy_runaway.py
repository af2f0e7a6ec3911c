"""Prodigy's step size was still growing at the end.

## What it looks for

Prodigy or D-Adaptation whose step size `d` goes on growing, or whose `d` times learning rate is larger than any rate people use.

## Why it matters

`d` never falls again. Where it does not come to rest, each further step is larger than those before, and a longer run is not the same run with more
steps.

## How we tell

`d`, from telemetry or from the trainer's `lr/d*lr/...`: it grew by more than 20 % over the last third of the run, where the run reached the
end of its plan: before, `d` grows in any run. Or `d` times learning rate was
above four times the highest rate in use for the family (2e-3 on SD1.5).

## What to change

`d_coef` 0.5 in `train.optimizer_args`, with a cosine schedule (`train.lr_scheduler`); `safeguard_warmup` where there is a warm-up.

## When it is wrong

With a schedule that decays, `d` may grow while `d` times learning rate falls: look at the result first. It is only pointed out.

## Sources

konstmish/prodigy issue 37. Measured on the simulated training half: runaways grow by 37 to 127 % over their last third, all others by 0 to 14 %; `d` times
learning rate in other runs reaches 1.1e-3, therefore not the 1e-3 that is often named.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.bands import BANDS
from orchestrator.diagnose.facts import (
    NO_RUN,
    family,
    is_adaptive,
    optimizer,
    optimizer_option,
    significant,
    to_the_end,
    unreached_steps,
)
from orchestrator.diagnose.measured import lr_account
from orchestrator.diagnose.rates import DOUBLED, step_size_needed
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.schedule import StepSizeAccount

LATE = 0.20
"""Growth over the last third; see Sources."""
TIMES, UNKNOWN = 4.0, 2e-3
"""Times the top of the family's range, and the limit where that is unknown."""
D_COEF = 0.5

SAYS = Says("R071", "prodigy-runaway")


def check(case: Case) -> Iterator[Finding]:
    """Look at the end of the step size."""
    rates = lr_account(case)
    sizes = rates.step_sizes if rates is not None else ()
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
    elif not sizes and optimizer(case) is not None and not is_adaptive(case):
        yield SAYS.not_applicable(
            Text("The optimizer does not find its own step size.", "优化器并非自行寻找步长的类型。")
        )
    elif rates is None or not sizes:
        yield SAYS.inconclusive(Text("The step size was not logged.", "没有记录步长。"), step_size_needed(case))
    else:
        yield _judge(case, max(sizes, key=lambda size: size.late_growth), rates.main.last_step)


def _judge(case: Case, size: StepSizeAccount, last_step: int) -> Finding:
    limit = TIMES * BANDS[family(case) or ""][3] if family(case) in BANDS else UNKNOWN
    facts = [
        Evidence(
            Text("growth of d over the last third", "d 在末三分之一的增长"),
            significant(size.late_growth),
            LATE,
            size.source,
        )
    ]
    if math.isfinite(size.largest_lr):
        facts.append(
            Evidence(
                Text("largest d x learning rate", "d × 学习率的最大值"),
                significant(size.largest_lr),
                limit,
                size.source,
            )
        )
    planned = unreached_steps(case, last_step)
    is_growing = size.late_growth > LATE and size.growth > DOUBLED
    if is_growing and planned is not None and not size.largest_lr > limit:
        return SAYS.inconclusive(
            Text("The step size was still growing when the run ended early.", "训练提前结束时步长仍在增长。"),
            to_the_end(last_step, planned),
            facts,
        )
    is_growing = is_growing and planned is None
    if not is_growing and not size.largest_lr > limit:
        return SAYS.clear(Text("The step size came to rest.", "步长已稳定。"), facts)
    written = optimizer_option(case, "d_coef")
    before = None if written is None else _number(written)
    changes = (
        (Change("train.optimizer_args.d_coef", D_COEF * (before or 1.0), before),) if case.recipe is not None else ()
    )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"The step size d was still growing: by {size.late_growth:.0%} over the last third of the run."
            if is_growing
            else f"The step size is very large: d x learning rate reached {size.largest_lr:.1e}.",
            f"步长 d 仍在增长：末三分之一增长了 {size.late_growth:.0%}。"
            if is_growing
            else f"步长过大：d × 学习率达到 {size.largest_lr:.1e}。",
        ),
        why=Text("d never falls again; later steps are larger than earlier ones.", "d 不会再变小；越往后步子越大。"),
        evidence=facts,
        fix=Fix(
            Text(
                "`d_coef=0.5` in `train.optimizer_args`, with a cosine schedule.",
                "在 `train.optimizer_args` 中设 `d_coef=0.5`，并使用余弦调度。",
            ),
            changes,
        ),
    )


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None


RULE = Rule(SAYS.id, SAYS.name, "after", check)
