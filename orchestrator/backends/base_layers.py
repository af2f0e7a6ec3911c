"""Which layers of a base model get a low-rank pair, read from the headers of its files: names and shapes, no numbers.

The choice is the trainer's own: attention blocks of the U-Net or transformer, CLIP's attention and MLP layers, and with `conv_dim`
the other convolutions and linear layers of a U-Net's blocks too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.backends.model_family import read_tensor_table
from orchestrator.plan.network_size import Layer, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.plan.model import Plan

Shapes = dict[str, tuple[int, ...]]
"""Name of a tensor -> its shape."""

POCKET_BASE = Path(__file__).resolve().parent / "pocket" / "base"
_UNET = "model.diffusion_model."
_FOLDER_FILES = ("diffusion_pytorch_model", "model")
_ATTENTION = re.compile(r"\.(attentions\.\d+|transformer_blocks)\.|\.proj_(in|out)\.weight$")
_RESIDUAL = re.compile(
    r"\.(resnets|downsamplers|upsamplers)\.|\.(in_layers|out_layers|emb_layers|skip_connection|op|conv)\."
)
_UNET_BLOCKS = re.compile(r"^(input_blocks|middle_block|output_blocks|down_blocks|mid_block|up_blocks)\.")
_CLIP = re.compile(r"(?:^|\.)(?:text_model\.)?encoder\.layers\.(\d+)\.(self_attn|mlp)\.(\w+)\.weight$")
_OPEN_CLIP = re.compile(r"\.resblocks\.(\d+)\.(attn\.in_proj_weight|attn\.out_proj\.weight|mlp\.c_\w+\.weight)$")
_TRANSFORMERS = {"flux": ("double_blocks.", "single_blocks."), "sd3": ("joint_blocks.",)}
_SD2_LAYERS = 23
"""SD 2 uses its text encoder without the last of 24 layers."""


def layers_of_base(plan: Plan, *, with_unet: bool, with_text: bool, with_conv: bool) -> tuple[Layer, ...] | None:
    """Return the layers that get a pair, in no particular order; None where the base model's files do not show them.

    `with_conv`: also those that only get one with `conv_dim`. Reads headers alone; what cannot be read counts as not shown.
    """
    try:
        shapes = _open(plan)
        if shapes is None:
            return None
        unet, texts = shapes
        found: list[Layer] = []
        if with_unet:
            found += list(_transformer_layers(unet, _TRANSFORMERS[plan.family])) if plan.family in _TRANSFORMERS else (
                list(_unet_layers(unet, with_conv=with_conv))
            )  # fmt: skip
            if not found:
                return None
        if with_text:
            for prefix, table in texts:
                layers = list(_text_layers(table, prefix, plan.family))
                if not layers:
                    return None
                found += layers
        return tuple(found)
    except (OSError, ValueError):
        return None


def _open(plan: Plan) -> tuple[Shapes, list[tuple[str, Shapes]]] | None:
    """Return the tensors of the U-Net or transformer, and of each text encoder with the prefix of its pairs."""
    named = plan.train.get("pretrained_model_name_or_path")
    if named is None or not isinstance(named.value, str):
        return None
    path = POCKET_BASE if plan.family == "pocket" and named.value == "pocket" else Path(named.value)
    if path.is_dir():
        return _open_folder(path, plan.family)
    table = _shapes(path)
    if table is None:
        return None
    unet = {name.removeprefix(_UNET): shape for name, shape in table.items()}
    return unet, [(prefix, found) for prefix, found in _texts_of(plan, table) if found is not None]


def _open_folder(path: Path, family: str) -> tuple[Shapes, list[tuple[str, Shapes]]] | None:
    unet, first, second = (_in_folder(path / part) for part in ("unet", "text_encoder", "text_encoder_2"))
    if unet is None or first is None:
        return None
    if family != "sdxl":
        return unet, [("lora_te", first)]
    return None if second is None else (unet, [("lora_te1", first), ("lora_te2", second)])


def _in_folder(folder: Path) -> Shapes | None:
    for stem in _FOLDER_FILES:
        for variant in ("", ".fp16"):
            path = folder / f"{stem}{variant}.safetensors"
            if path.is_file():
                return _shapes(path)
    return None


def _texts_of(plan: Plan, table: Shapes) -> Iterator[tuple[str, Shapes | None]]:
    """Yield what a single file holds of the text encoders, or the files that stand for them."""
    parts: Mapping[str, tuple[tuple[str, str, str], ...]] = {
        "sdxl": (("lora_te1", "", "conditioner.embedders.0."), ("lora_te2", "", "conditioner.embedders.1.")),
        "flux": (("lora_te1", "clip_l", ""),),
        "sd3": (("lora_te1", "clip_l", "text_encoders.clip_l."), ("lora_te2", "clip_g", "text_encoders.clip_g.")),
    }
    for prefix, option, start in parts.get(plan.family, (("lora_te", "", "cond_stage_model."),)):
        named = plan.train.get(option)
        if named is not None and isinstance(named.value, str):
            yield prefix, _shapes(Path(named.value)) or {}
        else:
            yield prefix, {name: shape for name, shape in table.items() if start and name.startswith(start)}


def _shapes(path: Path) -> Shapes | None:
    table = read_tensor_table(path) if path.is_file() else None
    if table is None:
        return None
    shapes = {name: _shape(description) for name, description in table.items() if name != "__metadata__"}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def _shape(description: Any) -> tuple[int, ...] | None:
    shape = description.get("shape") if isinstance(description, dict) else None
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        return None
    return tuple(shape)


def _unet_layers(table: Shapes, *, with_conv: bool) -> Iterator[Layer]:
    for name, shape in table.items():
        if not _UNET_BLOCKS.match(name) or not name.endswith(".weight") or len(shape) not in (2, 4):
            continue
        if _ATTENTION.search(name) or (with_conv and _RESIDUAL.search(name)):
            yield _layer(f"lora_unet_{name}", "unet", shape)


def _transformer_layers(table: Shapes, starts: tuple[str, ...]) -> Iterator[Layer]:
    for name, shape in table.items():
        if name.startswith(starts) and name.endswith(".weight") and len(shape) == 2:
            yield _layer(f"lora_unet_{name}", "unet", shape)


def _text_layers(table: Shapes, prefix: str, family: str) -> Iterator[Layer]:
    for name, shape in table.items():
        if len(shape) != 2:
            continue
        if match := _CLIP.search(name):
            yield _layer(
                f"{prefix}_text_model_encoder_layers_{match[1]}_{match[2]}_{match[3]}.weight", "text_encoder", shape
            )
        elif match := _OPEN_CLIP.search(name):
            if family == "sd2" and int(match[1]) >= _SD2_LAYERS:
                continue
            layer = f"{prefix}_text_model_encoder_layers_{match[1]}"
            if match[2] != "attn.in_proj_weight":
                yield _layer(f"{layer}_{match[2]}", "text_encoder", shape)
                continue
            for projection in ("q_proj", "k_proj", "v_proj"):  # three layers in one tensor
                yield _layer(f"{layer}_self_attn_{projection}.weight", "text_encoder", (shape[0] // 3, *shape[1:]))


def _layer(name: str, part: Part, shape: tuple[int, ...]) -> Layer:
    return Layer(name.removesuffix(".weight").replace(".", "_"), part, shape[0], shape[1], shape[2:])
