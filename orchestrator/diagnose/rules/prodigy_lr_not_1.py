"""Prodigy or D-Adaptation runs with a learning rate that is not 1.

## What it looks for

An optimizer that finds its own step size (Prodigy, DAdapt...) together with a learning rate outside 0.5 to 1.5, or with different
rates for U-Net and text encoder.

## Why it matters

Here the learning rate is a factor on the step size the optimizer finds. With the 1e-4 that every AdamW recipe has, the run ends
well and the weights never move.

## How we tell

The rates of the recipe. 0.1 or less is certain to be a mistake; the trainer only prints a warning. With different rates the
trainer uses the first group's, the text encoder's, for everything.

## What to change

`train.learning_rate`, `train.unet_lr` and `train.text_encoder_lr` all 1.0, with a constant or cosine schedule. If the result is
too strong or too weak, `d_coef` in `train.optimizer_args` is the knob.

## When it is wrong

0.5 to 1.5 is passed. ProdigyPlusScheduleFree with its own options may take others.

## Sources

sd-scripts 48d368fa, `train_util.py` (the warning at 0.1, the first learning rate wins); practitioners' courses. Measured: the same data
with Prodigy at 1e-4 changed the loss on fixed noise by 0.0000 in 500 steps, at 1.0 by -2.3 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import bounds, is_adaptive, number, optimizer, setting, unet_lr, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST, MOST = 0.5, 1.5
"""Published Prodigy presets use 0.75 to 1."""

SAYS = Says("R024", "prodigy-lr-not-1")


def check(case: Case) -> Iterator[Finding]:
    """Look at the learning rates of an optimizer that finds its own."""
    lr = unet_lr(case)
    if not is_adaptive(case) or lr is None:
        yield SAYS.not_applicable(
            Text("The optimizer does not find its own step size.", "优化器并非自行寻找步长的类型。")
        )
        return
    name, te_lr = optimizer(case) or "", number(case, "text_encoder_lr")
    trains_te = bool(te_lr) and not setting(case, "network_train_unet_only")
    evidence = [Evidence(Text("learning rate", "学习率"), lr, bounds(LEAST, MOST), "unet_lr")]
    if not LEAST <= lr <= MOST:
        yield _fired(case, name, lr, te_lr if trains_te else None, evidence)
    elif te_lr is not None and trains_te and te_lr != lr:
        yield SAYS.fired(
            Severity.FIX,
            Confidence.HIGH,
            Text(
                f"{name} takes one learning rate for all; yours differ ({short_number(te_lr)} and {short_number(lr)}), the first one is used.",
                f"{name} 对所有部分只用一个学习率；你给了两个（{short_number(te_lr)} 与 {short_number(lr)}），只有第一个生效。",
            ),
            evidence=[
                *evidence,
                Evidence(Text("text encoder's learning rate", "文本编码器学习率"), te_lr, lr, "text_encoder_lr"),
            ],
            fix=Fix(
                Text("Make them equal.", "设为相同的值。"), (Change("train.text_encoder_lr", lr, te_lr, is_safe=True),)
            ),
            where=where(case, "text_encoder_lr"),
        )
    else:
        yield SAYS.clear(
            Text("The learning rate is 1, as this optimizer needs it.", "学习率为 1，符合该优化器的要求。"), evidence
        )


def _fired(case: Case, name: str, lr: float, te_lr: float | None, evidence: list[Evidence]) -> Finding:
    changes = [Change("train.unet_lr", 1.0, lr, is_safe=True)]
    if te_lr:
        changes.append(Change("train.text_encoder_lr", 1.0, te_lr, is_safe=True))
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"{name} needs a learning rate of 1, not {short_number(lr)}.",
            f"{name} 的学习率应为 1，而不是 {short_number(lr)}。",
        ),
        why=Text(
            "It finds the step size itself and multiplies it with this number.",
            "它自行寻找步长，再乘以这个数。",
        ),
        evidence=evidence,
        fix=Fix(Text("Set all learning rates to 1.0.", "把所有学习率设为 1.0。"), tuple(changes)),
        where=where(case, "unet_lr") or where(case, "learning_rate"),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
