"""The final network file, made again from a saved state, where only that file could not be written.

A state is saved before the final file, and its `model.safetensors` holds the same tensors: a disk that fills between the two takes the
file and leaves the state. Nothing is ever written over; numbers are copied or rounded as the trainer itself would.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from orchestrator.core.durable import flush, name_new
from orchestrator.core.refusal import reason_of
from orchestrator.core.safetensors_header import DTYPE_BYTES, Header, Tensor, TensorFileError, read_header
from orchestrator.core.tensor_numbers import decode
from orchestrator.core.text import Text, same
from orchestrator.run.saved.whole_state import NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOTE_KEY: Final = "ss_rescued_from"
"""Metadata of a rescued file: what it was made from."""
DTYPES: Final = {"float": "F32", "fp16": "F16", "bf16": "BF16"}
"""`save_precision` -> type in the file."""
_PARALLEL: Final = "module."
"""What is put before each name where several processes trained."""
_BLOCK_VALUES: Final = 1 << 20
_LEGACY: Final = (0x100000, 0x110000)
"""Bytes of a file that the older hash of web UIs is taken over."""


class CannotRescue(Exception):  # noqa: N818  not an error of ours: there is nothing to make the file from
    """No file can be made; `reason` says why in both languages. Nothing was left behind."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(reason.en)


@dataclass(frozen=True, slots=True)
class Rescued:
    """The file that was made."""

    path: Path
    size_bytes: int
    tensors: int
    dtype: str


def rescue_network(
    state: Path,
    target: Path,
    *,
    step: int,
    epoch: int,
    save_precision: str | None = None,
    like: Path | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Rescued:
    """Write the network that the state folder `state` holds to `target`, which must not exist yet.

    `step`, `epoch`: of the whole run when the state was saved. `save_precision`: `float`, `fp16`, `bf16`, or None as the network was
    trained. `like`: an earlier network file of the run; the new one gets its metadata and must have the same tensors. `metadata`
    stands in where there is none.

    Raises CannotRescue where the state's network is damaged, holds NaN or infinity, is another network than `like`, `target` is there
    already, or the disk refuses.
    """
    source = state / NETWORK
    try:
        header = read_header(source)
        earlier = None if like is None else read_header(like)
        tensors = _renamed(header)
        _check_same(tensors, earlier)
        dtype = DTYPES.get(save_precision or "", next(iter(tensors.values())).dtype)
        said = dict(metadata or {}) if earlier is None else dict(earlier.metadata)
        said |= {"ss_output_name": target.stem}  # tells a name that ends in digits from a save point's
        said |= {"ss_steps": str(step), "ss_epoch": str(epoch), NOTE_KEY: f"{state.name}, step {step}"}
        said["ss_training_finished_at"] = str(source.stat().st_mtime)
        return _write(source, tensors, target, dtype, said)
    except (TensorFileError, ValueError) as error:
        words = error.text if isinstance(error, TensorFileError) else same(str(error))
        raise CannotRescue(
            Text(f"{state.name}/{NETWORK}: {words.en}", f"{state.name}/{NETWORK}：{words.zh}")
        ) from error
    except FileExistsError as error:
        raise CannotRescue(Text(f"{target.name} is there already", f"{target.name} 已存在")) from error
    except OSError as error:
        reason = reason_of(error)
        raise CannotRescue(Text(f"{target.name}: {reason.en}", f"{target.name}：{reason.zh}")) from error


def _renamed(header: Header) -> dict[str, Tensor]:
    """Return the tensors under the names of a network file, in the order that safetensors writes them."""
    tensors = dict(header.tensors)
    if all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): tensor for name, tensor in tensors.items()}
    unknown = sorted({t.dtype for t in tensors.values()} - set(DTYPES.values()))
    if unknown:
        raise TensorFileError(f"holds numbers of type {', '.join(unknown)}", f"含有类型为 {', '.join(unknown)} 的数值")
    if len({t.dtype for t in tensors.values()}) > 1:
        raise TensorFileError("holds numbers of several types", "含有多种类型的数值")
    return dict(sorted(tensors.items()))


