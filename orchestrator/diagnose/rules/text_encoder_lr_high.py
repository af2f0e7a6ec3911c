"""The text encoder learns faster than the picture network should let it.

## What it looks for

A learning rate of the text encoder above 0.6 of the U-Net's, or any training of text encoders for SDXL and FLUX.

## Why it matters

The text encoder is shared by every prompt. Trained too hard it drags words along that have nothing to do with the subject, and
prompts stop meaning what they meant.

## How we tell

`train.text_encoder_lr` divided by `train.unet_lr`. Above 1: to fix. Above 0.6: look at it. Not zero with sdxl or flux: good to know.

## What to change

A tenth to a half of `train.unet_lr`; for sdxl and flux 0.

## When it is wrong

LoRAs that train the text encoder alone. Prodigy and D-Adaptation take one rate for all and are not looked at; nor is pocket, whose text
encoder is its own.

## Sources

Practitioners' courses (0.1-0.5). Published presets: 0.1 to 0.57 on SD1.5, 0 or 0.1 in recent SDXL ones. sd-scripts itself takes
`learning_rate` where `text_encoder_lr` is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import family, is_adaptive, setting, significant, unet_lr, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

HIGH, MOST = 0.6, 1.0
"""Ratio to the U-Net's rate; presets end at 0.57."""
ADVISED = 0.2
"""Inside the 0.1-0.5 that courses and presets agree on."""

SAYS = Says("R026", "text-encoder-lr-high")


def check(case: Case) -> Iterator[Finding]:
    """Compare the two learning rates."""
    unet, text = unet_lr(case), _highest(setting(case, "text_encoder_lr"))
    if family(case) == "pocket":
        yield SAYS.not_applicable(
            Text("For the pocket model no such ratio is known.", "pocket 模型没有已知的合适比例。")
        )
        return
    if is_adaptive(case) or not unet or text is None or setting(case, "network_train_text_encoder_only"):
        yield SAYS.not_applicable(Text("There are no two rates to compare.", "没有可比较的两个学习率。"))
        return
    if setting(case, "network_train_unet_only"):
        text = 0.0
    ratio = text / unet
    evidence = [
        Evidence(
            Text("text encoder's rate / U-Net's", "文本编码器与 U-Net 学习率之比"),
            significant(ratio),
            HIGH,
            "text_encoder_lr",
        )
    ]
    if ratio > HIGH:
        better = significant(unet * ADVISED)
        yield SAYS.fired(
            Severity.FIX if ratio > MOST else Severity.WATCH,
            Confidence.MEDIUM,
            Text(
                f"The text encoder learns at {short_number(significant(ratio))} of the U-Net's rate; 0.1 to 0.5 is usual.",
                f"文本编码器的学习率是 U-Net 的 {short_number(significant(ratio))} 倍；通常为 0.1 至 0.5。",
            ),
            why=Text("Words are shared by all prompts; they drift with it.", "词语为所有提示词共用，会随之漂移。"),
            evidence=evidence,
            fix=Fix(
                Text(
                    f"Try `train.text_encoder_lr: {short_number(better)}`.",
                    f"可试 `train.text_encoder_lr: {short_number(better)}`。",
                ),
                (Change("train.text_encoder_lr", better, text),),
            ),
            where=where(case, "text_encoder_lr"),
        )
    elif text and family(case) in {"sdxl", "flux"}:
        yield SAYS.fired(
            Severity.INFO,
            Confidence.MEDIUM,
            Text(
                f"Text encoders are trained too; for {family(case)} most people leave them alone.",
                f"文本编码器也在训练；对 {family(case)} 多数人不训练它。",
            ),
            evidence=evidence,
            fix=Fix(Text("`train.text_encoder_lr: 0` leaves them alone.", "`train.text_encoder_lr: 0` 即不训练。")),
            where=where(case, "text_encoder_lr"),
        )
    else:
        yield SAYS.clear(Text("The text encoder's learning rate is moderate.", "文本编码器的学习率适中。"), evidence)


def _highest(value: object) -> float | None:
    if isinstance(value, (list, tuple)):
        return max((float(v) for v in value), default=None)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
