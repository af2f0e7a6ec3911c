"""The run stopped while it was still getting better.

## What it looks for

A curve that still falls at the end: more steps would have helped.

## Why it matters

Too short a run is the cheapest fault to cure, if one knows of it.

## How we tell

The fixed probe: better than the base model by three jitters, the end its best, and a line through the last third says that the last quarter
of the run brought more than 12 % of the whole gain, by more than twice its error. With held-out pictures they have to show it too. A
schedule that ends near zero makes any curve lie still. Where each picture was seen fewer than 50 times, which is where published presets begin, it is therefore enough that the last
third brought more than 48 % of what its share of the summed learning rates would on an even course (12 of the 25 % that a quarter brings).

Without telemetry, the held-out loss per epoch, where it has at least 6 values: its last value is its lowest, it fell by more than 1 % and four
times its jitter, and the last quarter still brought more than 12 %; confidence is then low. The raw training loss cannot carry this: in its last
quarter only a fall several times larger than any real one would stand out. Then the answer is: not to be said.

## What to change

1.5 to 3 times the steps: as many as take an exponential approach with such an end to 95 % of its level, the longest of the curves'.
`train.max_train_epochs` where the recipe names it (it decides then), else `train.target_steps`. A run that ended before its plan did:
its planned steps first.

## When it is wrong

How far a run with a decayed learning rate could still have gone is read from the bend of its curve, not seen. The lowest held-out
loss and the best likeness are not the same moment.

## Sources

Share of 12 % in the last quarter from simulated runs shaped after public SD1.5 logs; jitter of a deterministic held-out loss there
0.2 to 2 %, growing with the learning rate. Figures on labelled runs: docs/benchmark.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, Course, changed, course, ending, surety
from orchestrator.diagnose.facts import (
    LONGER_AT_BAND,
    NO_RUN,
    RAW_LOSS,
    planned_steps,
    raw_loss,
    series,
    significant,
    unreached_steps,
)
from orchestrator.diagnose.measured import EPOCH_AVERAGE
from orchestrator.diagnose.remedies import new_length
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.ending import late_share
from orchestrator.diagnose.signals.raw import coefficient_of_variation, jitter, minimum_detectable_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import Series
    from orchestrator.diagnose.signals.ending import Ending
    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_VALUES = 6
"""Held-out values; fewer give no jitter to compare with."""
LEAST_SHARE = 0.12
"""Share of the whole fall that the last quarter still brought."""
LEAST_FALL = 0.01
"""Smaller falls of a deterministic held-out loss go on in runs whose weights hardly move; sound runs fall by 1 to 2 %."""
JITTERS = 4.0
"""The fall has to be this many times the jitter."""
ERRORS = 2.0
"""Standard errors that the fall of the last third has to exceed."""
FEW_VIEWS = 50.0
"""Times each picture is seen: where published presets begin."""
DUE = LEAST_SHARE / 0.25
"""The same as part of what an even course brings, for runs whose learning rate had all but ended by then."""
MORE, MOST = 1.5, 3.0
"""Times the steps to try next: at least, and at most where the course asks for more. Beyond that it is guessed, not measured."""
REACHED = 0.95
"""Part of the way to its level that the next run is to go."""

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
    held_out = series(case, EPOCH_AVERAGE)
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
    paces = [_pace(c, line) if line is not None else 0.0 for c, line in zip(curves, lines, strict=True)]
    facts += [
        Evidence(
            Text("pace of the last third, even course = 1", "末三分之一的速度，匀速为 1"), significant(pace), DUE, PROBE
        )
        for pace in paces
    ]
    is_short = case.plan is not None and case.plan.steps.exposures_per_image < FEW_VIEWS
    is_falling = all(
        line is not None
        and curve.has_learned
        and curve.is_best_near_end
        and (share > LEAST_SHARE or (is_short and _pace(curve, line) > DUE))
        and line.third > ERRORS * line.error
        for curve, line, share in zip(curves, lines, shares, strict=True)
    )
    if not is_falling:
        return SAYS.clear(
            Text("It was not falling any more, or not surely.", "已不再下降，或无法确定仍在下降。"), facts
        )
    times = max(_times(c, line) for c, line in zip(curves, lines, strict=True) if line is not None)
    return _fired(case, seen, (min(shares), min(paces), times), facts)


def _fired(case: Case, seen: Course, found: tuple[float, float, float], facts: list[Evidence]) -> Finding:
    share, pace, times = found
    said = (
        Text(f"the last quarter brought {share:.0%} of the gain.", f"最后四分之一带来了 {share:.0%} 的收益。")
        if share > LEAST_SHARE
        else Text(
            f"it lay still only because the learning rate had ended, at {pace:.0%} of an even pace.",
            f"曲线变平只是因为学习率已降完，速度仍为匀速的 {pace:.0%}。",
        )
    )
    return SAYS.fired(
        Severity.WATCH,
        surety(case, max(share / LEAST_SHARE, pace / DUE), least=1.5),
        Text(
            f"It was still getting better when it stopped: {said.en}",
            f"停止时仍在变好：{said.zh}",
        ),
        why=Text("The run was too short for this learning rate.", "以该学习率而言训练太短。"),
        evidence=facts,
        fix=_unfinished(case, seen.decisive.steps[-1]) or _longer(case, times),
        state=State.UNDERTRAINED,
    )


def _unfinished(case: Case, last_step: int) -> Fix | None:
    """Return what to do first where the run ended before its plan did; None where it did not."""
    planned = unreached_steps(case, last_step)
    if planned is None:
        return None
    return Fix(
        Text(
            f"It ended at step {last_step}: first let it run its planned {planned}.",
            f"训练止于第 {last_step} 步：先让它跑完计划的 {planned} 步。",
        )
    )


def _longer(case: Case, times: float) -> Fix:
    planned = planned_steps(case)
    changes = new_length(case, math.ceil(planned * times / 10) * 10) if planned else ()
    return Fix(
        Text(f"About {times:.1f} times the steps.", f"步数约为 {times:.1f} 倍。") if changes else LONGER_AT_BAND,
        changes,
    )


def _pace(curve: ProbeCurve, line: Ending) -> float:
    """Return what the last third brought as part of what its share of the summed learning rates is due on an even course."""
    return line.third / -curve.last / line.due if curve.last < 0 and line.due > 0 else 0.0


def _times(curve: ProbeCurve, line: Ending) -> float:
    """Return how many times the steps take an exponential approach with such an end to 95 % of its level, within `MORE` and `MOST`."""
    share = line.third / -curve.last
    low, high = 1e-3, 50.0
    for _ in range(40):
        rate = (low + high) / 2
        late = (math.exp(-rate * (1 - line.due)) - math.exp(-rate)) / -math.expm1(-rate)
        low, high = (rate, high) if late > share else (low, rate)
    return min(MOST, max(MORE, -math.log(1 - REACHED) / high))


def _judge(case: Case, held_out: Series) -> Finding:
    values = list(held_out.values)
    if values[0] <= 0:
        return SAYS.inconclusive(
            Text(
                f"The held-out loss began at {short_number(values[0])}: no level to hold a fall against.",
                f"留出集损失从 {short_number(values[0])} 开始：没有可供比较的水平。",
            ),
            Text("A held-out loss above 0.", "大于 0 的留出集损失。"),
        )
    fall, shake = values[0] - values[-1], jitter(values)
    late = values[-1 - max(1, len(values) // 4)] - values[-1]
    share = late / fall if fall > 0 else 0.0
    evidence = [
        Evidence(
            Text("fall of the held-out loss", "留出集损失的降幅"),
            significant(fall / values[0]),
            significant(max(JITTERS * shake / values[0], LEAST_FALL)),
            EPOCH_AVERAGE,
        ),
        Evidence(
            Text("share of it in the last quarter", "其中末四分之一所占份额"),
            significant(share),
            LEAST_SHARE,
            EPOCH_AVERAGE,
        ),
    ]
    if fall <= max(JITTERS * shake, LEAST_FALL * values[0]) or share <= LEAST_SHARE or values[-1] > min(values):
        return SAYS.clear(
            Text("The held-out loss was not falling any more.", "留出集损失已不再下降。"),
            evidence,
            confidence=Confidence.LOW,
        )
    steps, loss = planned_steps(case), raw_loss(case)
    changes = new_length(case, math.ceil(steps * MORE / 10) * 10) if steps else ()
    unfinished = _unfinished(case, loss.steps[-1]) if loss is not None else None
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"The held-out loss was still falling at the end: the last quarter brought {share:.0%} of its fall.",
            f"结束时留出集损失仍在下降：末四分之一贡献了 {share:.0%} 的降幅。",
        ),
        evidence=evidence,
        fix=unfinished or Fix(Text("Try half as many steps again.", "可把步数增加一半再试。"), changes),
        state=State.UNDERTRAINED,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("plateau-reached", "early-plateau"))
