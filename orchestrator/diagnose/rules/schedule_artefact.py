"""A jump of the loss was made by the learning-rate schedule.

## What it looks for

A rise of the loss right at a restart of the learning rate or at the end of the warm-up, which heals.

## Why it matters

It looks like a bad picture or a run that breaks. It is neither: the learning rate jumped, and the weights with it.

## How we tell

Where the logged learning rate restarts (a rise by more than a tenth of its peak within one step) or its warm-up ends, the loss with timestep and
picture taken out is compared: means of 3 % of the run before and after. The rise is more than 2 % and three standard errors, and three
such stretches later less than half of it is left. Nothing else in the run is searched, so chance has few tries.

## What to change

Nothing has to. `train.lr_scheduler: cosine` without restarts has no such jumps. Choose checkpoints from before a restart.

## When it is wrong

Restarts may be wanted, for a file at each low point.

## Sources

Practitioners' courses read a jump of the curve as a fault of the data; at a restart it is not. Measured on the simulated training half: rises at restarts of 4
to 16 %; no other run has restarts, and at the end of sound warm-ups the loss falls or moves by less than two and a half standard errors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, is_logging, rates_logged, setting, significant, steps_logged, where
from orchestrator.diagnose.measured import conditioned, lr_account
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.conditioned import robust_spread
from orchestrator.diagnose.signals.schedule import rise_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.conditioned import Conditioned
    from orchestrator.diagnose.signals.schedule import LrAccount, Rise

LEAST, Z = 0.02, 3.0
"""Rise in log units and in standard errors; see Sources."""
LEFT = 0.5
"""Share of the rise that may be left later on; more is damage, not the schedule."""
LEAST_STEPS = 100

SAYS = Says("R067", "schedule-artefact")


def check(case: Case) -> Iterator[Finding]:
    """Compare the loss before and after each event of the schedule."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    rates, found = lr_account(case), conditioned(case)
    if rates is None:
        yield SAYS.inconclusive(
            Text("The learning rate was not logged.", "没有记录学习率。"),
            rates_logged(case),
        )
        return
    events = _events(rates.main)
    if not events:
        yield SAYS.not_applicable(
            Text("The schedule has no restart and no warm-up.", "学习率调度没有重启，也没有预热。")
        )
    elif found is None or len(found.levels) < LEAST_STEPS:
        few = Text("Too few steps to see a jump of the loss.", "步数太少，看不出损失的跳变。")
        blind = Text("Without timesteps a jump of the loss cannot be seen.", "没有时间步信息，看不出损失的跳变。")
        yield SAYS.inconclusive(few if is_logging(case) else blind, steps_logged(case, LEAST_STEPS))
    else:
        yield _judge(case, events, found)


def _events(main: LrAccount) -> list[int]:
    return [*([main.warm_up_end] if main.warm_up_steps > 0 else []), *main.restarts]


def _judge(case: Case, events: list[int], found: Conditioned) -> Finding:
    import numpy as np

    # Differences of neighbours hold no trend; a level's own noise is smaller by the square root of two.
    noise = robust_spread(np.diff(found.levels)) / math.sqrt(2)
    rises = [rise for event in events if (rise := rise_at(event, found.steps, found.levels, noise)) is not None]
    made = [rise for rise in rises if _is_made(rise)]
    if not made:
        largest = max((rise.z for rise in rises), default=math.nan)
        facts = [
            Evidence(
                Text("largest rise, standard errors", "最大跳升（标准误倍数）"),
                significant(largest),
                Z,
                "telemetry: samples",
            )
        ]
        return SAYS.clear(
            Text("The loss did not jump where the schedule did.", "调度变化处损失没有跳变。"), facts if rises else []
        )
    worst = max(made, key=lambda rise: rise.rise)
    percent = math.expm1(worst.rise)
    scheduler = setting(case, "lr_scheduler")
    has_restarts = "restart" in str(scheduler)
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH if worst.z > 2 * Z else Confidence.MEDIUM,
        Text(
            f"At step {worst.step} the loss jumped by {percent:.0%} because the learning rate did; it is not the data.",
            f"第 {worst.step} 步损失跳升 {percent:.0%}，原因是学习率的跳变，而非数据。",
        ),
        evidence=[
            Evidence(Text("rise of the loss", "损失跳升"), significant(percent), LEAST, "telemetry: samples"),
            Evidence(Text("in standard errors", "标准误倍数"), significant(worst.z), Z, "telemetry: samples"),
            Evidence(Text("such jumps", "此类跳变次数"), len(made), None, "telemetry: samples"),
        ],
        fix=Fix(
            Text(
                "A schedule without restarts, or checkpoints from before each restart.",
                "改用不重启的调度，或选用每次重启之前的检查点。",
            ),
            (Change("train.lr_scheduler", "cosine", scheduler),) if has_restarts else (),
        ),
        where=where(case, "lr_scheduler"),
    )


def _is_made(rise: Rise) -> bool:
    # A restart so near the end that nothing comes after it cannot be seen to heal; it is taken for the schedule's all the same.
    has_healed = not math.isfinite(rise.later) or rise.later < LEFT * rise.rise
    return rise.rise > LEAST and rise.z > Z and has_healed


RULE = Rule(SAYS.id, SAYS.name, "after", check)
