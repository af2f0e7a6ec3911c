"""The run stopped while it was still getting better.

## What it looks for

A curve that still falls at the end: more steps would have helped.

## Why it matters

Too short a run is the cheapest fault to cure, if one knows of it.

## How we tell

The fixed probe: better than the base model by three jitters, the end its best, and a line through the last third says that the last quarter
of the run brought more than 12 % of the whole gain, by more than twice its error. With held-out pictures they have to show it too.

Without telemetry, the held-out loss per epoch, where it has at least 6 values: its last value is its lowest, it fell by more than 1 % and four
times its jitter, and the last quarter still brought more than 12 %; confidence is then low. The raw training loss cannot carry this: in its last
quarter only a fall several times larger than any real one would stand out. Then the answer is: not to be said.

## What to change

`train.target_steps` times 1.5, not more at once.

## When it is wrong

A cosine schedule ends with tiny steps, so that the loss lies still whatever is left to learn; that is then not seen. The lowest held-out
loss and the best likeness are not the same moment.

## Sources

Share of 12 % in the last quarter from simulated runs shaped after public SD1.5 logs; jitter of a deterministic held-out loss there
0.2 to 2 %, growing with the learning rate. Figures on labelled runs: docs/benchmark.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, Course, changed, course, ending, late_share, noise, surety
from orchestrator.diagnose.facts import NO_RUN, RAW_LOSS, planned_steps, raw_loss, series, significant
from orchestrator.diagnose.remedies import new_length
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.raw import coefficient_of_variation, jitter, minimum_detectable_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import Series

HELD_OUT = "loss/validation/epoch_average"
LEAST_VALUES = 6
"""Held-out values; fewer give no jitter to compare with."""
LEAST_SHARE = 0.12
"""Share of the whole fall that the last quarter still brought."""
LEAST_FALL = 0.01
"""Smaller falls of a deterministic held-out loss go on in runs whose weights hardly move; sound runs fall by 1 to 2 %."""
JITTERS = 4.0
"""The fall has to be this many times the jitter."""
LEARNED = 3.0
"""Jitters that a gain has to exceed to be one."""
ERRORS = 2.0
"""Standard errors that the fall of the last third has to exceed."""
MORE = 1.5
"""Times the steps to try next."""

SAYS = Says("R035", "still-falling")


def check(case: Case) -> Iterator[Finding]:
    """Look at the end of the held-out loss; say what the raw loss could have shown."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is not None:
        yield _probed(case, seen)
        return
    held_out = series(case, HELD_OUT)
    if held_out is not None and len(held_out) >= LEAST_VALUES and all(map(math.isfinite, held_out.values)):
        yield _judge(case, held_out)
        return
    loss = raw_loss(case)
    evidence = []
    said = Text("The training loss cannot say whether it was still falling.", "训练损失无法说明结束时是否仍在下降。")
    if loss is not None and len(loss) >= 8:
        last = loss.values[-len(loss) // 4 :]
        least = minimum_detectable_change(coefficient_of_variation(last), len(last))
        if math.isfinite(least):
            evidence.append(
                Evidence(
                    Text("smallest fall the last quarter could show", "末四分之一能显出的最小降幅"),
                    significant(least),
                    None,
                    RAW_LOSS,
                )
            )
            said = Text(
                f"Whether it was still falling cannot be said: the last quarter shows only falls above {least:.0%}.",
                f"无法判断结束时是否仍在下降：末四分之一只能显出超过 {least:.0%} 的降幅。",
            )
    yield SAYS.inconclusive(
        said,
        Text(
            f"Held-out pictures (`validate.hold_out`) with at least {LEAST_VALUES} measurements over the run.",
            f"留出图片（`validate.hold_out`），全程至少测量 {LEAST_VALUES} 次。",
        ),
        evidence,
    )


def _probed(case: Case, seen: Course) -> Finding:
    curves = [curve for curve in (seen.train, seen.held_out) if curve is not None]
    lines = [ending(case, curve) for curve in curves]
    shares = [late_share(c, line) if line is not None else 0.0 for c, line in zip(curves, lines, strict=True)]
    facts = [changed(seen.decisive, is_held_out=seen.held_out is not None)]
    facts += [
        Evidence(
            Text("share of the gain in the last quarter", "末四分之一所占的收益份额"),
            significant(share),
            LEAST_SHARE,
            PROBE,
        )
        for share in shares
    ]
    is_falling = all(
        line is not None
        and curve.last < -LEARNED * noise(curve)
        and curve.is_best_near_end
        and share > LEAST_SHARE
        and line.third > ERRORS * line.error
        for curve, line, share in zip(curves, lines, shares, strict=True)
    )
    if not is_falling:
        return SAYS.clear(
            Text("It was not falling any more, or not surely.", "已不再下降，或无法确定仍在下降。"), facts
        )
    steps = planned_steps(case)
    changes = new_length(case, math.ceil(steps * MORE / 10) * 10) if steps else ()
    return SAYS.fired(
        Severity.WATCH,
        surety(case, min(shares) / LEAST_SHARE, least=1.5),
        Text(
            f"It was still getting better when it stopped: the last quarter brought {min(shares):.0%} of the gain.",
            f"停止时仍在变好：最后四分之一带来了 {min(shares):.0%} 的收益。",
        ),
        why=Text("The run was too short for this learning rate.", "以该学习率而言训练太短。"),
        evidence=facts,
        fix=Fix(Text("Half as many steps again.", "步数增加一半。"), changes),
        state=State.UNDERTRAINED,
    )


def _judge(case: Case, held_out: Series) -> Finding:
    values = list(held_out.values)
    fall, shake = values[0] - values[-1], jitter(values)
    late = values[-1 - max(1, len(values) // 4)] - values[-1]
    share = late / fall if fall > 0 else 0.0
    evidence = [
        Evidence(
            Text("fall of the held-out loss", "留出集损失的降幅"),
            significant(fall / values[0]),
            significant(max(JITTERS * shake / values[0], LEAST_FALL)),
            HELD_OUT,
        ),
        Evidence(
            Text("share of it in the last quarter", "其中末四分之一所占份额"), significant(share), LEAST_SHARE, HELD_OUT
        ),
    ]
    if fall <= max(JITTERS * shake, LEAST_FALL * values[0]) or share <= LEAST_SHARE or values[-1] > min(values):
        return SAYS.clear(
            Text("The held-out loss was not falling any more.", "留出集损失已不再下降。"),
            evidence,
            confidence=Confidence.LOW,
        )
    steps = planned_steps(case)
    changes = new_length(case, math.ceil(steps * MORE / 10) * 10) if steps else ()
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"The held-out loss was still falling at the end: the last quarter brought {share:.0%} of its fall.",
            f"结束时留出集损失仍在下降：末四分之一贡献了 {share:.0%} 的降幅。",
        ),
        evidence=evidence,
        fix=Fix(Text("Try half as many steps again.", "可把步数增加一半再试。"), changes),
        state=State.UNDERTRAINED,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
