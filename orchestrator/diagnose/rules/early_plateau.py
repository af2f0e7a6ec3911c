"""It learned the easy part at once and then stood still.

## What it looks for

A run that had most of its gain in its first eighth and changed nothing after that.

## Why it matters

For a simple subject that is fine and the run was only too long. Where details are missing, they were not learned later either.

## How we tell

The fixed probe: more than 80 % of the gain by 13 % of the run, and rest over the last third (see `plateau-reached`). The first probe
has to show the gain under way: where it holds more than 80 % already, or training started from other weights, the gain may have been
there before.

## What to change

If details are missing: `train.unet_lr` times 0.5, or more varied pictures. If not: fewer steps (`train.target_steps`).

## When it is wrong

Very small data sets are learned that fast without anything being wrong. A gain that was whole before the first probe is not told.

## Sources

80 % by 13 % of the run: simulated runs shaped after public SD1.5 logs, where the easiest part is learned within the first 100 steps.
Practitioners' courses call this a learning rate that is too high; that was not measured, so it is only told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, changed, course, ending, unprobed, went_on
from orchestrator.diagnose.facts import NO_RUN, planned_steps, significant
from orchestrator.diagnose.remedies import a_tenth_more, new_length
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.ending import change_at, is_still, plateau_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.probe import ProbeCurve

EARLY, MOST = 0.13, 0.80

SAYS = Says("R053", "early-plateau")


def check(case: Case) -> Iterator[Finding]:
    """Look how much of the gain was there after an eighth of the run."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    curve = None if seen is None else seen.train or seen.held_out
    line = ending(case, curve) if curve is not None else None
    if curve is None or line is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    if not curve.has_learned:
        yield SAYS.not_applicable(Text("It did not get better than its base model.", "没有优于底模。"))
        return
    elsewhere = _began_elsewhere(case, curve)
    if elsewhere is not None:
        yield SAYS.inconclusive(
            elsewhere,
            Text("A run from its first step on, with probes closer together.", "从第一步开始、探针更密的训练。"),
            [changed(curve)],
        )
        return
    share = change_at(curve, EARLY * curve.steps[-1]) / curve.last
    facts = [
        Evidence(
            Text("share of the gain by 13 % of the run", "训练前 13 % 取得的收益份额"),
            significant(share, 2),
            MOST,
            PROBE,
        )
    ]
    if share <= MOST or not is_still(curve, line):
        yield SAYS.clear(Text("The gain was spread over the run.", "收益分布在整个训练过程中。"), facts)
        return
    steps, since = planned_steps(case), plateau_step(curve)
    shorter = a_tenth_more(since)
    changes = new_length(case, shorter) if steps and shorter < steps else ()
    yield SAYS.fired(
        Severity.INFO,
        Confidence.MEDIUM,
        Text(
            f"{share:.0%} of the gain was there after 13 % of the run; from about step {since} on nothing changed.",
            f"训练前 13 % 已取得 {share:.0%} 的收益；约从第 {since} 步起不再变化。",
        ),
        why=Text(
            "The easy part is learned early; for a simple subject that is all there is.",
            "容易的部分很早就学会；简单主题也就到此为止。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "If details are missing, half the learning rate or more varied pictures; if not, fewer steps.",
                "若缺少细节，学习率减半或增加图片的多样性；否则减少步数。",
            ),
            changes,
        ),
    )


def _began_elsewhere(case: Case, curve: ProbeCurve) -> Text | None:
    """Return why the run may not have begun at its base model, so that nothing shows the gain on its way; None where it did."""
    if went_on(case):
        return Text(
            "Training went on from other weights: the gain may be older than this run.",
            "训练从其他权重开始：收益可能早于本次训练。",
        )
    if curve.changes[0] > MOST * curve.last:
        return None
    return Text(
        f"Its first probe, at step {curve.steps[0]}, was far from the base model already: the gain may be older than this run.",
        f"第一次探针（第 {curve.steps[0]} 步）已远离底模：收益可能早于本次训练。",
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
