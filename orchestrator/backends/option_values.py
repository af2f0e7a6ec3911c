"""Does a value fit an option? argparse's types and choices, made to hold for values that come from a file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.argspec import Kind, Option


_LEAST: Mapping[str, int] = {
    **dict.fromkeys(
        (
            "vae_batch_size", "text_encoder_batch_size", "vae_chunk_size", "sample_batch_size", "sample_every_n_epochs",
            "sample_every_n_steps", "save_last_n_epochs", "save_last_n_epochs_state", "save_last_n_steps",
            "save_last_n_steps_state", "lr_scheduler_num_cycles", "lr_scheduler_timescale", "clip_skip", "network_dim",
            "max_timestep", "t5xxl_max_token_length", "ddp_timeout",
        ),
        1,
    ),
    **dict.fromkeys(
        (
            "max_data_loader_n_workers", "keep_tokens", "caption_dropout_every_n_epochs", "blocks_to_swap", "min_timestep",
            "multires_noise_iterations", "seed", "token_warmup_min", "token_warmup_step",
        ),
        0,
    ),
}  # fmt: skip
"""Options that count something -> the least the trainer can use. Lengths and intervals have refusals of their own."""


def value_problem(option: Option, value: Any) -> Text | None:
    """Return what is wrong with a TOML value of this option, or None. argparse's types and choices, made to hold."""
    if option.is_list:
        return None if _fits_list(option, value) else _wanted(*_list_words(option.kind), value)
    if not _fits(option.kind, value):
        if option.kind == "int_or_float" and isinstance(value, float):
            return _share_above_one(value)
        return _wanted(*_KIND_WORDS[option.kind], value)
    least = _LEAST.get(option.name)
    if least is not None and value < least:
        return Text(f"must be at least {least}; it is {value!r}", f"至少为 {least}；现在是 {value!r}")
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
