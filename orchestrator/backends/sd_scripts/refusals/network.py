"""The network module and its arguments."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from orchestrator.backends.network_args import wrong_number
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.sd_scripts.refusals.model import DIT, U_NET, Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.backends.sd_scripts.settings import Settings

_BLOCK_COUNTS = {
    "flux": {"train_double_block_indices": 19, "train_single_block_indices": 38},
    "sd3": {"train_block_indices": 999},  # the trainer's own number: it does not know the model's here
}


_ANY_TEXT_IS_ON = ("enable_all_linear", "enable_conv")
_ONLY_TRUE_IS_ON = ("split_qkv", "train_t5xxl")


def _unknown_argument(settings: Settings) -> str | None:
    """Only for the trainer's own modules: what `lycoris.kohya` reads depends on the package's version."""
    known = settings.network_args.get(settings.text("network_module"))
    if known is None:
        return None
    for name in settings.pairs("network_args"):
        if name not in known and name != "neuron_dropout":  # told by a refusal of its own
            near = difflib.get_close_matches(name, sorted(known), n=1)
            return name + (f" ({near[0]}?)" if near else "")
    return None


def _misread_switch(settings: Settings) -> str | None:
    for name, value in settings.pairs("network_args").items():
        is_misread = name in _ANY_TEXT_IS_ON and value.lower() in ("false", "0", "no", "off", "none")
        if is_misread or (name in _ONLY_TRUE_IS_ON and value not in ("True", "False")):
            return f"{name}={value}"
    return None


def _module(settings: Settings) -> str | None:
    module = settings.text("network_module")
    is_trusted = settings.trust.is_recipe and not module.startswith("networks.")
    return None if not module or is_trusted or module in FAMILIES[settings.family].network_modules else module


def _no_equals(settings: Settings) -> str | None:
    return next((item for item in settings.list_of("network_args") if "=" not in item), None)


def _is_dylora(settings: Settings) -> bool:
    return settings.text("network_module") == "networks.dylora"


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d+", text) else None


def _dylora_unit(settings: Settings) -> str | None:
    rank, unit = settings.number("network_dim"), _whole(settings.pairs("network_args").get("unit"))
    if not _is_dylora(settings) or rank is None or not unit or rank % unit == 0:
        return None
    return f"{rank} / {unit}"


def _dylora_conv(settings: Settings) -> bool:
    conv = settings.pairs("network_args").get("conv_dim")
    return _is_dylora(settings) and conv is not None and _whole(conv) != settings.number("network_dim")


def _block_counts(settings: Settings) -> str | None:
    if settings.text("network_module") not in ("networks.lora", "networks.lora_fa"):
        return None
    wanted = 23 if settings.family == "sdxl" else 25
    for name in ("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas"):
        value = settings.pairs("network_args").get(name)
        if value is not None and len(value.split(",")) != wanted:
            return f"{name}: {len(value.split(','))} != {wanted}"
    return None


def _list_length(name: str, wanted: int, module: str) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = settings.pairs("network_args").get(name)
        if value is None or settings.text("network_module") != module:
            return None
        parts = value.strip("[]").split(",")
        return None if len(parts) == wanted and all(_whole(p.strip()) is not None for p in parts) else value

    return check


def _train_blocks(settings: Settings) -> str | None:
    value = settings.pairs("network_args").get("train_blocks")
    return value if value is not None and value not in ("all", "single", "double") else None


def _block_indices(settings: Settings) -> str | None:
    for name, count in _BLOCK_COUNTS[settings.family].items():
        value = settings.pairs("network_args").get(name, "")
        if value in ("", "all", "none"):
            continue
        for part in value.split(","):
            first, dash, last = part.partition("-")
            start, end = _whole(first.strip()), _whole((last if dash else first).strip())
            if start is None or end is None or not start <= end < count:
                return f"{name}={value} (0-{count - 1})"
    return None


def _t5_while_cached(settings: Settings) -> bool:
    return settings.is_caching_text_encoder and settings.pairs("network_args").get("train_t5xxl", "") == "True"


def _oft_text_encoder(settings: Settings) -> bool:
    return "oft" in settings.text("network_module") and bool(settings.get("network_train_text_encoder_only"))


REFUSALS = (
    Refusal(
        "missing-network-module",
        ("network_module",),
        lambda s: not s.text("network_module"),
        Text("no network module is named", "没有指定网络模块"),
        "'NoneType' object has no attribute 'startswith', after the model was loaded",
        Text(
            "leave `network.network_module` out: the family's LoRA is taken",
            "去掉 `network.network_module` 即可使用该系列的 LoRA",
        ),
    ),
    Refusal(
        "network-module-of-another-family",
        ("network_module",),
        _module,
        Text("`{0}` is not a network module for this family", "`{0}` 不是该系列的网络模块"),
        "ModuleNotFoundError, or a network without a single layer",
        Text(
            "leave `network.network_module` out; other modules would run code that nobody checked: if the recipe is yours and "
            "the module too, `lora-run trust RECIPE`",
            "请去掉 `network.network_module`；其他模块会执行未经检查的代码：若配方与该模块都是你自己的，`lora-run trust 配方`",
        ),
    ),
    Refusal(
        "network-args-without-equals",
        ("network_args",),
        _no_equals,
        Text("an item of `network_args` has no `=`: {0}", "`network_args` 中有一项没有 `=`：{0}"),
        "not enough values to unpack (expected 2, got 1)",
        Text("write `name: value`", "请写 `name: value`"),
    ),
    Refusal(
        "unknown-network-argument",
        ("network_args",),
        _unknown_argument,
        Text("the network module has no argument {0}", "该网络模块没有参数 {0}"),
        "nothing; the module would ignore it without a word",
        Text("correct its name or leave it out", "请更正名称或去掉它"),
    ),
    Refusal(
        "network-argument-value",
        ("network_args",),
        lambda s: wrong_number(s.pairs("network_args")),
        Text("a network argument is no fitting number: {0}", "网络参数不是合适的数：{0}"),
        "could not convert string to float; of a dropout of 1 or more nothing, and the network is turned round",
        Text(
            "write a number: `conv_dim` a whole one, a dropout from 0 to below 1",
            "请写数：`conv_dim` 写整数，dropout 写不小于 0、小于 1 的数",
        ),
    ),
    Refusal(
        "misread-network-switch",
        ("network_args",),
        _misread_switch,
        Text("the network module would read this the other way round: {0}", "该网络模块会把它读成相反的意思：{0}"),
        "nothing; for some switches any text is on, for others only the text True",
        Text("write `true` to turn it on, leave it out to turn it off", "开启请写 `true`，关闭请去掉"),
    ),
    Refusal(
        "neuron-dropout-twice",
        ("network_args",),
        lambda s: "neuron_dropout" in s.pairs("network_args"),
        Text("`neuron_dropout` may not stand in `network_args`", "`neuron_dropout` 不能写在 `network_args` 中"),
        "got multiple values for keyword argument 'neuron_dropout'",
        Text("write `network.network_dropout`", "请写 `network.network_dropout`"),
    ),
    Refusal(
        "dim-from-no-weights",
        ("dim_from_weights",),
        lambda s: bool(s.get("dim_from_weights")) and not s.get("network_weights"),
        Text("`dim_from_weights` needs `network_weights`", "`dim_from_weights` 需要 `network_weights`"),
        "TypeError ... NoneType",
        Text(
            "name the LoRA file in `network.network_weights`, or leave out `dim_from_weights`",
            "请在 `network.network_weights` 指定 LoRA 文件，或去掉 `dim_from_weights`",
        ),
    ),
    Refusal(
        "nothing-to-train",
        ("network_train_text_encoder_only", "network_train_unet_only"),
        lambda s: bool(s.get("network_train_unet_only") and s.get("network_train_text_encoder_only")),
        Text(
            "`network_train_unet_only` and `network_train_text_encoder_only` together train nothing",
            "`network_train_unet_only` 与 `network_train_text_encoder_only` 同时开启则没有可训练的部分",
        ),
        "optimizer got an empty parameter list",
        drop("network_train_unet_only", "network_train_text_encoder_only"),
    ),
    Refusal(
        "dylora-unit",
        ("network_args", "network_dim"),
        _dylora_unit,
        Text("DyLoRA's rank must be a multiple of its unit: {0}", "DyLoRA 的 rank 必须是 unit 的倍数：{0}"),
        "lora_dim must be a multiple of unit",
        Text("change `network_dim` or `unit`", "请修改 `network_dim` 或 `unit`"),
        U_NET,
    ),
    Refusal(
        "dylora-conv-dim",
        ("network_args",),
        _dylora_conv,
        Text("DyLoRA's `conv_dim` must equal `network_dim`", "DyLoRA 的 `conv_dim` 必须等于 `network_dim`"),
        "conv_dim must be same as network_dim",
        Text("write the same number for both", "两者请写相同的数"),
        U_NET,
    ),
    Refusal(
        "block-list-length",
        ("network_args",),
        _block_counts,
        Text("a list of blocks has the wrong length: {0}", "分块列表长度不对：{0}"),
        "the number of elements of block_dims must match the number of blocks",
        Text("write one value per block", "每个块写一个值"),
        U_NET,
    ),
    Refusal(
        "in-dims-length",
        ("network_args",),
        _list_length("in_dims", 5, "networks.lora_flux"),
        Text("`in_dims` must be 5 whole numbers: {0}", "`in_dims` 必须是 5 个整数：{0}"),
        "invalid in_dims, must be 5 dimensions",
        Text("write 5 whole numbers with commas between them", "请写 5 个以逗号分隔的整数"),
        ("flux",),
    ),
    Refusal(
        "emb-dims-length",
        ("network_args",),
        _list_length("emb_dims", 6, "networks.lora_sd3"),
        Text("`emb_dims` must be 6 whole numbers: {0}", "`emb_dims` 必须是 6 个整数：{0}"),
        "invalid emb_dims, must be 6 dimensions",
        Text("write 6 whole numbers with commas between them", "请写 6 个以逗号分隔的整数"),
        ("sd3",),
    ),
    Refusal(
        "train-blocks-choice",
        ("network_args",),
        _train_blocks,
        Text("`train_blocks` must be all, single or double: {0}", "`train_blocks` 必须是 all、single 或 double：{0}"),
        "invalid train_blocks",
        Text("write all, single or double", "请写 all、single 或 double"),
        ("flux",),
    ),
    Refusal(
        "block-index-out-of-range",
        ("network_args",),
        _block_indices,
        Text("a block index is out of range or unreadable: {0}", "块索引超出范围或无法读取：{0}"),
        "block index out of range",
        Text("write all, none, or numbers and ranges such as 0-3,7", "请写 all、none，或如 0-3,7 的数字与范围"),
        DIT,
    ),
    Refusal(
        "t5-trained-while-cached",
        ("network_args", "cache_text_encoder_outputs"),
        _t5_while_cached,
        Text("T5 cannot be trained while its outputs are cached", "缓存文本编码器输出时不能训练 T5"),
        "T5XXL is trained, so cache_text_encoder_outputs cannot be used",
        drop("train_t5xxl", "cache_text_encoder_outputs"),
        DIT,
    ),
    Refusal(
        "oft-on-text-encoder",
        ("network_train_text_encoder_only",),
        _oft_text_encoder,
        Text("OFT has no text encoder part", "OFT 没有文本编码器部分"),
        "AssertionError in apply_to",
        drop("network_train_text_encoder_only"),
    ),
)