def _check_same(tensors: Mapping[str, Tensor], earlier: Header | None) -> None:
    """Some network modules save other tensors than they train (`split_qkv`): those cannot be made from a state."""
    if earlier is not None:
        if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in earlier.tensors.items()}:
            raise TensorFileError("its tensors are not those of the files before it", "其张量与之前的文件不同")
    elif not all(name.startswith("lora_") and ".lora_up.0." not in name for name in tensors):
        raise TensorFileError(
            "no earlier file says which tensors belong into a network file of this kind",
            "没有之前的文件说明此类网络文件应包含哪些张量",
        )


def _write(
    source: Path, tensors: Mapping[str, Tensor], target: Path, dtype: str, metadata: Mapping[str, str]
) -> Rescued:
    """Write beside, flush, and give it its name only where that is free."""
    beside = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb") as read:
            digest, legacy = _hashes(read, tensors, dtype, metadata)
            said = {**metadata, "sshs_model_hash": digest, "sshs_legacy_hash": legacy}
            with beside.open("wb") as file:
                file.write(_header_bytes(tensors, dtype, said))
                for data in _data(read, tensors, dtype):
                    file.write(data)
        flush(beside)
        name_new(beside, target)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return Rescued(target, target.stat().st_size, len(tensors), dtype)


def _header_bytes(tensors: Mapping[str, Tensor], dtype: str, metadata: Mapping[str, str]) -> bytes:
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + _values(tensor) * DTYPE_BYTES[dtype]
        table[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _hashes(read: BinaryIO, tensors: Mapping[str, Tensor], dtype: str, metadata: Mapping[str, str]) -> tuple[str, str]:
    """Return the two hashes that web UIs look files up by: of all numbers, and of 64 KiB of a file with the `ss_*` entries alone."""
    at = len(_header_bytes(tensors, dtype, {key: value for key, value in metadata.items() if key.startswith("ss_")}))
    whole, legacy = hashlib.sha256(), hashlib.sha256()
    for data in _data(read, tensors, dtype):
        whole.update(data)
        first, last = (min(max(0, edge - at), len(data)) for edge in _LEGACY)
        legacy.update(data[first:last])
        at += len(data)
    return whole.hexdigest(), legacy.hexdigest()[:8]


def _data(read: BinaryIO, tensors: Mapping[str, Tensor], dtype: str) -> Iterator[bytes]:
    """Yield the numbers as they stand in the new file. Raises TensorFileError for NaN, infinity, and numbers too large for `dtype`."""
    for name, tensor in tensors.items():
        each = DTYPE_BYTES[tensor.dtype]
        read.seek(tensor.start)
        left = _values(tensor)
        while left:
            raw = read.read(min(left, _BLOCK_VALUES) * each)
            if not raw or len(raw) % each:
                raise TensorFileError("cut off", "不完整")
            left -= len(raw) // each
            yield _converted(raw, tensor.dtype, dtype, name)


def _converted(raw: bytes, old: str, new: str, name: str) -> bytes:
    import numpy as np

    numbers = decode(np.frombuffer(raw, np.uint8), old).astype("<f4", copy=False)
    if not np.isfinite(numbers).all():
        raise TensorFileError(f"{name} holds NaN or infinity", f"{name} 含 NaN 或无穷")
    if old == new:
        return raw
    if new == "BF16":  # the upper half of a float32; to the nearest, halves to even, as torch rounds
        bits = numbers.view("<u4")
        bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        made = (bits >> np.uint32(16)).astype("<u2")
    else:
        with np.errstate(over="ignore", under="ignore"):
            made = numbers.astype({"F32": "<f4", "F16": "<f2"}[new])
    if not np.isfinite(decode(made.view(np.uint8), new)).all():
        raise TensorFileError(f"{name} holds numbers too large for {new}", f"{name} 含有 {new} 无法表示的大数")
    return bytes(made.tobytes())


def _values(tensor: Tensor) -> int:
    return (tensor.end - tensor.start) // DTYPE_BYTES[tensor.dtype]
