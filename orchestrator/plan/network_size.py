"""How many numbers a network of low-rank pairs holds: from the layers of the base model that get a pair.

The layers come from the base model's own file where it can be read (`backends/base_layers.py`), else from `usual_layers`,
the layers that nearly every base model of a family has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.text import Text
    from orchestrator.recipe.model import Family

Part = Literal["unet", "text_encoder"]
"""What the learning rates tell apart; `unet` is the transformer where there is no U-Net."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the base model that gets a pair."""

    name: str
    """Of the pair: `lora_unet_mid_block_attentions_0_proj_in`."""
    part: Part
    outputs: int
    inputs: int
    kernel: tuple[int, ...] = ()
    """Height and width of a convolution's kernel; empty for a linear layer."""

    @property
    def is_wide(self) -> bool:
        """Whether it is a convolution wider than 1x1: only `conv_dim` gives those a pair."""
        return math.prod(self.kernel) > 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the network file."""

    name: str
    shape: tuple[int, ...]
    is_trained: bool = False
    """The optimizer keeps something for it."""
    is_zero: bool = False
    """It begins as zeros, as the upper half of a pair does."""

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """A network before it is made. `low` and `high`: how far off `tensors` may be, as factors of its numbers."""

    tensors: tuple[Tensor, ...]
    because: Text
    """Where the numbers come from."""
    low: float = 1.0
    high: float = 1.0

    @property
    def is_counted(self) -> bool:
        """Whether the layers of the very base model were counted."""
        return self.low == self.high == 1.0

    @property
    def values(self) -> int:
        """Numbers of the network that may be trained; the scales (`alpha`) are not among them."""
        return sum(t.values for t in self.tensors if t.shape)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the pairs and which of them are trained."""

    network_dim: int
    conv_dim: int | None = None
    """Of convolutions wider than 1x1; None: they get no pair."""
    trained: frozenset[Part] = frozenset(("unet", "text_encoder"))
    """Parts whose learning rate is not 0."""
    trains_down: bool = True
    """False for `networks.lora_fa`, which leaves the lower half as it began."""
    begins_at_zero: bool = True
    """False where the run goes on from `network_weights`."""


def tensors_of(layers: tuple[Layer, ...], ranks: Ranks) -> tuple[Tensor, ...]:
    """Return the tensors of the network file: `alpha`, `lora_down.weight` and `lora_up.weight` of each layer."""
    return tuple(tensor for layer in layers for tensor in _pair(layer, ranks))


def _pair(layer: Layer, ranks: Ranks) -> Iterator[Tensor]:
    rank = ranks.conv_dim if layer.is_wide else ranks.network_dim
    if not rank:
        return
    is_trained = layer.part in ranks.trained
    ones = (1,) * len(layer.kernel)
    yield Tensor(f"{layer.name}.alpha", ())
    yield Tensor(
        f"{layer.name}.lora_down.weight", (rank, layer.inputs, *layer.kernel), is_trained and ranks.trains_down
    )
    yield Tensor(f"{layer.name}.lora_up.weight", (layer.outputs, rank, *ones), is_trained, ranks.begins_at_zero)


def usual_layers(family: Family, *, with_unet: bool, with_text: bool) -> tuple[Layer, ...] | None:
    """Return the layers that get a pair in the usual base model of `family`; None where there is no usual one.

    Convolutions wider than 1x1 are left out.
    """
    unet, texts = _UNETS.get(family), _TEXTS.get(family)
    if unet is None or texts is None:
        return None
    found: list[Layer] = []
    if with_text:
        for index, (depth, width) in enumerate(texts):
            prefix = "lora_te" if len(texts) == 1 and family in ("sd15", "sd2") else f"lora_te{index + 1}"
            found += _clip(prefix, depth, width)
    if with_unet:
        found += unet()
    return tuple(found)


def _clip(prefix: str, depth: int, width: int) -> Iterator[Layer]:
    """Yield the layers of a CLIP text encoder."""
    for index in range(depth):
        name = f"{prefix}_text_model_encoder_layers_{index}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield Layer(f"{name}_self_attn_{projection}", "text_encoder", width, width)
        yield Layer(f"{name}_mlp_fc1", "text_encoder", 4 * width, width)
        yield Layer(f"{name}_mlp_fc2", "text_encoder", width, 4 * width)


def _diffusion_unet(stages: tuple[tuple[int, int, int], ...], context: int, *, is_conv: bool) -> Iterator[Layer]:
    """Yield the attention layers of Stable Diffusion's U-Net.

    `stages`: (width, transformers, blocks in each). `is_conv`: the projections around a transformer are 1x1 convolutions.
    """
    ones = (1, 1) if is_conv else ()
    for width, transformers, blocks in stages:
        for number in range(transformers):
            name = f"lora_unet_down_blocks_0_attentions_{width}_{number}"
            yield Layer(f"{name}_proj_in", "unet", width, width, ones)
            yield Layer(f"{name}_proj_out", "unet", width, width, ones)
            for index in range(blocks):
                yield from _attention(f"{name}_transformer_blocks_{index}", width, context)


def _attention(name: str, width: int, context: int) -> Iterator[Layer]:
    for attention, seen in (("attn1", width), ("attn2", context)):
        yield Layer(f"{name}_{attention}_to_q", "unet", width, width)
        yield Layer(f"{name}_{attention}_to_k", "unet", width, seen)
        yield Layer(f"{name}_{attention}_to_v", "unet", width, seen)
        yield Layer(f"{name}_{attention}_to_out_0", "unet", width, width)
    yield Layer(f"{name}_ff_net_0_proj", "unet", 8 * width, width)
    yield Layer(f"{name}_ff_net_2", "unet", width, 4 * width)


def _flux_transformer() -> Iterator[Layer]:
    width = 3072
    for index in range(19):
        for side in ("img", "txt"):
            name = f"lora_unet_double_blocks_{index}_{side}"
            yield Layer(f"{name}_mod_lin", "unet", 6 * width, width)
            yield Layer(f"{name}_attn_qkv", "unet", 3 * width, width)
            yield Layer(f"{name}_attn_proj", "unet", width, width)
            yield Layer(f"{name}_mlp_0", "unet", 4 * width, width)
            yield Layer(f"{name}_mlp_2", "unet", width, 4 * width)
    for index in range(38):
        name = f"lora_unet_single_blocks_{index}"
        yield Layer(f"{name}_linear1", "unet", 7 * width, width)
        yield Layer(f"{name}_linear2", "unet", width, 5 * width)
        yield Layer(f"{name}_modulation_lin", "unet", 3 * width, width)


def _sd() -> Iterator[Layer]:
    return _diffusion_unet(((320, 5, 1), (640, 5, 1), (1280, 6, 1)), 768, is_conv=True)


def _sd2() -> Iterator[Layer]:
    return _diffusion_unet(((320, 5, 1), (640, 5, 1), (1280, 6, 1)), 1024, is_conv=False)


def _sdxl() -> Iterator[Layer]:
    return _diffusion_unet(((640, 5, 2), (1280, 6, 10)), 2048, is_conv=False)


_UNETS = {"sd15": _sd, "sd2": _sd2, "sdxl": _sdxl, "flux": _flux_transformer}
"""SD3 comes in two sizes, and only its file tells which."""
_TEXTS: dict[str, tuple[tuple[int, int], ...]] = {
    "sd15": ((12, 768),), "sd2": ((23, 1024),), "sdxl": ((12, 768), (32, 1280)), "flux": ((12, 768),),
}  # fmt: skip
"""(layers, width) of each text encoder that gets pairs."""
