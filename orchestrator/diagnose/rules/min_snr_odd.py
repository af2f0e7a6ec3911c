"""The weight of low-noise steps is set to an unusual value.

## What it looks for

`train.min_snr_gamma` below 1 or above 20, or set for a model that learns a flow.

## Why it matters

It caps how much steps with little noise count. Below 1 nearly all that is left is coarse shape: detail gets lost. Above 20 it is next to no cap any more.

## How we tell

The value, and what it leaves of the mean weight of a step. Flow models (flux, sd3 and their like) have no such weight: the trainer takes the key and does nothing
with it. For recipes of this tool `no-effect-option` says that already.

## What to change

`train.min_snr_gamma: 5`, the value of the paper and of most published recipes; for flow models leave it out.

## When it is wrong

Values outside the usual may be meant; nothing breaks.

## Sources

Hang et al., arXiv 2303.09556 (5). sd-scripts 48d368fa, `custom_train_functions.py`: min(snr, gamma) / snr, over snr + 1 for v-prediction, which is therefore fine.
Practitioners' courses say a value too high makes training unstable; by that formula a high value is the plain loss, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import FLOW_FAMILIES, bounds, family, number, setting, significant, where
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.raw import min_snr_mean_weight

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST, MOST, USUAL = 1.0, 20.0, 5.0

SAYS = Says("R077", "min-snr-odd")


def check(case: Case) -> Iterator[Finding]:
    """Look at gamma."""
    gamma = number(case, "min_snr_gamma")
    if not gamma:
        yield SAYS.not_applicable(Text("Steps are not weighted by their noise.", "没有按噪声给步加权。"))
    elif family(case) in FLOW_FAMILIES and case.plan is not None:
        yield SAYS.not_applicable(Text("It has no effect on this family.", "对该模型系列不起作用。"))
    elif family(case) in FLOW_FAMILIES:
        yield SAYS.fired(
            Severity.INFO,
            Confidence.HIGH,
            Text(
                f"`min_snr_gamma` has no effect on {family(case)}: it learns a flow, not noise.",
                f"`min_snr_gamma` 对 {family(case)} 不起作用：它学习的是流，而非噪声。",
            ),
            evidence=[Evidence(Text("min_snr_gamma", "min_snr_gamma 的值"), gamma, None, "min_snr_gamma")],
            fix=Fix(Text("Leave it out.", "去掉它。"), (Change("train.min_snr_gamma", None, gamma),)),
            where=where(case, "min_snr_gamma"),
        )
    else:
        yield _judge(case, gamma)


def _judge(case: Case, gamma: float) -> Finding:
    weight = min_snr_mean_weight(gamma, is_v=bool(setting(case, "v_parameterization")))
    facts = [
        Evidence(Text("min_snr_gamma", "min_snr_gamma 的值"), gamma, bounds(LEAST, MOST), "min_snr_gamma"),
        Evidence(Text("mean weight of a step", "每步的平均权重"), significant(weight), None, "min_snr_gamma"),
    ]
    if LEAST <= gamma <= MOST:
        return SAYS.clear(Text("The weight of low-noise steps is usual.", "低噪声步的权重属常用值。"), facts)
    said = (
        ("steps with little noise hardly count, and detail with them", "低噪声的步几乎不计，细节随之丢失")
        if gamma < LEAST
        else ("it hardly changes anything any more", "几乎不再起作用")
    )
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        Text(
            f"`min_snr_gamma` is {short_number(gamma)}: {said[0]}.",
            f"`min_snr_gamma` 为 {short_number(gamma)}：{said[1]}。",
        ),
        evidence=facts,
        fix=Fix(Text("5 is the usual value.", "常用值为 5。"), (Change("train.min_snr_gamma", USUAL, gamma),)),
        where=where(case, "min_snr_gamma"),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
