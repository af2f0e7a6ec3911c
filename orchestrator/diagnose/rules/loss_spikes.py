"""Single steps had a far higher loss than all others.

## What it looks for

Shocks: a step whose loss jumps far above the steps around it and is back within 30 steps.

## Why it matters

One such step is a large gradient from few pictures. Often a picture is at fault: damaged, wrongly captioned, of another kind.

## How we tell

The loss with the timestep taken out. A shock is seven standard deviations above the level of the steps before, counted in the spread
of single steps with what pictures explain left in. The pictures of those steps are named. At least 150 steps; the first 51 are left
out, where the loss falls fast by itself.

## What to change

Look at the named pictures and their captions. `train.max_grad_norm: 1` limits what one step can do; a larger batch halves it.

## When it is wrong

A batch of several pictures names all of them; the one that is in two shocks is the suspect. Rises that stay are no shocks: rule
`diverging` looks at those.

## Sources

Public SD1.5 runs: the highest of 5,000 sound steps is 4.3 standard deviations, pictures left in. Simulated runs, even seeds: all 30
runs with shocks of nine and more found (9.3 to 26), none of 90 sound ones, a third of which had shocks up to 4.5 (6.4 with noise).
Tutorials blame every jump of the raw loss on the data: most are the timestep that was drawn.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_RUN, significant, steps_logged
from orchestrator.diagnose.measured import conditioned, instability
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.instability import MEDIAN_STEPS
from orchestrator.diagnose.single_pictures import (
    LOST,
    PICTURES,
    is_lost,
    picture_names,
    pictures_at,
    unlogged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.diagnose.measured import Instability
    from orchestrator.diagnose.signals.conditioned import Conditioned
    from orchestrator.diagnose.signals.instability import Spike

LEAST_STEPS = 150
LIMIT = 7.0
"""Standard deviations."""
LONGEST = 30
"""Steps; what takes longer to heal is no shock."""
MOST_SHOWN = 3

SAYS = Says("R057", "loss-spikes")


def check(case: Case) -> Iterator[Finding]:
    """Look for steps far above the others that healed."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    found, shaking = conditioned(case), instability(case)
    if found is None or shaking is None or len(found.steps) < LEAST_STEPS:
        few = Text("Too few steps to know what is usual.", "步数太少，无从判断何为正常。")
        yield SAYS.inconclusive(*(unlogged(case) if found is None else (few, steps_logged(case, LEAST_STEPS))))
        return
    if is_lost(case):
        yield SAYS.not_applicable(LOST)
        return
    ratio = _noise_ratio(found, shaking)
    late = [spike for spike in shaking.spikes if spike.step > found.steps[0] + MEDIAN_STEPS]
    shocks = [s for s in late if s.has_recovered and s.length < LONGEST and s.z * ratio > LIMIT]
    highest = max((spike.z * ratio for spike in late), default=0.0)
    limit = Evidence(
        Text("highest step, standard deviations", "最高的一步（标准差）"), significant(highest, 3), LIMIT, PICTURES
    )
    if not shocks:
        yield SAYS.clear(Text("No step stands out.", "没有突出的步。"), [limit], confidence=Confidence.MEDIUM)
        return
    yield _fired(case, shocks, shaking, limit)


def _noise_ratio(found: Conditioned, shaking: Instability) -> float:
    """Return the spread of steps with pictures taken out over that with pictures left in, at most 1."""
    from orchestrator.diagnose.signals.conditioned import robust_spread, step_means
    from orchestrator.diagnose.signals.instability import running_level

    _, means, _ = step_means(found.sample_steps, found.residuals)
    spread = robust_spread(means - running_level(means))
    return min(1.0, shaking.noise / spread) if spread > 0 and math.isfinite(spread) else 1.0


def _fired(case: Case, shocks: Sequence[Spike], shaking: Instability, limit: Evidence) -> Finding:
    shown = sorted(shocks, key=lambda spike: -spike.z)[:MOST_SHOWN]
    counts = Counter(picture for spike in shocks for picture in pictures_at(case, [spike.step]))
    suspects = [picture for picture, _ in counts.most_common()]
    who = picture_names(case, suspects, 4)
    steps = ", ".join(str(spike.step) for spike in sorted(shown, key=lambda spike: spike.step))
    facts = [
        limit,
        *(
            Evidence(
                Text(f"loss at step {spike.step} against its neighbours", f"第 {spike.step} 步损失相对邻近步"),
                significant(math.exp(min(50.0, spike.z * shaking.noise))),
                None,
                PICTURES,
                "x",
            )
            for spike in shown
        ),
    ]
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH if shown[0].z > 2 * LIMIT else Confidence.MEDIUM,
        Text(
            f"{plural(len(shocks), 'step jumped', 'steps jumped')} far above the rest (step {steps}) and healed; shown there: {who.en}.",
            f"{len(shocks)} 步的损失突然跳高（第 {steps} 步）后恢复；当时的图片：{who.zh}。",
        ),
        why=Text(
            "One step with a large error pulls at all weights; often one picture or caption is at fault.",
            "误差很大的一步会拉动全部权重；原因常是某张图片或其标注。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                f"Look at {who.en} and their captions; `train.max_grad_norm: 1` limits a single step.",
                f"检查 {who.zh} 及其标注；`train.max_grad_norm: 1` 可限制单步的影响。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
