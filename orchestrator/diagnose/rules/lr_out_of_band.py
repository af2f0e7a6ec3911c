"""The learning rate lies outside what has worked for this family.

## What it looks for

`train.unet_lr` times the square root of `network.network_alpha` / `network.network_dim`, compared with the range used in published
presets of the same family.

## Why it matters

Ten times too high destroys the model within a hundred steps, and the loss then lies *flat* near 1 instead of shaking. Ten times
too low leaves a file that changes nothing. Both look like an ordinary run in the loss of a few hundred steps.

## How we tell

Under Adam, dividing alpha by k has the effect of dividing the learning rate by the square root of k; so the product makes recipes
of different ranks comparable. Outside the wide range: look at it. Outside the narrow one: good to know. More than a hundred times the top of
the narrow range: to fix, such a run cannot end well. LoHa and LoKr take five
times the range, Lion a tenth to a third of it. Prodigy, D-Adaptation and Adafactor's relative step find their own step size: not
looked at. SGD needs quite other rates: not looked at.

Where the fixed probe measured that the run learned, that counts and the range is only told.

## What to change

The nearest rate inside the range is shown; where alpha is far too small for a rate that is usual by itself, or
beyond anything that can be meant, a usual alpha, and a rate beside it where that alone does not help. If you changed rank or alpha, check that their ratio is meant.

## When it is wrong

Batches above 8, very short or very long runs, and fine-tunes of a finished LoRA work outside the range.

## Sources

About 60 published presets and guides (sd15 7e-5 to 3.5e-4, median 1e-4; sdxl 2e-5 to 3e-4; flux 2.5e-5 to 4e-4).
LyCORIS, arXiv 2309.14859, for the square root; checked on a 64-dimensional adapter: alpha/rank 1/16 with four times the rate gives
the curve of alpha = rank. pocket: 21 runs of a
model of its size: untouched at 7e-7, next to nothing at 1.4e-5, sound from 1.4e-4 to 3.5e-3, damaged at 0.021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.bands import not_comparable, usual_rates
from orchestrator.diagnose.facts import bounds, number, significant, unet_lr, where
from orchestrator.diagnose.remedies import sane_alpha, usual_alpha
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.raw import effective_lr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.finding import Location

SURELY_RUINOUS = 100.0
"""Times the top of the narrow range: ten times destroys a model within hundreds of steps, thirty times broke every planted run."""

SAYS = Says("R023", "lr-out-of-band")


def check(case: Case) -> Iterator[Finding]:
    """Compare the effective learning rate with the family's range."""
    reason = not_comparable(case)
    if reason is not None:
        yield SAYS.not_applicable(reason)
        return
    lr, alpha, rank = unet_lr(case), number(case, "network_alpha"), number(case, "network_dim")
    if not lr or not alpha or not rank:
        yield SAYS.not_applicable(
            Text("Learning rate, alpha or rank is not known or zero.", "学习率、alpha 或秩未知或为零。")
        )
        return
    effective = effective_lr(lr, alpha, rank)
    narrow_low, narrow_high, wide_low, wide_high = usual_rates(case)
    evidence = [
        Evidence(
            Text("lr x sqrt(alpha / rank)", "学习率 × √(alpha/秩)"),
            significant(effective),
            bounds(narrow_low, narrow_high),
            "unet_lr",
        ),
        Evidence(
            Text("wide range of published presets", "已发布预设的宽范围"), bounds(wide_low, wide_high), None, "presets"
        ),
    ]
    if narrow_low <= effective <= narrow_high:
        yield SAYS.clear(Text("The learning rate is one that has worked.", "学习率在常用范围内。"), evidence)
        return
    is_high = effective > narrow_high
    target = narrow_high if is_high else narrow_low
    better = significant(target / effective * lr)
    worked = _worked(case)
    if worked is not None:
        yield SAYS.fired(
            Severity.INFO,
            Confidence.HIGH,
            worked,
            evidence=evidence,
            where=where(case, "unet_lr") or where(case, "learning_rate"),
        )
        return
    fix = _fix(case, lr, better)
    yield SAYS.fired(
        _severity(effective, usual_rates(case)),
        Confidence.MEDIUM,
        _message(effective, is_high, narrow_low, narrow_high),
        why=_why(is_high),
        evidence=evidence,
        fix=fix,
        where=_place(case, fix),
    )


def _severity(effective: float, usual: tuple[float, float, float, float]) -> Severity:
    _, narrow_high, wide_low, wide_high = usual
    if effective > SURELY_RUINOUS * narrow_high:
        return Severity.FIX
    return Severity.INFO if wide_low <= effective <= wide_high else Severity.WATCH


def _fix(case: Case, lr: float, better: float) -> Fix:
    alpha = sane_alpha(case) or usual_alpha(case, lr)
    changes = [] if alpha is None else [Change("network.network_alpha", alpha, number(case, "network_alpha"))]
    rate = better if alpha is None else _rate_beside(case, lr, alpha)
    if rate is not None:
        changes.append(Change("train.unet_lr", rate, lr))
    shown = [f"`{change.key}: {short_number(float(str(change.value)))}`" for change in changes]
    return Fix(Text(f"Try {' and '.join(shown)}.", f"可试 {' 和 '.join(shown)}。"), tuple(changes))


def _rate_beside(case: Case, lr: float, alpha: float) -> float | None:
    """Return the rate that the new `alpha` still asks for; None where `lr` itself then lies in the wide range."""
    rank = number(case, "network_dim") or 1.0
    narrow_low, narrow_high, wide_low, wide_high = usual_rates(case)
    effective = effective_lr(lr, alpha, rank)
    if wide_low <= effective <= wide_high:
        return None
    return significant((narrow_high if effective > wide_high else narrow_low) / effective * lr)


def _place(case: Case, fix: Fix) -> Location | None:
    """Return the line that is to be changed, the rate's where both are."""
    if {change.key for change in fix.changes} == {"network.network_alpha"}:
        return where(case, "network_alpha")
    return where(case, "unet_lr") or where(case, "learning_rate")


def _worked(case: Case) -> Text | None:
    """Return that the rate did its work, where the probe measured it: then the presets' range is no argument any more."""
    if case.observations is None:
        return None
    from orchestrator.diagnose.course import LITTLE, course, has_learned

    seen = course(case)
    if seen is None or not has_learned(seen):
        return None
    gain = -seen.decisive.last
    if gain < LITTLE:
        return None
    return Text(
        f"The learning rate lies outside what presets use, and it worked: measured, the run ended {gain:.1f} % better than its base model.",
        f"学习率超出预设的常用范围，但确实有效：实测训练结果比底模好 {gain:.1f} %。",
    )


def _range(low: float, high: float) -> str:
    return f"{short_number(significant(low))} to {short_number(significant(high))}"


def _message(effective: float, is_high: bool, low: float, high: float) -> Text:
    side, side_zh = ("high", "偏高") if is_high else ("low", "偏低")
    return Text(
        f"The learning rate is {side}: {short_number(significant(effective))} after alpha and rank, presets use {_range(low, high)}.",
        f"学习率{side_zh}：计入 alpha 与秩后为 {short_number(significant(effective))}，常用 {short_number(significant(low))} 至 {short_number(significant(high))}。",
    )


def _why(is_high: bool) -> Text:
    if is_high:
        return Text(
            "Too high destroys what the base model knows; the loss may not show it.",
            "过高会毁掉底模已有的能力，而损失曲线未必显示出来。",
        )
    return Text("Too low leaves a file that hardly changes anything.", "过低得到的文件几乎不起作用。")


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
