"""alpha and rank scale the update in a way you may not mean.

## What it looks for

`network.network_alpha` above `network.network_dim`, or below a sixteenth of it.

## Why it matters

The update is multiplied by alpha / rank. With the trainer's own alpha of 1 and rank 64 the LoRA learns as if the learning rate
were an eighth; with alpha above the rank it learns faster than the learning rate says.

## How we tell

The ratio. Above 1000: to fix, no recipe means that. Above 2, or below 1/16 with a learning rate of 1e-4 or less that nothing adapts: look at it. Above 1, below 1/16 with a higher rate, or an
alpha of 0 (the trainer then takes the rank): good to know.

## What to change

alpha = rank or rank / 2. When you change it, the learning rate moves along with the square root of the ratio under Adam; change
one of the two.

## When it is wrong

Up to 1000 not dangerous by itself: any alpha works with a matching learning rate, and rule `lr-out-of-band` looks at the product.

## Sources

sd-scripts 48d368fa, `networks/lora.py` (scale = alpha / dim; 0 or none means dim). Presets disagree: rank (ai-toolkit), rank / 2
(kohya-colab, the trainer's documents), 1 (the trainer's default, OneTrainer). Two course texts say a larger alpha weakens the LoRA;
the code says the opposite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import bounds, is_adaptive, number, setting, significant, unet_lr, where
from orchestrator.diagnose.remedies import ABSURD_SCALE, sane_alpha
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST = 1 / 16
"""alpha 1 at rank 16 is the smallest ratio in published presets that is meant."""
HIGH, MOST = 1.0, 2.0
"""Above the rank is rare in presets, above twice the rank one outlier in sixty."""
USUAL_LR = 1e-4
"""What recipes with alpha near the rank use; a small ratio wants more."""

SAYS = Says("R025", "alpha-scale")


def check(case: Case) -> Iterator[Finding]:
    """Look at alpha / rank."""
    alpha, rank = number(case, "network_alpha"), number(case, "network_dim")
    if alpha is None or not rank or "ia3" in str(setting(case, "network_module", "")).lower():
        yield SAYS.not_applicable(Text("alpha or rank is not known.", "alpha 或秩未知。"))
        return
    scale = alpha / rank
    evidence = [
        Evidence(
            Text("alpha / rank", "alpha/秩"),
            significant(scale, 3),
            bounds(LEAST, HIGH),
            "network_alpha, network_dim",
        )
    ]
    if LEAST <= scale <= HIGH:
        yield SAYS.clear(
            Text(
                f"alpha / rank is {short_number(significant(scale, 3))}.",
                f"alpha/秩为 {short_number(significant(scale, 3))}。",
            ),
            evidence,
        )
        return
    said, said_zh = (
        ("the trainer takes the rank for 0", "训练器会把 0 当作秩")
        if alpha == 0
        else ("it learns faster than the learning rate says", "学得比学习率所示更快")
        if scale > HIGH
        else ("it learns much slower than the learning rate says", "学得比学习率所示慢得多")
    )
    yield SAYS.fired(
        _severity(case, scale),
        Confidence.MEDIUM,
        Text(
            f"alpha {short_number(alpha)} at rank {short_number(rank)}: {said}.",
            f"alpha {short_number(alpha)}、秩 {short_number(rank)}：{said_zh}。",
        ),
        evidence=evidence,
        fix=_fix(case, alpha),
        where=where(case, "network_alpha"),
    )


def _severity(case: Case, scale: float) -> Severity:
    if scale > ABSURD_SCALE:
        return Severity.FIX
    return Severity.WATCH if scale > MOST or _is_starved(case, scale) else Severity.INFO


def _fix(case: Case, alpha: float) -> Fix:
    better = sane_alpha(case)
    if better is not None:
        shown = short_number(better)
        return Fix(
            Text(f"Set `network.network_alpha: {shown}`.", f"请设 `network.network_alpha: {shown}`。"),
            (Change("network.network_alpha", better, alpha),),
        )
    return Fix(
        Text(
            "Fine if you mean it. Otherwise alpha = rank or rank / 2, with the learning rate adapted.",
            "若是有意为之则无妨。否则设 alpha = 秩或秩的一半，并相应调整学习率。",
        )
    )


def _is_starved(case: Case, scale: float) -> bool:
    """Return whether nothing makes up for a small ratio: a usual or low rate, and an optimizer that takes it as it is."""
    lr = unet_lr(case)
    return 0 < scale < LEAST and lr is not None and lr <= USUAL_LR and not is_adaptive(case)


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
