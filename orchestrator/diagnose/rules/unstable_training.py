"""Quality jumps from checkpoint to checkpoint.

## What it looks for

A run whose weights move to and fro so much that a checkpoint is good or bad by luck.

## Why it matters

The learning rate is too high for what there is to learn. The raw loss does not show it: it shakes in sound runs as well.

## How we tell

The jitter of the fixed probe on the training pictures: how far neighbouring probes lie from a smooth curve. It grows with the learning
rate (0.01 % at 1e-7, 2 % at 1e-4 in full fine-tunes of SD1.5). Above 0.6 %, and the run ended no better than its base model by three jitters: unstable. A jitter above 25 % of a real gain is to be looked
at, no more: neighbouring files differ by so much. The jitter of a run that gained far more is no fault.

## What to change

`train.unet_lr` times 0.5; times 0.3 where the jitter is above 2 %. A cosine schedule (`train.lr_scheduler`) calms the end.

## When it is wrong

A probe of few pictures in a run with dropout or augmentation shakes more. Fewer than 6 probes give no jitter.

## Sources

Jitter of deterministic evaluations in 47 public SD1.5 runs: 0.01 % (lr 1e-7) to 2.0 % (lr 1e-4). Share of the gain in labelled runs of one
seed: sound 1.1 to 2.3 %, learned by heart 0.5 to 4.2 %, ten times the rate on sd-scripts 8 % and more; their gains are larger than those of real LoRAs, so
no limit was taken from that. Plain noise about a sound course of twelve probes: told in at most 1 % where the gain is ten jitters or more;
called unstable in 14 % where it is five. "Oscillation of the loss curve means a
learning rate that is too high" (practitioners' courses) is not borne out: the raw loss at batch 1 has a standard deviation above its
mean in every run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, changed, course, surety, unprobed
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.measured import lr_account
from orchestrator.diagnose.remedies import lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.jitter import is_better, neighbour_noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.probe import ProbeCurve

SHAKING, STRONGLY = 0.6, 2.0
"""Jitter in percentage points; see Sources."""
SHARE = 0.25
"""Of the gain on the training pictures: told above this."""

SAYS = Says("R048", "unstable-training")


def check(case: Case) -> Iterator[Finding]:
    """Hold the jitter of the probe against what the run gained."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is None or not math.isfinite((seen.train or seen.decisive).jitter):
        yield SAYS.inconclusive(*unprobed(case))
        return
    curve = seen.train or seen.decisive
    rates = lr_account(case)
    jumps = rates.main.restarts if rates is not None else ()
    jitter = neighbour_noise(curve.steps, curve.changes, jumps=jumps)
    if not math.isfinite(jitter):
        jitter = curve.jitter
    share = jitter / -curve.last if curve.last < 0 else math.inf
    evidence = [
        Evidence(
            Text("jitter between probes, whole run", "全程探针之间的抖动"), significant(jitter, 2), SHAKING, PROBE, "%"
        ),
        changed(curve),
        Evidence(Text("jitter, as a share of the gain", "抖动占收益的份额"), significant(share, 2), SHARE, PROBE),
    ]
    is_hidden = not is_better(curve.last, jitter)
    if jitter <= SHAKING or (share <= SHARE and not is_hidden):
        yield SAYS.clear(
            Text("The probe shakes little against what the run gained.", "与训练的收益相比，探针抖动很小。"), evidence
        )
        return
    yield _fired(case, curve, jitter, evidence, is_hidden=is_hidden)


def _fired(case: Case, curve: ProbeCurve, jitter: float, evidence: list[Evidence], *, is_hidden: bool) -> Finding:
    gain = max(0.0, -curve.last)
    return SAYS.fired(
        Severity.FIX if is_hidden else Severity.WATCH,
        surety(case, jitter / SHAKING, is_about_others=False),
        Text(
            f"Quality jumps by {jitter:.1f} % from probe to probe, in a run that gained {gain:.1f} % on its own pictures.",
            f"探针之间的质量跳动达 {jitter:.1f} %，而训练在自己的图片上只获益 {gain:.1f} %。",
        ),
        why=Text(
            "The learning rate is too high: each step undoes part of the one before.",
            "学习率过高：每一步都抵消前一步的一部分。",
        ),
        evidence=evidence,
        fix=Fix(
            Text(
                "Lower the learning rate; a cosine schedule calms the end of the run.",
                "降低学习率；余弦调度可让训练末段更平稳。",
            ),
            lower_rates(case, 0.3 if jitter > STRONGLY else 0.5, is_safe=is_hidden),
        ),
        state=State.UNSTABLE if is_hidden else None,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("still-falling", "held-out-rising"))
