"""What a base model looks like, from the names of its tensors or the configuration of its folder.

Only names that no other family has are known here: a model that shows none of them is not judged.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LARGEST_HEADER_BYTES = 100_000_000
"""The format's own limit; real headers take less than 2 MB."""
_LARGEST_CONFIG_BYTES = 1_000_000

LABELS: Mapping[str, str] = {
    "sd15": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "SDXL",
    "sd3": "Stable Diffusion 3",
    "flux": "FLUX",
    "lora": "LoRA",
}
"""Names for people of what `family_of_file` and `family_of_folder` return."""

_UNETS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Width of the captions that the U-Net takes -> family."""
_CROSS_ATTENTION = (
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
)
"""First layers that read the caption: SD 1 and 2 have them from block 1 on, SDXL from block 4 on."""
_TRANSFORMERS = (("double_blocks.0.img_attn.", "flux"), ("joint_blocks.0.", "sd3"))
_PREFIX = "model.diffusion_model."
_LORA_STARTS = ("lora_unet_", "lora_te_", "lora_te1_")
_CLASSES = {"FluxTransformer2DModel": "flux", "SD3Transformer2DModel": "sd3"}


def read_tensor_table(path: Path) -> dict[str, Any] | None:
    """Return the header of a safetensors file, name -> description as it stands; None where there is no readable one.

    Reads the header alone, and nothing of a file that claims a larger one than it has room for.
    """
    with path.open("rb") as file:
        first = file.read(8)
        length = int.from_bytes(first, "little")
        room = path.stat().st_size - 8
        if len(first) < 8 or not 2 <= length <= min(LARGEST_HEADER_BYTES, room):
            return None
        text = file.read(length)
    return _json_table(text)


def family_of_file(path: Path) -> str | None:
    """Return `sd15`, `sd2`, `sdxl`, `sd3`, `flux` or `lora`, what a safetensors file looks like; None where it shows nothing."""
    table = read_tensor_table(path)
    return None if table is None else family_of_tensors(table)


def family_of_tensors(table: Mapping[str, Any]) -> str | None:
    """Return the family of a header `name -> {"shape": [...]}`; None where no name is known."""
    for name in _CROSS_ATTENTION:
        shape = _shape(table.get(_PREFIX + name))
        if shape is not None:
            return _UNETS.get(shape[-1])
    if any(name.startswith("conditioner.embedders.1.") for name in table):
        return "sdxl"
    bare = [name.removeprefix(_PREFIX) for name in table]
    for start, family in _TRANSFORMERS:
        if _has(bare, start):
            return family
    tensors = [name for name in table if name != "__metadata__"]
    return "lora" if tensors and all(name.startswith(_LORA_STARTS) for name in tensors) else None


def family_of_folder(path: Path) -> str | None:
    """Return the family of a folder in diffusers layout, from its configuration; None where that says nothing."""
    unet = _config(path / "unet" / "config.json")
    if unet is not None:
        width = unet.get("cross_attention_dim")
        return _UNETS.get(width) if isinstance(width, int) else None
    transformer = _config(path / "transformer" / "config.json")
    return None if transformer is None else _CLASSES.get(str(transformer.get("_class_name")))


def prediction_of_folder(path: Path) -> str | None:
    """Return `epsilon` or `v_prediction`, what the scheduler of a folder in diffusers layout names; None where it names neither."""
    scheduler = _config(path / "scheduler" / "scheduler_config.json")
    stated = None if scheduler is None else scheduler.get("prediction_type")
    return stated if stated in ("epsilon", "v_prediction") else None


def _has(names: Iterable[str], start: str) -> bool:
    return any(name.startswith(start) for name in names)


def _shape(description: Any) -> list[int] | None:
    shape = description.get("shape") if isinstance(description, dict) else None
    return shape if isinstance(shape, list) and shape and all(type(side) is int for side in shape) else None


def _config(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_CONFIG_BYTES:
            return None
        return _json_table(path.read_bytes())
    except OSError:
        return None


def _json_table(text: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
