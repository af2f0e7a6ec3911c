"""The loss lies at the level of a model that predicts nothing.

## What it looks for

A loss that stays near 1 (for models that predict noise), the value one gets by predicting nothing at all.

## Why it matters

The model is destroyed. This is what a far too high learning rate does; the curve then does not shake, it lies *flat* and even
calmer than a sound one, because nothing depends on the timestep any more. It is easily read as "does not learn".

## How we tell

With telemetry, for every family and kind of loss: the explained share, 1 minus the unweighted loss over the mean squared target. Two windows of 10 steps in a row
below 0.1, where the base model has more than 0.4. A base model that itself has less than 0.1, probed with the LoRA off, is named as the fault.

Without it, means of 6 steps of `loss/current`, two in a row above 0.6. Sound runs stay under 0.40. With `train.min_snr_gamma` the limit moves
with the mean weight it gives; flow models have 1.2. With huber loss, masked loss, debiased estimation, `train.model_prediction_type` other than raw, or sd3 (whose trainer
compares pictures) the scale is another one, and the rule does not decide. Where the first three steps lie there already, the base model itself is named: at the
first step the LoRA is still zero. Not so where training went on from other weights (`network_weights`, a resumed run): then these are named first.

## What to change

A tenth of `train.unet_lr`, and no more than is usual for the family, with a warm-up of 5 %. Start again from the base model. If the loss came back by itself, the file is
damaged all the same: a measured run that came back ended 28 % worse than the base model. If the base model is at fault: its family, the file,
and `base_model.v_parameterization`.

## When it is wrong

Without telemetry, the limit of flow models is taken from the formula and from others' logs, not from runs of ours; its confidence is medium.

## Sources

Explained share of bases of random weights, probed by real sd-scripts: -0.11 (SD1.x), -0.11 (SDXL), -0.30 (FLUX); in sound runs 0.65 to 0.9.
Measured on 36 runs of real sd-scripts with known outcome: all 3 lost runs (learning rate 0.2) and one that came back (0.03) found
within 20 steps, no other fired; and on 63 public SD1.5 runs, none fired. A loss that lies flat is read as "converged" or "does not learn" by practitioners'
courses; at this level it is neither.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, went_on
from orchestrator.diagnose.facts import RAW_LOSS, raw_loss, significant
from orchestrator.diagnose.levels import (
    FIRST_LEVEL,
    FIRST_STEPS,
    LOST_BASE,
    PERSISTENCE,
    WINDOW,
    lost_level,
    predicts_raw,
)
from orchestrator.diagnose.measured import explained
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.instability import LEAST_BASE, LOST_EXPLAINED
from orchestrator.diagnose.signals.raw import collapse_start, window_means

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.measured import Explained

SHARES = "telemetry: samples"
LR_FACTOR = 0.1
"""Lost runs had 40 times the highest sound learning rate; a tenth of the next decade is the nearest sure step."""

SAYS = Says("R031", "collapsed-loss")
_CHECK_BASE = Text(
    "Check the base model: its family, whether it is damaged, and `base_model.v_parameterization`.",
    "检查底模：模型系列是否正确、文件是否损坏，以及 `base_model.v_parameterization`。",
)
_BASE = (
    LOST_BASE,
    Text(
        "At the first step the LoRA is still zero, so that loss is the base model's own.",
        "第一步时 LoRA 仍为零，那时的损失就是底模自己的损失。",
    ),
    _CHECK_BASE,
)
_WENT_ON = (
    Text(
        "The loss lies near 1 from the very first steps: the weights it went on from, or the base model, predict nothing.",
        "损失从最初几步起就接近 1：它所接续的权重或底模什么都预测不出来。",
    ),
    Text(
        "Training went on from other weights: at its first step the LoRA was not zero, so that loss need not be the base model's own.",
        "训练从其他权重接续：第一步时 LoRA 并不为零，那时的损失未必是底模自己的损失。",
    ),
    Text(
        "Start once without them. If the loss is usual then, those weights were lost; if not, check the base model.",
        "不用这些权重重新开始一次。若损失恢复正常，则那些权重已失效；否则检查底模。",
    ),
)
"""Message, reason and advice where the loss lies there from the first step, and where the LoRA was not zero by then."""


def check(case: Case) -> Iterator[Finding]:
    """Look for windows at the level of a model that predicts nothing."""
    seen = explained(case)
    if seen is not None and seen.base < LOST_EXPLAINED and predicts_raw(case):
        yield _no_base(seen.base)
        return
    if seen is not None and seen.base > LEAST_BASE and len(seen.shares) >= PERSISTENCE:
        yield _by_share(case, seen)
        return
    loss, limit = raw_loss(case), lost_level(case)
    if loss is None or len(loss) < WINDOW * PERSISTENCE:
        yield SAYS.inconclusive(
            Text("Too few loss values to see a level.", "损失值太少，看不出水平。"),
            Text(
                f"TensorBoard files with at least {WINDOW * PERSISTENCE} steps.",
                f"至少含 {WINDOW * PERSISTENCE} 步的 TensorBoard 文件。",
            ),
        )
        return
    if limit is None:
        yield SAYS.inconclusive(
            Text(
                "With this loss the level of a lost model is not known.", "在这种损失下，无法得知失效模型的损失水平。"
            ),
            Text("A held-out loss, or a look at the sample pictures.", "留出集损失，或查看样图。"),
        )
        return
    level, confidence = limit
    means = window_means(loss.values, WINDOW)
    start = collapse_start(loss.values, level, WINDOW, PERSISTENCE)
    highest = max((m for m in means if m == m), default=0.0)  # noqa: PLR0124 - NaN is not equal to itself
    evidence = Evidence(
        Text("highest mean of 6 steps", "6 步均值的最大值"), significant(highest, 3), significant(level, 3), RAW_LOSS
    )
    if start is None:
        yield SAYS.clear(
            Text("The loss never came near that of a lost model.", "损失从未接近失效模型的水平。"), [evidence]
        )
        return
    first = sum(loss.values[:FIRST_STEPS]) / FIRST_STEPS
    if start == 0 and first > FIRST_LEVEL * level:
        yield _lost_base(first, evidence, _WENT_ON if went_on(case) else _BASE)
        return
    yield _fired(case, loss.steps[start], is_lost=means[-1] > level, evidence=evidence, confidence=confidence)


def _by_share(case: Case, seen: Explained) -> Finding:
    """Judge by the share of the target that the model explains, whatever the family and the loss."""
    known = [share for share in seen.shares if math.isfinite(share)]
    evidence = Evidence(
        Text("lowest explained share", "最低解释占比"),
        significant(min(known, default=math.nan), 2),
        LOST_EXPLAINED,
        SHARES,
    )
    if seen.collapsed_at is None:
        return SAYS.clear(Text("The model never stopped predicting.", "模型从未停止预测。"), [evidence])
    width = seen.steps[1] - seen.steps[0]
    is_lost = not known[-1] >= LOST_EXPLAINED
    step = max(1, seen.collapsed_at - width + 1)
    return _fired(case, step, is_lost=is_lost, evidence=evidence, confidence=Confidence.HIGH)


def _no_base(share: float) -> Finding:
    return SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            "With the LoRA off the base model predicts nothing: the base model itself is at fault.",
            "关闭 LoRA 时底模什么都预测不出来：问题出在底模本身。",
        ),
        evidence=[
            Evidence(
                Text("explained share of the base model", "底模的解释占比"),
                significant(share, 2),
                LOST_EXPLAINED,
                PROBE,
            )
        ],
        fix=Fix(_CHECK_BASE),
        state=State.BROKEN,
    )


def _fired(case: Case, step: int, *, is_lost: bool, evidence: Evidence, confidence: Confidence) -> Finding:
    if is_lost:
        message = Text(
            f"From step {step} on the loss is that of a lost model: it predicts nothing any more.",
            f"从第 {step} 步起损失处于失效模型的水平：它已什么都预测不出来。",
        )
    else:
        message = Text(
            f"Around step {step} the model was lost for a while; it came back damaged.",
            f"第 {step} 步前后模型一度失效；虽有恢复，但已受损。",
        )
    rate = lower_rate_words(case, LR_FACTOR)
    return SAYS.fired(
        Severity.STOP if is_lost else Severity.FIX,
        confidence,
        message,
        why=Text(
            "The learning rate is far too high. Such a loss is flat and calm; it is no plateau.",
            "学习率过高。这种损失平坦而安静，但那不是收敛。",
        ),
        evidence=[Evidence(Text("first step", "起始步"), step, None, evidence.source, "step"), evidence],
        fix=Fix(
            Text(
                f"Start again from the base model with {rate.en} and a warm-up of 5 %.",
                f"从底模重新开始，{rate.zh}，并预热 5 %。",
            ),
            lower_rates(case, LR_FACTOR),
        ),
        state=State.BROKEN if is_lost else None,
    )


def _lost_base(first: float, evidence: Evidence, words: tuple[Text, Text, Text]) -> Finding:
    message, why, advice = words
    return SAYS.fired(
        Severity.STOP,
        Confidence.MEDIUM,
        message,
        why=why,
        evidence=[
            Evidence(Text("mean of the first 3 steps", "前 3 步均值"), significant(first, 3), None, RAW_LOSS),
            evidence,
        ],
        fix=Fix(advice),
        state=State.BROKEN,
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    maturity="stable",
    suppresses=(
        "diverging",
        "unstable-training",
        "worse-than-base",
        "weight-blow-up",
        "nothing-learned",
        "learning-too-slow",
        "loss-trend",
        "still-falling",
        "held-out-rising",
        "always-clipped",
        "schedule-artefact",
    ),
)
