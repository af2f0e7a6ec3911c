"""How many bytes an optimizer keeps for a network: what it remembers of each number, and the file `optimizer.bin` around it."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.plan.network_size import Tensor

Known = Literal["measured", "read", "assumed"]
"""How sure a size is: compared with real files, taken from the optimizer's source, or the most that any known optimizer keeps."""

STORAGE_BYTES: Final = 225
"""What one stored tensor adds to torch's zip file: two headers, alignment to 64 bytes, its line in the pickle."""
_FIXED_BYTES: Final = 1200
_SMALL_VALUES: Final = 4096
"""bitsandbytes keeps tensors of fewer numbers in 32 bits (`min_8bit_size`)."""
_BLOCK_VALUES: Final = 256
"""Numbers of an 8-bit tensor that share one float32 scale."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What an optimizer keeps for one trained tensor."""

    copies: float
    """Numbers of the tensor's own type for each of its numbers: AdamW keeps 2."""
    storages: int
    """Tensors in the file, single numbers included."""
    known: Known = "measured"
    is_factored: bool = False
    """One number for each row and column instead of one copy, as Adafactor does; vectors are kept whole."""
    is_8bit: bool = False
    """Large tensors are kept in 8 bits, with their scales beside them; of small ones there are no scales."""


_KEPT: Final[Mapping[str, Kept]] = {
    "adamw": Kept(2, 3), "adam": Kept(2, 3), "radam": Kept(2, 3), "nadam": Kept(2, 4), "adagrad": Kept(1, 2),
    "rmsprop": Kept(1, 2), "sgd": Kept(0, 0), "sgdnesterov": Kept(1, 1), "lion": Kept(1, 1),
    "adamwschedulefree": Kept(2, 2), "radamschedulefree": Kept(2, 2), "sgdschedulefree": Kept(1, 1),
    "prodigy": Kept(2, 4), "adafactor": Kept(0, 3, is_factored=True),
    "adamax": Kept(2, 3, "read"), "adadelta": Kept(2, 3, "read"), "asgd": Kept(1, 4, "read"), "rprop": Kept(2, 3, "read"),
    "adamw8bit": Kept(2, 4, is_8bit=True), "pagedadamw8bit": Kept(2, 4, is_8bit=True),
    "lion8bit": Kept(1, 2, is_8bit=True), "pagedlion8bit": Kept(1, 2, is_8bit=True),
    "sgdnesterov8bit": Kept(1, 2, is_8bit=True), "pagedadamw": Kept(2, 2), "pagedadamw32bit": Kept(2, 2),
}  # fmt: skip
"""Optimizer in lower case -> what it keeps. `read`: it was not run."""
_UNKNOWN: Final = Kept(4, 6, "assumed")
"""Prodigy keeps four numbers for each, no known optimizer keeps more."""


def kept_by(optimizer_type: str, optimizer_args: Iterable[str] = ()) -> Kept:
    """Return what `optimizer_type` keeps; an unknown one is taken to keep the most."""
    name = optimizer_type.rpartition(".")[2].lower() or "adamw"
    args = _literals(optimizer_args)
    found = _KEPT.get(name, _UNKNOWN)
    more = _more(name, args)
    return Kept(found.copies + more, found.storages + more, found.known, found.is_factored, found.is_8bit)


def optimizer_bytes(
    tensors: Iterable[Tensor], optimizer_type: str, optimizer_args: Iterable[str] = (), *, value_bytes: int = 4
) -> int:
    """Return the size of `optimizer.bin` for the trained ones of `tensors`. `value_bytes`: of a number of the network, 2 under
    `full_fp16` and `full_bf16`.
    """
    args = list(optimizer_args)
    kept = kept_by(optimizer_type, args)
    is_prodigy = optimizer_type.rpartition(".")[2].lower() == "prodigy"
    slice_p = max(1, int(_number(_literals(args).get("slice_p"), 1)))
    total = float(_FIXED_BYTES)
    for tensor in tensors:
        if not tensor.is_trained:
            continue
        is_small = kept.is_8bit and tensor.values < _SMALL_VALUES
        storages = kept.copies if is_small else kept.storages
        total += storages * STORAGE_BYTES + _kept_bytes(tensor, kept, value_bytes)
        if is_prodigy:  # its running sum, and where each number began; zeros are kept as one number
            sliced = math.ceil(tensor.values / slice_p)
            total += value_bytes * (sliced if tensor.is_zero else 2 * sliced)
    return math.ceil(total)


def _kept_bytes(tensor: Tensor, kept: Kept, value_bytes: int) -> float:
    if kept.is_8bit and tensor.values >= _SMALL_VALUES:
        return kept.copies * (tensor.values + 4 * math.ceil(tensor.values / _BLOCK_VALUES))
    if kept.is_factored:
        *rest, rows, columns = (1, *tensor.shape)
        factored = math.prod(rest) * (rows + columns) if len(tensor.shape) >= 2 else tensor.values
        return 4.0 * factored + value_bytes * kept.copies * tensor.values
    return kept.copies * value_bytes * tensor.values


def _more(name: str, args: Mapping[str, object]) -> int:
    """Return how many further copies the arguments ask for."""
    momentum = _number(args.get("momentum"), 0) != 0
    return {
        "sgd": int(momentum),
        "rmsprop": int(momentum) + int(bool(args.get("centered"))),
        "adamw": int(bool(args.get("amsgrad"))),
        "adam": int(bool(args.get("amsgrad"))),
        "adafactor": int(args.get("beta1") is not None),
    }.get(name, 0)


def _literals(items: Iterable[object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for item in items:
        if not isinstance(item, str):
            continue
        key, _, text = item.partition("=")
        try:
            found[key.strip()] = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return found


def _number(value: object, otherwise: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else otherwise  # type: ignore[return-value]
