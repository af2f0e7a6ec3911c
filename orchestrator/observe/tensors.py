"""The numbers in a LoRA file: are they finite, did they move, how large is the update. numpy only, no torch."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from orchestrator.core.tensor_numbers import is_finite_and_moved, read_tensor
from orchestrator.observe.spectra import SPECTRA_BUDGET, Pair, gram, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from orchestrator.core.observation import GroupWeights
    from orchestrator.core.safetensors_header import Header

_UP = re.compile(r"\.(?:lora_up|lora\.up|lora_B(?:\.\w+)?|lora_linear_layer\.up)\.weight$")
_DOWN: Final = (
    ("lora_up", "lora_down"),
    ("lora.up", "lora.down"),
    ("lora_B", "lora_A"),
    ("lora_linear_layer.up", "lora_linear_layer.down"),
)
# What starts at zero in LyCORIS networks: Hadamard, Kronecker, orthogonal.
_ZERO_AT_START = re.compile(r"\.(?:hada_w2_a|lokr_w2|lokr_w2_b|oft_blocks|oft_diag)(?:\.weight)?$")
_TEXT_ENCODER = re.compile(r"^(?:lora_te\d?_|lora_te\.|text_encoder|te\d?[._]|conditioner\.)")


@dataclass(frozen=True, slots=True)
class Scan:
    """What the numbers of one file say."""

    nonfinite_count: int
    up_count: int
    zero_up_count: int
    norms: Mapping[str, float] = field(default_factory=dict)
    """Root mean square of scale * up @ down over all elements of the updated weights, per group (`te`, `unet`). Groups
    with a tensor that is not finite are left out, as are networks other than plain LoRA."""
    groups: Mapping[str, GroupWeights] = field(default_factory=dict)
    """The same in detail; of a group with tensors that are not finite: its other modules."""


def is_up(name: str) -> bool:
    """Whether a tensor of this name starts at zero and moves with training."""
    return _UP.search(name) is not None or _ZERO_AT_START.search(name) is not None


def group_of(name: str) -> str:
    """Return `te` for text encoders, `unet` for everything else (U-Net and transformers alike)."""
    return "te" if _TEXT_ENCODER.match(name) else "unet"


def scan(path: Path, header: Header) -> Scan:
    """Read every number of a LoRA file once: modules of two matrices as they are measured, the rest block by block.

    Raises OSError or ValueError when the file cannot be read to its end.
    """
    bad: set[str] = set()
    zero: set[str] = set()
    groups: dict[str, list[Pair]] = defaultdict(list)
    with path.open("rb") as file:
        pairs = _pairs(header)
        paired = {name for names in pairs for name in names}
        for up, down in pairs:
            left = gram(read_tensor(file, header.tensors[up]), is_up=True)
            right = gram(read_tensor(file, header.tensors[down]), is_up=False)
            is_sound = math.isfinite(float(left.trace()) + float(right.trace()))
            if not is_sound:
                bad.update(name for name in (up, down) if not is_finite_and_moved(file, header.tensors[name])[0])
            if not float(left.trace()) and not is_finite_and_moved(file, header.tensors[up])[1]:
                zero.add(up)
            scale = _scale(file, header, up, len(left))
            if is_sound and math.isfinite(scale):
                size = math.prod(header.tensors[up].shape) * math.prod(header.tensors[down].shape) // len(left) ** 2
                groups[group_of(up)].append(Pair(left, right, scale, size))
        for name in sorted(header.tensors.keys() - paired, key=lambda name: header.tensors[name].start):
            is_finite, has_moved = is_finite_and_moved(file, header.tensors[name])
            if not is_finite:
                bad.add(name)
            if is_up(name) and not has_moved:
                zero.add(name)
    return _summary(header, bad, zero, groups)


def _summary(header: Header, bad: set[str], zero: set[str], groups: Mapping[str, list[Pair]]) -> Scan:
    spoiled = {group_of(name) for name in bad}
    cost = sum(len(pair.left) ** 3 for pairs in groups.values() for pair in pairs) or 1
    found = {
        name: summarise(pairs, SPECTRA_BUDGET * sum(len(pair.left) ** 3 for pair in pairs) / cost)
        for name, pairs in sorted(groups.items())
    }
    norms = {name: group.rms for name, group in found.items() if name not in spoiled}
    return Scan(len(bad), sum(map(is_up, header.tensors)), len(zero), norms, found)


def _pairs(header: Header) -> list[tuple[str, str]]:
    """Return the names of `up` and `down` of all plain LoRA modules, in file order."""
    found = []
    for name, tensor in sorted(header.tensors.items(), key=lambda item: item[1].start):
        if _UP.search(name) is None or _UP.sub(".lora_mid.weight", name) in header.tensors:
            continue  # with a middle: a convolution in three parts (Tucker), up @ down is not its update
        down = header.tensors.get(_down_name(name))
        if down is None or min(len(tensor.shape), len(down.shape)) < 2 or tensor.shape[1] != down.shape[0]:
            continue
        if down.shape[0] and math.prod(tensor.shape) and math.prod(down.shape):
            found.append((name, _down_name(name)))
    return found


def _scale(file: BinaryIO, header: Header, up: str, rank: int) -> float:
    """Return alpha / rank; 1 where there is no alpha."""
    alpha = header.tensors.get(_alpha_name(up))
    if alpha is None or math.prod(alpha.shape) != 1:
        return 1.0
    return float(read_tensor(file, alpha).reshape(-1)[0]) / rank


def _down_name(name: str) -> str:
    for up, down in _DOWN:
        head, found, tail = name.rpartition(f".{up}.")
        if found:
            return f"{head}.{down}.{tail}"
    return ""


def _alpha_name(name: str) -> str:
    return _UP.sub(".alpha", name)
