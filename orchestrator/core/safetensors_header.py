"""The header of a safetensors file, checked before a single number is read.

The file may come from anywhere: lengths, offsets and shapes are compared with the file's size first, and nothing of the
size a header claims is allocated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TypeGuard

MAX_HEADER_BYTES: Final = 16 * 1024 * 1024
"""A network of 10,000 tensors needs about 1 MB."""
DTYPE_BYTES: Final = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "F64": 8,
    "I64": 8,
    "U64": 8,
}


class TensorFileError(Exception):
    """The file is no whole safetensors file; the message says why in a few words."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: `start` and `end` are offsets in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says about itself."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Read and check the header of the file at `path`.

    Raises TensorFileError when the file is cut, inconsistent or no safetensors file, and OSError when it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        if len(first) < 8:
            raise TensorFileError(f"only {len(first)} bytes long" if first else "empty file")
        length = int.from_bytes(first, "little")
        if length > size - 8:
            raise TensorFileError(
                f"header of {length} bytes announced, the file has {size}: cut off or no safetensors file"
            )
        if length > MAX_HEADER_BYTES:
            raise TensorFileError(f"header of {length} bytes: more than any network needs")
        text = file.read(length)
    if len(text) < length:
        raise TensorFileError("cut off inside the header")
    return check_header(_parse(text), 8 + length, size)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise TensorFileError("header is not UTF-8") from error
    except RecursionError as error:
        raise TensorFileError("header is nested too deeply") from error
    except ValueError as error:
        raise TensorFileError(f"header is not JSON ({error})"[:200]) from error
    if not isinstance(body, dict):
        raise TensorFileError("header is no JSON object")
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise TensorFileError("a name stands twice in the header")
    return result


def _no_constant(name: str) -> None:
    raise TensorFileError(f"{name} in the header")


def check_header(body: Mapping[str, Any], data_start: int, size: int) -> Header:
    """Return the header when its tensors fill the `size - data_start` bytes of data without gap or overlap.

    Raises TensorFileError otherwise.
    """
    metadata = body.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise TensorFileError("metadata holds something that is no text")
    tensors = {name: _tensor(name, entry, data_start) for name, entry in body.items() if name != "__metadata__"}
    if not tensors:
        raise TensorFileError("holds no tensors")
    at = data_start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start != at:
            raise TensorFileError(
                f"tensor {name[:80]!r} {'overlaps another one' if tensor.start < at else 'leaves a gap before it'}"
            )
        at = tensor.end
    if at != size:
        raise TensorFileError(
            f"data of {at - data_start} bytes announced, the file has {size - data_start}: {'cut off' if at > size else 'bytes left over'}"
        )
    return Header(tensors, metadata)


def _tensor(name: str, entry: Any, data_start: int) -> Tensor:
    label = repr(name[:80])
    if not isinstance(entry, dict):
        raise TensorFileError(f"tensor {label} has no description")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise TensorFileError(f"tensor {label} has the unknown type {str(dtype)[:40]!r}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise TensorFileError(f"tensor {label} has a shape or offsets that are no sizes")
    count = 1
    for side in shape:
        count *= side
        if count > 1 << 48:
            raise TensorFileError(f"tensor {label} has an impossible shape")
    if offsets[1] - offsets[0] != count * DTYPE_BYTES[dtype]:
        raise TensorFileError(
            f"tensor {label} has {offsets[1] - offsets[0]} bytes, its shape needs {count * DTYPE_BYTES[dtype]}"
        )
    return Tensor(dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) <= 16 and all(type(v) is int and 0 <= v < 1 << 62 for v in value)
