"""Prodigy never found a step size.

## What it looks for

Prodigy or D-Adaptation whose step size `d` stays where it began.

## Why it matters

The optimizer begins with a `d` next to zero and lets it grow until steps of that size pay. Where it does not grow, the whole run is made with
steps of almost nothing, and the file changes nothing.

## How we tell

`d`, from telemetry or from the trainer's `lr/d*lr/...` beside its `lr/...`: after 30 % of the planned steps it is still no more than twice its first value. Where it
never doubled, nothing was learned; a probe that shows a gain of more than 0.8 % proves otherwise, and then nothing is said. The trainer logs `d` only for
some ways of writing the optimizer's name (`Prodigy`, not `prodigyopt.Prodigy`); telemetry always does.

## What to change

`d0` in `train.optimizer_args`: 1e-5, ten times its default; take `growth_rate` out. All learning rates 1 (`train.unet_lr`), no long
warm-up, as a small factor keeps `d` from growing.

## When it is wrong

A `d0` that fits from the start need not grow; then the probe decides.

## Sources

konstmish/prodigy issue 27 (raise `d0`). Measured on the simulated training half: stuck runs grow 1.0 to 1.6 times in all, all others double within the
first 2 % of their steps and grow a hundredfold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import SAME, changed, course
from orchestrator.diagnose.facts import (
    NO_RUN,
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

    from orchestrator.diagnose.course import Course
    from orchestrator.diagnose.signals.schedule import StepSizeAccount

LATEST = 0.3
"""Share of the run by which `d` has to have doubled."""
DEFAULT_D0, BETTER_D0 = 1e-6, 1e-5

SAYS = Says("R070", "prodigy-stuck")


def check(case: Case) -> Iterator[Finding]:
    """Look at the growth of the step size."""
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
        yield _judge(case, max(sizes, key=lambda size: size.growth), rates.main.last_step)


def _judge(case: Case, size: StepSizeAccount, last_step: int) -> Finding:
    planned = unreached_steps(case, last_step)
    late = size.moved_after * (last_step / planned if planned is not None else 1.0)
    facts = [
        Evidence(
            Text("growth of d over the run", "d 在全程的增长倍数"), significant(size.growth, 3), DOUBLED, size.source
        ),
        Evidence(
            Text("share of the run until d had doubled", "d 翻倍所用的训练份额"),
            significant(late),
            LATEST,
            size.source,
        ),
    ]
    seen = course(case)
    if late <= LATEST and planned is not None and size.growth <= DOUBLED:
        return SAYS.inconclusive(
            Text("The run ended before its step size could grow.", "步长尚未来得及增长，训练就结束了。"),
            to_the_end(last_step, planned),
            facts,
        )
    if late <= LATEST:
        return SAYS.clear(Text("The optimizer found a step size.", "优化器找到了步长。"), facts)
    if seen is not None and _has_learned(seen):
        said = Text("d hardly grew, and the run learned all the same.", "d 几乎没有增长，但训练仍有收益。")
        return SAYS.clear(said, [*facts, changed(seen.decisive, is_held_out=seen.held_out is not None)])
    never = size.growth <= DOUBLED
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH if never and seen is not None else Confidence.MEDIUM,
        Text(
            f"The optimizer never found a step size: d ended at {size.last:.1e}, {size.growth:.1f} times its first value."
            if never
            else f"The optimizer found its step size only after {late:.0%} of the run.",
            f"优化器始终没有找到步长：d 最终为 {size.last:.1e}，仅为初值的 {size.growth:.1f} 倍。"
            if never
            else f"优化器在训练进行到 {late:.0%} 之后才找到步长。",
        ),
        why=Text("It began too small, or something keeps it from growing.", "初值过小，或有什么阻碍了它增长。"),
        evidence=facts,
        fix=Fix(
            Text(
                "Raise `d0` and take `growth_rate` out of `train.optimizer_args`; all learning rates 1, no long warm-up.",
                "在 `train.optimizer_args` 中提高 `d0`、去掉 `growth_rate`；所有学习率为 1，不要长预热。",
            ),
            _changes(case),
        ),
        state=State.NOT_LEARNING if never else None,
    )


def _has_learned(seen: Course) -> bool:
    return seen.decisive.has_learned and seen.decisive.last < -SAME


def _changes(case: Case) -> tuple[Change, ...]:
    if case.recipe is None:
        return ()
    written, limit = optimizer_option(case, "d0"), optimizer_option(case, "growth_rate")
    try:
        d0 = float(written) if written else DEFAULT_D0
    except ValueError:
        d0 = DEFAULT_D0
    better = max(BETTER_D0, d0 * 10)
    changes = [Change("train.optimizer_args.d0", better, d0 if written else None, is_safe=True)]
    if limit is not None:
        changes.append(Change("train.optimizer_args.growth_rate", None, limit, is_safe=True))
    return tuple(changes)


RULE = Rule(SAYS.id, SAYS.name, "after", check, maturity="stable", suppresses=("nothing-learned",))
