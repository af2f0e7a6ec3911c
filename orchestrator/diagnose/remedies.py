"""Changes that several rules advise, worked out in one place: the learning rate up or down, alpha, the length of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.bands import lower_lr, not_comparable, usual_rates
from orchestrator.diagnose.facts import is_adaptive, is_held_short, number, planned_steps, setting, significant, unet_lr
from orchestrator.diagnose.signals.raw import effective_lr

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

TEXT_SHARE = 0.5
"""Of the U-Net's rate; what a text encoder gets at most in practitioners' courses (a tenth to a half)."""
LEAST_SCALE = 1 / 16
"""alpha / rank: alpha 1 at rank 16 is the smallest ratio in published presets that is meant."""
USUAL_SCALES = (0.5, 1.0)
"""alpha / rank: of kohya's own documents, and of ai-toolkit's presets."""
ABSURD_SCALE = 1000.0
"""alpha / rank: five hundred times the largest in sixty published presets; a slip of the pen, 1e6 for 16."""
SPARE = 1.1
"""Times the step at which a run was best, or came to rest: enough of a next one."""
LR_CAP = 1e-3
"""No more than this with Adam-like optimizers where the family's range is unknown."""


def lower_rates(case: Case, factor: float, *, is_safe: bool = True) -> tuple[Change, ...]:
    """Return `factor` times the learning rate, and no more than the top of the family's range; nothing where there is no rate.

    The text encoder's rate goes down in the same proportion where it would be left above half the U-Net's: lowered alone, the U-Net's rate
    leaves the other half of what destroys a model. Both are one change of one rate.
    """
    lr, better = unet_lr(case), lower_lr(case, factor)
    if not lr or better is None:
        return ()
    share = better / lr
    rates = [rate if rate <= TEXT_SHARE * better else min(rate * share, better) for rate in text_rates(case)]
    return (Change("train.unet_lr", better, lr, is_safe=is_safe), *text_change(case, rates, is_safe=is_safe))


_PARTS = {0.1: Text("a tenth", "十分之一"), 0.3: Text("a third", "三分之一"), 0.5: Text("half", "一半")}


def lower_rate_words(case: Case, factor: float) -> Text:
    """Return in words what `lower_rates` changes; `factor` is one of `_PARTS`. A rate far above the usual comes down by more than that part."""
    lr, better, part = unet_lr(case), lower_lr(case, factor), _PARTS[factor]
    if is_adaptive(case):
        return Text(
            "a smaller `d_coef` in `train.optimizer_args`",
            "减小 `train.optimizer_args` 中的 `d_coef`",
        )
    if not lr or better is None or math.isclose(better, factor * lr, rel_tol=0.1):
        return Text(f"{part.en} of the learning rate", f"学习率取{part.zh}")
    rate = short_number(better)
    return Text(f"a learning rate of {rate}, the most that is usual", f"学习率取 {rate}（常用范围的上限）")


def raise_rates(case: Case, factor: float) -> tuple[Change, ...]:
    """Return what makes a run learn that did not: a usual alpha, else a higher learning rate; nothing where both are as high as is usual.

    Below the family's range the middle of it (geometric mean) is advised: its lower edge is a guess as bad as the upper one. Inside it,
    `factor` times the rate, up to its top. The text encoder's rate goes along, up to half the U-Net's.
    """
    lr = unet_lr(case)
    if not lr or is_adaptive(case):
        return ()
    alpha = usual_alpha(case, lr)
    if alpha is not None:
        return (Change("network.network_alpha", alpha, number(case, "network_alpha")),)
    better = _raised(case, lr, factor)
    if better <= lr:
        return ()
    rates = [max(rate, min(rate * better / lr, TEXT_SHARE * better)) for rate in text_rates(case)]
    return (Change("train.unet_lr", better, lr), *text_change(case, rates, is_safe=False))


def text_rates(case: Case) -> list[float]:
    """Return the text encoders' learning rates in order; empty where none of them is trained."""
    value = setting(case, "text_encoder_lr")
    values = value if isinstance(value, (list, tuple)) else [value]
    rates = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]
    is_left_out = setting(case, "network_train_unet_only") is True
    return [] if is_left_out or len(rates) < len(values) or not any(rates) else rates


def a_tenth_more(step: int) -> int:
    """Return where to stop next time: a tenth beyond a step, in tens, and never before that step."""
    return max(round(step * SPARE / 10) * 10, step)


def new_length(case: Case, steps: int, *, is_safe: bool = False) -> tuple[Change, ...]:
    """Return what makes the next run about `steps` long; nothing where no key of the recipe could.

    Where the recipe names `max_train_epochs`, they decide and `target_steps` would change nothing; the number of epochs is rounded in the
    direction that is asked for.
    """
    now = planned_steps(case)
    if not now or steps < 1 or steps == now:
        return ()
    epochs = case.recipe.train.max_train_epochs if case.recipe is not None else None
    if epochs is None:
        is_in_vain = steps > now and is_held_short(case)
        return () if is_in_vain else (Change("train.target_steps", steps, now, is_safe=is_safe),)
    wanted = epochs * steps / now
    rounded = math.ceil(wanted) if steps > now else max(1, math.floor(wanted))
    return () if rounded == epochs else (Change("train.max_train_epochs", rounded, epochs, is_safe=is_safe),)


def text_change(case: Case, rates: list[float], *, is_safe: bool) -> tuple[Change, ...]:
    """Return the change to these rates, one for each of `text_rates`; nothing where they are the same."""
    before, after = text_rates(case), [significant(rate) for rate in rates]
    if not before or all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(before, after, strict=True)):
        return ()
    is_one = len(before) == 1
    return (
        Change(
            "train.text_encoder_lr", after[0] if is_one else after, before[0] if is_one else before, is_safe=is_safe
        ),
    )


def _raised(case: Case, lr: float, factor: float) -> float:
    alpha, rank = number(case, "network_alpha"), number(case, "network_dim")
    better, cap = lr * factor, LR_CAP
    if alpha and rank and not_comparable(case) is None:
        low, cap = (limit / effective_lr(1.0, alpha, rank) for limit in usual_rates(case)[:2])
        better = math.sqrt(low * cap) if lr < low else better
    return significant(min(better, cap))


def sane_alpha(case: Case) -> float | None:
    """Return half the rank, or the rank of 1, where alpha is far beyond anything that could be meant; else None."""
    alpha, rank = number(case, "network_alpha"), number(case, "network_dim")
    if not alpha or not rank or alpha <= ABSURD_SCALE * rank:
        return None
    return significant(max(1.0, USUAL_SCALES[0] * rank), 3)


def usual_alpha(case: Case, lr: float) -> float | None:
    """Return a usual alpha where it is far too small for a rate that is high enough by itself; else None.

    Of the two usual ones, half the rank and the rank, that with which the rate lies nearer to the middle of the family's range.
    """
    alpha, rank = number(case, "network_alpha"), number(case, "network_dim")
    if not alpha or not rank or alpha >= LEAST_SCALE * rank:
        return None
    usual = [significant(scale * rank, 3) for scale in USUAL_SCALES]
    if not_comparable(case) is not None:
        return usual[0]
    low, high, _, most = usual_rates(case)
    best = min(usual, key=lambda one: abs(math.log(effective_lr(lr, one, rank) / math.sqrt(low * high))))
    now, then = effective_lr(lr, alpha, rank), effective_lr(lr, best, rank)
    # A rate above the range that makes up for a small alpha on purpose would destroy the model with a usual one.
    is_nearer = now < low <= then and max(then / most, 1.0) < low / now
    return best if is_nearer else None
