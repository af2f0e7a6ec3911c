"""Does a value fit an option? argparse's types and choices, made to hold for values that come from a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.argspec import Kind, Option


TIMESTEPS = 1000
"""Of every family's noise schedule."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers an option may be."""

    least: float
    most: float = math.inf
    is_open: bool = False
    """The least itself is out too: above it."""

    def problem(self, value: float) -> Text | None:
        """Return what is wrong with `value`, or None."""
        is_low = value <= self.least if self.is_open else value < self.least
        if not is_low and value <= self.most:
            return None
        low, high = short_number(self.least), short_number(self.most)
        if math.isfinite(self.most):
            return Text(
                f"must be from {low} to {high}; it is {value!r}", f"必须在 {low} 到 {high} 之间；现在是 {value!r}"
            )
        if self.is_open:
            return Text(f"must be above {low}; it is {value!r}", f"必须大于 {low}；现在是 {value!r}")
        return Text(f"must be at least {low}; it is {value!r}", f"至少为 {low}；现在是 {value!r}")


_RANGES: Mapping[Range, tuple[str, ...]] = {
    Range(1): (
        "vae_batch_size", "text_encoder_batch_size", "vae_chunk_size", "sample_batch_size", "sample_every_n_epochs",
        "sample_every_n_steps", "save_last_n_epochs", "save_last_n_epochs_state", "save_last_n_steps",
        "save_last_n_steps_state", "lr_scheduler_num_cycles", "lr_scheduler_timescale", "clip_skip", "network_dim",
        "t5xxl_max_token_length", "ddp_timeout",
    ),
    Range(0): (
        "max_data_loader_n_workers", "keep_tokens", "caption_dropout_every_n_epochs", "blocks_to_swap",
        "multires_noise_iterations", "seed", "token_warmup_min", "token_warmup_step", "prior_loss_weight",
        "lr_scheduler_power", "lr_warmup_steps", "lr_decay_steps", "v_pred_like_loss", "guidance_scale", "max_grad_norm",
    ),
    Range(0, is_open=True): (
        "huber_c", "huber_scale", "logit_std", "training_shift", "sigmoid_scale", "discrete_flow_shift", "min_snr_gamma",
        "scale_weight_norms",
    ),
    Range(0, 1): (
        "noise_offset", "ip_noise_gamma", "multires_noise_discount", "lr_scheduler_min_lr_ratio", "network_dropout",
        "caption_dropout_rate", "caption_tag_dropout_rate", "clip_l_dropout_rate", "clip_g_dropout_rate",
        "t5_dropout_rate", "pos_emb_random_crop_rate",
    ),
    Range(0, TIMESTEPS - 1): ("min_timestep",),
    Range(1, TIMESTEPS): ("max_timestep",),
}  # fmt: skip
"""Range of what an option can sensibly be -> the options. Lengths and intervals have refusals of their own; `adaptive_noise_scale`
and `base_weights_multiplier` may well be negative."""
_RANGE_OF = {name: one for one, names in _RANGES.items() for name in names}
_ORDERED = (("min_timestep", "max_timestep"),)
"""Pairs of which the first has to be below the second."""


def order_problems(values: Mapping[str, Any]) -> list[tuple[str, Text]]:
    """Return for each pair of options in the wrong order the first one's name and what is wrong; wrong values are told by themselves."""
    found = []
    for low, high in _ORDERED:
        least, most = values.get(low), values.get(high)
        if not (isinstance(least, int) and isinstance(most, int)):
            continue
        is_told = any(_RANGE_OF[name].problem(one) for name, one in ((low, least), (high, most)))
        if not is_told and least >= most:
            found.append((low, Text(
                f"must be below `{high}`; they are {least} and {most}", f"必须小于 `{high}`；现在是 {least} 和 {most}"
            )))  # fmt: skip
    return found


def value_problem(option: Option, value: Any) -> Text | None:
    """Return what is wrong with a TOML value of this option, or None. argparse's types and choices, made to hold."""
    if option.is_list:
        return None if _fits_list(option, value) else _wanted(*_list_words(option.kind), value)
    if not _fits(option.kind, value):
        if option.kind == "int_or_float" and isinstance(value, float):
            return _share_above_one(value)
        return _wanted(*_KIND_WORDS[option.kind], value)
    bounds = _RANGE_OF.get(option.name)
    wrong = bounds.problem(value) if bounds is not None else None
    if wrong is not None:
        return wrong
    if option.choices is None or value in option.choices:
        return None
    names = ", ".join(str(c) for c in option.choices if c not in (None, ""))
    return Text(f"must be one of {names}; it is {value!r}", f"必须是以下之一：{names}；现在是 {value!r}")


def _fits_list(option: Option, value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_fits(option.kind, item) for item in value)
    return option.kind == "float" and _fits("float", value)  # the trainer takes one number for `text_encoder_lr`


def _share_above_one(value: float) -> Text:
    return Text(
        f"a fraction is a share of the run and must be below 1; it is {value!r} (write a whole number for steps)",
        f"小数表示占整个训练的比例，必须小于 1；现在是 {value!r}（步数请写整数）",
    )


_KIND_WORDS: Mapping[Kind, tuple[str, str]] = {
    "str": ("text", "文本"),
    "int": ("a whole number", "整数"),
    "float": ("a number", "数字"),
    "int_or_float": ("a whole number of steps or a share below 1", "步数（整数）或小于 1 的比例"),
    "path": ("a path", "路径"),
    "flag": ("true or false", "true 或 false"),
}


def _list_words(kind: Kind) -> tuple[str, str]:
    """Words for a list of one kind."""
    return {"str": ("a list of texts", "文本列表"), "int": ("a list of whole numbers", "整数列表")}.get(
        kind, ("a list of numbers", "数字列表")
    )


def _wanted(en: str, zh: str, value: Any) -> Text:
    return Text(f"must be {en}; it is {value!r}", f"必须是{zh}；现在是 {value!r}")


def _fits(kind: Kind, value: Any) -> bool:
    if kind == "flag":
        return isinstance(value, bool)
    if kind in ("str", "path"):
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if kind == "int":
        return isinstance(value, int)
    if kind == "int_or_float":
        return isinstance(value, int) or (math.isfinite(value) and value < 1)
    return math.isfinite(value)
