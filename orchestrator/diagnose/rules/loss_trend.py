"""What the training loss says about progress, and what it cannot say.

## What it looks for

A rise of the training loss that is larger than chance, and, for information, how large a change could have been seen at all, or what the
loss did once the timesteps are taken out.

## Why it matters

Almost all movement of this curve is the timestep drawn at random: at batch 1 its standard deviation is above its mean. People
read progress, plateaus and oscillation into it. A good run lowers the true loss by 2 to 7 %; in 1500 steps at batch 1 nothing under
20 % can be seen.

## How we tell

Means of the two halves of `loss/current`, and the smallest change those could show (two-sided 1 %, power 80 %). Only a rise beyond
that fires. A fall beyond it is told without praise: learning pictures by heart looks the same.

With telemetry the timesteps and pictures are known and taken out. Of the means of blocks of steps: Sen's line (Theil-Sen) with its 95 % interval, the rank
test of Mann and Kendall at 1 %, corrected for autocorrelation (Hamed and Rao), and an equivalence test: flat is only what changed by less than 2 % for
certain. How much the blocks vary over what single steps explain (1 is white noise) stands beside it. None of this fires: the probe judges.

## What to change

After a real rise: 0.3 times `train.unet_lr`. To see more than the raw loss shows: hold pictures out (`validate.hold_out`), and judge by
`loss/validation/epoch_average`.

## When it is wrong

Confidence is always low: the trainer's logs do not hold the timesteps, and a training loss does not speak for other pictures. Curricula, restarts and resumed runs change the level
without fault.

## Sources

Public SD1.5 runs: coefficient of variation 1.14-1.38 at batch 1, 0.64 at batch 4. Recorded runs of this project: learning rates from
1e-6 to 5e-3 cannot be told apart by 400 steps of raw loss; twenty copies of one picture give a *better* curve than an honest set.
"Smooth decline is healthy, shaking is a fault" (practitioners' courses) is not borne out by any of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, RAW_LOSS, raw_loss, significant
from orchestrator.diagnose.measured import conditioned, instability
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.raw import coefficient_of_variation, half_change, minimum_detectable_change
from orchestrator.diagnose.signals.trend import trend_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.trend import Trend

LEAST_STEPS = 100
"""Fewer steps carry no trend at any batch size in use."""
FLAT = 2.0
"""Percent either way: less than a good run lowers the true loss by."""
CHANCE = 0.01
"""Two-sided; the same as for the raw loss."""
Z = 2.33
"""Standard errors above 1 that blocks may vary by, one-sided 1 %."""
SAMPLES = "telemetry: samples"
LR_FACTOR = 0.3
"""Half a decade, the step people search in."""

SAYS = Says("R034", "loss-trend")


def check(case: Case) -> Iterator[Finding]:
    """Compare the two halves with what could have been seen."""
    loss = raw_loss(case)
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    if loss is None or len(loss) < LEAST_STEPS or not all(map(math.isfinite, loss.values)):
        yield SAYS.inconclusive(
            Text("Too few finite loss values for a trend.", "有限的损失值太少，无法判断趋势。"),
            Text(
                f"TensorBoard files with at least {LEAST_STEPS} steps.", f"至少含 {LEAST_STEPS} 步的 TensorBoard 文件。"
            ),
        )
        return
    cv = coefficient_of_variation(loss.values)
    least, change = minimum_detectable_change(cv, len(loss)), half_change(loss.values)
    evidence = [
        Evidence(
            Text("second half against the first", "后半段相对前半段"),
            significant(change, 2),
            significant(least, 2),
            RAW_LOSS,
        ),
        Evidence(Text("standard deviation / mean", "标准差/均值"), significant(cv, 2), None, RAW_LOSS),
    ]
    if change > least:
        yield _rising(case, change, least, evidence)
    elif change < -least:
        yield SAYS.clear(
            Text(
                f"The loss fell by {-change:.0%}, more than chance. That is no proof of quality: memorising looks the same.",
                f"损失下降了 {-change:.0%}，超出偶然范围。但这不能证明质量：死记图片看起来也一样。",
            ),
            evidence,
            confidence=Confidence.LOW,
        )
    elif (trend := _without_timesteps(case)) is not None:
        yield _told(case, trend, evidence)
    else:
        yield SAYS.inconclusive(
            Text(
                f"The loss changed by {change:+.0%}; in {len(loss)} steps nothing under {least:.0%} can be told from chance. "
                "Ups and downs of this size are normal and no sign of a wrong learning rate.",
                f"损失变化 {change:+.0%}；在 {len(loss)} 步内，小于 {least:.0%} 的变化与偶然无法区分。"
                "这种幅度的起伏是正常的，并不说明学习率有误。",
            ),
            Text(
                "Held-out pictures (`validate.hold_out`) and their loss per epoch.",
                "留出图片（`validate.hold_out`）及其每轮损失。",
            ),
            evidence,
        )


def _without_timesteps(case: Case) -> Trend | None:
    """Return the trend of the loss with timesteps and pictures taken out; None where they were not recorded, or too few steps."""
    seen = conditioned(case)
    return trend_of(seen.blocks.steps.tolist(), seen.blocks.means.tolist(), FLAT) if seen is not None else None


def _told(case: Case, trend: Trend, evidence: list[Evidence]) -> Finding:
    """Say what the loss did that the raw curve cannot show."""
    facts = [
        Evidence(
            Text("change with the timesteps taken out", "去除时间步后的变化"),
            significant(trend.percent),
            FLAT,
            SAMPLES,
            "%",
        ),
        Evidence(
            Text("chance of such a trend (Mann-Kendall)", "偶然出现该趋势的概率（Mann-Kendall）"),
            significant(trend.p),
            CHANCE,
            SAMPLES,
        ),
        *_shaking(case),
        *evidence,
    ]
    low, high = (f"{significant(end):+g}" for end in (trend.low, trend.high))
    if trend.is_flat:
        said = Text(
            f"With the timesteps taken out the loss changed by less than {short_number(FLAT)} % for certain ({low} to {high} %): flat, which is no proof of anything.",
            f"去除时间步后，损失的变化必定小于 {short_number(FLAT)} %（{low} 至 {high} %）：平坦，但这不证明什么。",
        )
        return SAYS.clear(said, facts, confidence=Confidence.LOW)
    if trend.p < CHANCE and trend.high < 0:
        said = Text(
            f"With the timesteps taken out the loss fell by {-trend.percent:.1f} % ({low} to {high} %), which the raw curve cannot show. That is no proof of "
            "quality: memorising looks the same.",
            f"去除时间步后，损失下降了 {-trend.percent:.1f} %（{low} 至 {high} %），原始曲线显不出来。但这不能证明质量：死记图片看起来也一样。",
        )
        return SAYS.clear(said, facts, confidence=Confidence.LOW)
    said = Text(
        f"With the timesteps taken out the loss changed by {low} to {high} %: neither a sure fall nor flat. The ups and downs of the raw curve are normal "
        "and no sign of a wrong learning rate.",
        f"去除时间步后，损失变化为 {low} 至 {high} %：既不是确定的下降，也不能算平坦。原始曲线的起伏是正常的，并不说明学习率有误。",
    )
    return SAYS.inconclusive(
        said, Text("The probe (`telemetry: probe`), or more steps.", "探针（`telemetry: probe`），或更多步数。"), facts
    )


def _shaking(case: Case) -> list[Evidence]:
    seen = instability(case)
    found = seen.dispersion if seen is not None else None
    if found is None or not math.isfinite(found.ratio) or not math.isfinite(found.error):
        return []
    limit = significant(1 + Z * found.error)
    return [
        Evidence(
            Text("variance of block means, white noise = 1", "区块均值的方差，白噪声为 1"),
            significant(found.ratio),
            limit,
            SAMPLES,
        )
    ]


def _rising(case: Case, change: float, least: float, evidence: list[Evidence]) -> Finding:
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"The training loss rose by {change:.0%}; chance explains up to {least:.0%}.",
            f"训练损失上升了 {change:.0%}；偶然最多解释 {least:.0%}。",
        ),
        why=Text("A rising loss mostly means a learning rate that is too high.", "损失上升多半说明学习率过高。"),
        evidence=evidence,
        fix=Fix(
            Text(
                f"Compare an early checkpoint with the last; next time {rate.en}.",
                f"把早期检查点与最后一个作比较；下次{rate.zh}。",
            ),
            lower_rates(case, LR_FACTOR, is_safe=False),
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
