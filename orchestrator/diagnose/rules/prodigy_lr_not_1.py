"""Prodigy or D-Adaptation runs with a learning rate that is not 1.

## What it looks for

An optimizer that finds its own step size (Prodigy, DAdapt...) together with a learning rate outside 0.5 to 1.5, or with different
rates for U-Net and text encoder.

## Why it matters

Here the learning rate is a factor on the step size the optimizer finds. With the 1e-4 that every AdamW recipe has, the run ends
well and the weights never move.

## How we tell

The rates of the recipe. 0.1 or less is certain to be a mistake; the trainer only prints a warning. With different rates it says
that the first one counts for everything, and then prodigyopt's Prodigy and most of dadaptation's optimizers end the run at their first step: such a
run is refused. A rate of 0 does not count.

## What to change

`train.learning_rate`, `train.unet_lr` and `train.text_encoder_lr` all 1.0, with a constant or cosine schedule. If the result is
too strong or too weak, `d_coef` in `train.optimizer_args` is the knob.

## When it is wrong

0.5 to 1.5 is passed. ProdigyPlusScheduleFree with its own options may take others.

## Sources

sd-scripts 48d368fa, `train_util.py` (the warnings at 0.1 and at several rates); prodigyopt 1.1.2 and dadaptation 3.2 ("Setting different lr values in
different parameter groups is only supported for values of 0", the end of a real run with 1.4e-4 and 2e-5); practitioners' courses. Measured: the same data
with Prodigy at 1e-4 changed the loss on fixed noise by 0.0000 in 500 steps, at 1.0 by -2.3 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import bounds, is_adaptive, optimizer, setting, unet_lr, where
from orchestrator.diagnose.remedies import text_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST, MOST = 0.5, 1.5
"""Published Prodigy presets use 0.75 to 1."""

_ONE_RATE = {
    "prodigyopt": ("prodigy",),
    "dadaptation": ("dadaptation", "dadaptadam", "dadaptadampreprint", "dadaptlion", "dadaptsgd"),
}
"""Package -> its optimizers that end at two rates. Tried with prodigyopt 1.1.2 and dadaptation 3.2; DAdaptAdan, DAdaptAdanIP and DAdaptAdaGrad train."""
_OWN_MODULE = {False: "prodigyopt", True: "dadaptation"}
"""What the trainer imports for a name without a module."""
_WHY = Text("It finds the step size itself and multiplies it with this number.", "它自行寻找步长，再乘以这个数。")
_ENDS = Text(
    "With different learning rates this optimizer ends the run at its first step.",
    "学习率不同时，该优化器会在第一步就终止训练。",
)
SAYS = Says("R024", "prodigy-lr-not-1")


def check(case: Case) -> Iterator[Finding]:
    """Look at the learning rates of an optimizer that finds its own."""
    if not is_adaptive(case) or unet_lr(case) is None:
        yield SAYS.not_applicable(
            Text("The optimizer does not find its own step size.", "优化器并非自行寻找步长的类型。")
        )
        return
    name, (unet, *texts) = optimizer(case) or "", _rates(case)
    trained = [rate for rate in (unet, *texts) if rate]
    lr = trained[0] if trained else 0.0
    other = next((rate for rate in trained if rate != lr), None)
    severity, why = Severity.FIX, _WHY
    if other is not None and case.observations is None and _takes_one(case):
        severity, why = Severity.STOP, _ENDS
    evidence = [Evidence(Text("learning rate", "学习率"), lr, bounds(LEAST, MOST), "unet_lr")]
    if not LEAST <= lr <= MOST:
        yield SAYS.fired(
            severity,
            Confidence.HIGH,
            Text(
                f"{name} needs a learning rate of 1, not {short_number(lr)}.",
                f"{name} 的学习率应为 1，而不是 {short_number(lr)}。",
            ),
            why=why,
            evidence=evidence,
            fix=Fix(Text("Set all learning rates to 1.0.", "把所有学习率设为 1.0。"), _changes(unet, texts, 1.0)),
            where=where(case, "unet_lr") or where(case, "learning_rate"),
        )
    elif other is not None:
        yield SAYS.fired(
            severity,
            Confidence.HIGH,
            Text(
                f"{name} takes one learning rate for all; yours differ ({short_number(other)} and {short_number(lr)}).",
                f"{name} 对所有部分只能用一个学习率，而你给了不同的值（{short_number(other)} 与 {short_number(lr)}）。",
            ),
            why=why,
            evidence=[
                *evidence,
                Evidence(Text("another learning rate", "另一个学习率"), other, lr, "text_encoder_lr"),
            ],
            fix=Fix(Text("Make them equal.", "设为相同的值。"), _changes(unet, texts, lr)),
            where=where(case, "text_encoder_lr"),
        )
    else:
        yield SAYS.clear(
            Text("The learning rate is 1, as this optimizer needs it.", "学习率为 1，符合该优化器的要求。"), evidence
        )


def _rates(case: Case) -> list[float]:
    """Return the U-Net's rate, 0 where it is not trained, and the text encoders'."""
    is_left_out = setting(case, "network_train_text_encoder_only") is True
    return [0.0 if is_left_out else unet_lr(case) or 0.0, *text_rates(case)]


def _takes_one(case: Case) -> bool:
    """Whether the optimizer ends the run at two rates: a package of the same name by another author need not."""
    module, _, name = str(setting(case, "optimizer_type")).split("(")[0].rpartition(".")
    return name.lower() in _ONE_RATE.get(module or _OWN_MODULE[name.lower().startswith("dadapt")], ())


def _changes(unet: float, texts: list[float], rate: float) -> tuple[Change, ...]:
    """Return what makes all rates that are not 0 this one."""
    changes = [Change("train.unet_lr", rate, unet, is_safe=True)] if unet not in (0.0, rate) else []
    after = [rate if text else 0.0 for text in texts]
    if after != texts:
        is_one = len(texts) == 1
        value, old = (after[0], texts[0]) if is_one else (after, texts)
        changes.append(Change("train.text_encoder_lr", value, old, is_safe=True))
    return tuple(changes)


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
