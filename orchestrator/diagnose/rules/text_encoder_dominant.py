"""The text encoder moved more than the picture network.

## What it looks for

A network file in which the update of the text encoder is larger than that of the U-Net, or lies in a single direction and grows.

## Why it matters

The text encoder is shared by all prompts. Where it carries most of what was learned, other words drift along, and the LoRA does not get along with
others.

## How we tell

Root mean square of the update, text encoder over U-Net, in the newest file: above 1. Or the text encoder's effective rank is below 1.5 of a rank of 4
or more, and its update still grew by more than a tenth between the last two files. Below 1e-5, where an update has no effect, nothing is compared.

## What to change

`train.text_encoder_lr`: 0.3 times what it is, or a tenth to a half of `train.unet_lr`.

## When it is wrong

LoRAs that train the text encoder alone are not looked at. What a large update does to prompts is not measured here.

## Sources

Practitioners' courses (0.1 to 0.5 of the U-Net's rate). Measured on the simulated training half: sound runs up to 0.7, dominated ones from 1.4 on.
Recorded runs with a text encoder at 0.3 to 0.5 of the U-Net's rate: 0.14 to 0.34. Effective rank of the text encoder in a run with 150 times the rate:
1.4 of 8.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, is_adaptive, significant, where
from orchestrator.diagnose.measured import weight_growth
from orchestrator.diagnose.remedies import text_change, text_rates
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.weights import LEAST_UPDATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.measured import WeightGrowth

MOST = 1.0
"""Ratio of the updates; see Sources."""
NARROW, LEAST_RANK, GROWS = 1.5, 4, 0.1
LR_FACTOR = 0.3

SAYS = Says("R072", "text-encoder-dominant")


def check(case: Case) -> Iterator[Finding]:
    """Compare the updates of the two parts in the newest file."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = weight_growth(case)
    if seen is None:
        yield SAYS.inconclusive(
            Text("No network file whose numbers could be read.", "没有可读取数值的网络文件。"),
            Text("A saved network file in safetensors format.", "一个 safetensors 格式的网络文件。"),
        )
        return
    te, unet = seen.newest.norms.get("te"), seen.newest.norms.get("unet")
    if te is None or unet is None or not unet > 0 or not math.isfinite(te):
        yield SAYS.not_applicable(Text("There are no two parts to compare.", "没有两个部分可比较。"))
        return
    if te < LEAST_UPDATE:
        yield SAYS.not_applicable(Text("The text encoder hardly moved.", "文本编码器几乎没有变化。"))
        return
    yield _judge(case, seen, te / unet)


def _judge(case: Case, seen: WeightGrowth, ratio: float) -> Finding:
    facts = [
        Evidence(
            Text("update of the text encoder / of the U-Net", "文本编码器与 U-Net 更新量之比"),
            significant(ratio),
            MOST,
            seen.newest.path,
        )
    ]
    narrow = _narrow(seen)
    if narrow is not None:
        facts.append(
            Evidence(
                Text("text encoder's effective rank", "文本编码器的有效秩"),
                significant(narrow),
                NARROW,
                seen.newest.path,
            )
        )
    if ratio <= MOST and narrow is None:
        return SAYS.clear(
            Text("The picture network moved more than the text encoder.", "U-Net 的变化大于文本编码器。"), facts
        )
    lower = [rate * LR_FACTOR for rate in text_rates(case)]
    changes = () if is_adaptive(case) else text_change(case, lower, is_safe=True)
    return SAYS.fired(
        Severity.FIX if ratio > MOST else Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"The text encoder moved {ratio:.1f} times as much as the picture network."
            if ratio > MOST
            else "The text encoder's update lies in a single direction and goes on growing.",
            f"文本编码器的变化是 U-Net 的 {ratio:.1f} 倍。"
            if ratio > MOST
            else "文本编码器的更新集中在单一方向，且仍在增长。",
        ),
        why=Text("Words are shared by all prompts; they drift with it.", "词语为所有提示词共用，会随之漂移。"),
        evidence=facts,
        fix=Fix(
            Text(
                "A third of the text encoder's learning rate, or 0: the picture network alone is often enough.",
                "文本编码器学习率取三分之一，或设为 0：只训练 U-Net 往往就够了。",
            ),
            changes,
        ),
        where=where(case, "text_encoder_lr"),
    )


def _narrow(seen: WeightGrowth) -> float | None:
    """Return the text encoder's effective rank where it is a single direction that still grows."""
    te, growth = seen.newest.groups.get("te"), seen.groups.get("te")
    if te is None or growth is None or te.rank < LEAST_RANK:
        return None
    return te.effective_rank if te.effective_rank < NARROW and growth.last_share > GROWS else None


RULE = Rule(SAYS.id, SAYS.name, "after", check)
