"""How large the network of a plan will be: counted from the base model's own layers, else stated as a range."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.backends.base_layers import layers_of_base
from orchestrator.core.number_text import whole_number
from orchestrator.core.text import Text
from orchestrator.plan.network_size import Layer, NetworkSize, Part, Ranks, Tensor, tensors_of, usual_layers

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan

_COUNTED_MODULES: Final = ("networks.lora", "networks.lora_fa", "networks.lora_flux", "networks.lora_sd3")
_HARMLESS: Final = frozenset({
    "alpha", "conv_dim", "conv_alpha", "dropout", "rank_dropout", "module_dropout", "loraplus_lr_ratio", "loraplus_unet_lr_ratio",
    "loraplus_text_encoder_lr_ratio", "verbose", "ggpo_beta", "ggpo_sigma", "network_reg_lrs",
})  # fmt: skip
"""Arguments of those modules that change no shape, or that are counted."""
_LYCORIS_MOST: Final = {"lora": 2.6, "locon": 2.6, "loha": 5.2, "lokr": 2.6, "ia3": 1.0, "dylora": 2.6}
"""`algo` -> most numbers it may train, as a multiple of the LoRA of attention layers with the same rank. LyCORIS gives the convolutions
a pair too (1.84 times as many numbers at equal rank in SD 1, 1.18 in SDXL) and other layers with some presets; LoHa has two pairs."""
_DEFAULT_DIM: Final = 4
_TEXT_LAYER: Final = re.compile(r"lora_te\d?_text_model_encoder_layers_(\d+)_")


def network_size(plan: Plan) -> NetworkSize:
    """Return the size of the network. Reads the headers of the base model's files; raises nothing where they cannot be read."""
    args = _network_args(plan)
    with_unet, with_text = (
        not _is_on(plan, "network_train_text_encoder_only"),
        not _is_on(plan, "network_train_unet_only"),
    )
    conv_dim = whole_number(args.get("conv_dim"))
    layers = layers_of_base(plan, with_unet=with_unet, with_text=with_text, with_conv=conv_dim is not None)
    low, high = _spread(plan, args)
    if layers is not None:
        because = Text("counted from the layers of the base model", "按底模的各层计数")
    else:
        layers = usual_layers(plan.family, with_unet=with_unet, with_text=with_text)
        because = Text(
            f"as for the usual {plan.family} base model; the layers of this one could not be read",
            f"按常见的 {plan.family} 底模估计；无法读取此底模的各层",
        )
        low, high = low * 0.9, high * (1.1 if conv_dim is None else 2.0)
    if layers is None:
        unknown = Text("the base model's layers could not be read", "无法读取底模的各层")
        return NetworkSize((), unknown, 0.0, math.inf)
    if high != low and _module(plan) not in _COUNTED_MODULES:
        because = Text(
            f"{_module(plan)} is not counted; from a LoRA of the same rank",
            f"{_module(plan)} 无法计数；按同秩的 LoRA 估计",
        )
    tensors = tensors_of(_chosen(layers, args), _ranks(plan, conv_dim))
    return NetworkSize(_without_unused(tensors, plan), because, low, high)


def _spread(plan: Plan, args: dict[str, str]) -> tuple[float, float]:
    """Return how far the real number may lie from the counted one, as factors."""
    module = _module(plan)
    if module == "lycoris.kohya":
        return 0.0, _LYCORIS_MOST.get(args.get("algo", "lora").lower(), math.inf)
    if module not in _COUNTED_MODULES:
        return 0.0, math.inf
    others = {name: value for name, value in args.items() if name not in _HARMLESS and name != "train_blocks"}
    if not others:
        return 1.0, 1.0
    ranks = [number for value in others.values() for number in _numbers(value)]
    factor = 3.0 if args.get("split_qkv", "").lower() == "true" else 1.0
    return 0.0, factor * max(1.0, *(rank / _network_dim(plan) for rank in [0, *ranks]))


def _chosen(layers: tuple[Layer, ...], args: dict[str, str]) -> tuple[Layer, ...]:
    """Leave out what `train_blocks` of FLUX does."""
    only = args.get("train_blocks")
    if only not in ("single", "double"):
        return layers
    return tuple(layer for layer in layers if layer.part != "unet" or f"_{only}_blocks_" in layer.name)


def _without_unused(tensors: tuple[Tensor, ...], plan: Plan) -> tuple[Tensor, ...]:
    """Mark what no gradient reaches as not trained: the text encoder's last layers, where the trainer takes an earlier one's output.

    They are in the file all the same, and the optimizer keeps nothing for them.
    """
    clip_skip = plan.option("clip_skip")
    skipped = clip_skip - 1 if isinstance(clip_skip, int) and clip_skip > 1 else 0
    prefix, skipped = {"sd15": ("lora_te_", skipped), "sdxl": ("lora_te1_", 1)}.get(plan.family, ("", 0))
    layers = {name: int(found[1]) for name in (t.name for t in tensors) if (found := _TEXT_LAYER.match(name))}
    depth = 1 + max((number for name, number in layers.items() if name.startswith(prefix)), default=0)
    return tuple(
        replace(t, is_trained=False) if t.name.startswith(prefix) and layers.get(t.name, 0) >= depth - skipped else t
        for t in tensors
    ) if skipped else tensors  # fmt: skip


def _ranks(plan: Plan, conv_dim: int | None) -> Ranks:
    general = plan.option("learning_rate")
    unet, text = plan.option("unet_lr"), plan.option("text_encoder_lr")
    rates: dict[Part, Any] = {
        "unet": general if unet is None else unet,
        "text_encoder": general if text in (None, []) else text,
    }
    trained = frozenset(part for part, rate in rates.items() if _is_rate(rate))
    return Ranks(
        _network_dim(plan),
        conv_dim,
        trained,
        trains_down=_module(plan) != "networks.lora_fa",
        begins_at_zero=plan.option("network_weights") is None,
    )


def _is_rate(value: Any) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(one is None or (isinstance(one, (int, float)) and one != 0) for one in values)


def _network_args(plan: Plan) -> dict[str, str]:
    items = plan.option("network_args")
    if not isinstance(items, (list, tuple)):
        return {}
    parted = (item.partition("=") for item in items if isinstance(item, str))
    return {name.strip(): value.strip() for name, sign, value in parted if sign}


def _network_dim(plan: Plan) -> int:
    value = plan.option("network_dim")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else _DEFAULT_DIM


def _module(plan: Plan) -> str:
    return str(plan.option("network_module") or "")


def _is_on(plan: Plan, option: str) -> bool:
    return plan.option(option) is True


def _numbers(text: str) -> list[int]:
    return [n for part in text.strip("[]").replace(",", " ").split() if (n := whole_number(part)) is not None]
