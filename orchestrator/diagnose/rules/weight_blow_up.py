"""The weights grow ever faster, or into a single direction.

## What it looks for

Network files whose update grows faster than the steps add up, or one whose update lies in few directions and is large.

## Why it matters

Such a LoRA does not stack with others and burns at full weight, even where its own samples still look right.

## How we tell

Over at least 3 saved files: the slope of log(update) over log(step) is above 1.3 (steady growth is 1, sound runs slow down to about 0.8).
Or: the effective rank of the newest file's typical module is below a quarter of `network_dim` and its update more than ten times that of the
run's own median file.

## What to change

`train.unet_lr` times 0.5. Further help: `network.scale_weight_norms` at 1, weight decay.

## When it is wrong

A warm-up over a good part of the run makes early files small and the slope steep; it is taken out by counting summed learning rates
instead of steps where they are known. No absolute size of a good update is established, so none is used.

## Sources

Measured on sd-scripts, rank 8: sound 0.126, 0.225, 0.302, 0.369 at 50 to 200 steps (slope 0.78, effective rank 3.0 to 3.4); 150 times the
rate: 411 and 1.8. ostris/ai-toolkit issue 964 (spectral spikes break stacking); arXiv 2410.21228 (intruder dimensions).
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.measured import weight_growth
from orchestrator.diagnose.rates import summed_lr_at
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.weights import growth_exponent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.measured import WeightGrowth

STEEP = 1.3
NARROW, LARGER = 0.25, 10.0
"""Share of the rank that is in use, and how many times the run's own median update; see Sources."""
LEAST_FILES = 3
LR_FACTOR = 0.5

SAYS = Says("R073", "weight-blow-up")


def check(case: Case) -> Iterator[Finding]:
    """Look at the growth of the U-Net's update, and at the directions of the newest file."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = weight_growth(case)
    group = None if seen is None else next((g for g in ("unet", *sorted(seen.groups)) if g in seen.groups), None)
    if seen is None or group is None or len(seen.groups[group].steps) < LEAST_FILES:
        yield SAYS.inconclusive(
            Text("Growth cannot be seen in fewer than three saved files.", "少于三个保存文件时看不出权重的增长。"),
            Text(
                "Checkpoints along the run (`save.save_every_n_epochs`).",
                "训练过程中的检查点（`save.save_every_n_epochs`）。",
            ),
        )
        return
    yield _judge(case, seen, group)


def _judge(case: Case, seen: WeightGrowth, group: str) -> Finding:
    growth = seen.groups[group]
    amounts = [summed_lr_at(case, step) for step in growth.steps]
    is_known = all(amount is not None and amount > 0 for amount in amounts)
    slope = growth_exponent([a for a in amounts if a is not None], growth.rms) if is_known else growth.exponent
    source = seen.newest.path
    facts = [Evidence(Text("growth exponent", "增长指数"), significant(slope, 3), STEEP, source)]
    narrow = _narrow(seen, group)
    if narrow is not None:
        facts.append(
            Evidence(Text("share of the rank in use", "实际使用的秩占比"), significant(narrow, 2), NARROW, source)
        )
    is_steep = math.isfinite(slope) and slope > STEEP
    is_narrow = narrow is not None and narrow < NARROW and growth.rms[-1] > LARGER * median(growth.rms)
    if not is_steep and not is_narrow:
        return SAYS.clear(Text("The weights grew no faster than their steps.", "权重的增长没有快于步数。"), facts)
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.FIX,
        Confidence.MEDIUM,
        Text(
            f"The weights grow ever faster (exponent {slope:.1f}; steady is 1)."
            if is_steep
            else "A few directions dominate the update.",
            f"权重增长越来越快（指数 {slope:.1f}；匀速为 1）。" if is_steep else "更新集中在少数几个方向。",
        ),
        why=Text(
            "Each step makes the next one larger; such a LoRA burns and does not stack.",
            "每一步都让下一步更大；这样的 LoRA 会烧图，也无法叠加。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                f"Next time {rate.en}; `network.scale_weight_norms: 1` limits it further.",
                f"下次{rate.zh}；`network.scale_weight_norms: 1` 可进一步限制。",
            ),
            lower_rates(case, LR_FACTOR),
        ),
        state=State.UNSTABLE,
    )


def _narrow(seen: WeightGrowth, group: str) -> float | None:
    weights = seen.newest.groups.get(group)
    if weights is None or not weights.rank or not math.isfinite(weights.effective_rank):
        return None
    return weights.effective_rank / weights.rank


RULE = Rule(SAYS.id, SAYS.name, "after", check)
