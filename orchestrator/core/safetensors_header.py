"""The header of a safetensors file, checked before a single number is read.

The file may come from anywhere: lengths, offsets and shapes are compared with the file's size first, and nothing of the
size a header claims is allocated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TypeGuard

MAX_HEADER_BYTES: Final = 32 * 1024 * 1024
"""A network of 10,000 tensors needs about 1 MB, a thumbnail in the metadata up to some 20."""
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


_FOREIGN: Final = (b"PK\x03\x04", *(bytes((0x80, protocol)) for protocol in range(2, 6)))
"""How zip archives, which torch writes, and pickles begin. A header of 640 or 896 bytes begins so too: its length fits the file."""


class TensorFileError(Exception):
    """The file is no whole safetensors file; `text` says why in a few words, the message is its English."""

    def __init__(self, en: str, zh: str, *, may_be_sound: bool = False) -> None:
        self.text = Text(en, zh)
        self.may_be_sound = may_be_sound
        """It is only more than this tool reads."""
        super().__init__(en)


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
        length = _header_length(first, size)
        text = file.read(length)
    if len(text) < length:
        raise TensorFileError("cut off inside the header", "文件头不完整")
    return check_header(_parse(text), 8 + length, size)


def _header_length(first: bytes, size: int) -> int:
    """Return how long the header of a file of `size` bytes is, from its first eight bytes."""
    if not first:
        raise TensorFileError("empty file", "空文件")
    length = int.from_bytes(first, "little")
    if first.startswith(_FOREIGN) and (len(first) < 8 or length > size - 8):
        raise TensorFileError("a pickle or zip archive under another name", "其实是改了名字的 pickle 或 zip 文件")
    if first.lstrip().startswith(b"<") and b"\0" not in first:  # as a length it would be beyond any file
        raise TensorFileError(
            "a web page, no safetensors file: the download failed", "这是网页，不是 safetensors 文件：下载失败"
        )
    if first.startswith(b"version "):
        raise TensorFileError(
            "a Git LFS pointer, not the model itself: the download was not finished",
            "这只是 Git LFS 指针，不是模型本身：下载没有完成",
        )
    if len(first) < 8:
        raise TensorFileError(f"only {len(first)} bytes long", f"只有 {len(first)} 字节")
    if length > size - 8:
        raise TensorFileError(
            f"header of {length} bytes announced, the file has {size}: cut off or no safetensors file",
            f"声明的文件头有 {length} 字节，而文件只有 {size} 字节：不完整，或不是 safetensors 文件",
        )
    if length > MAX_HEADER_BYTES:
        raise TensorFileError(
            f"header of {length} bytes: more than this tool reads ({MAX_HEADER_BYTES})",
            f"文件头有 {length} 字节：超过本工具读取的上限（{MAX_HEADER_BYTES}）",
            may_be_sound=True,
        )
    return length


def _parse(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise TensorFileError("header is not UTF-8", "文件头不是 UTF-8") from error
    except RecursionError as error:
        raise TensorFileError("header is nested too deeply", "文件头嵌套过深") from error
    except ValueError as error:
        raise TensorFileError(f"header is not JSON ({error})"[:200], f"文件头不是 JSON（{error}）"[:200]) from error
    if not isinstance(body, dict):
        raise TensorFileError("header is no JSON object", "文件头不是 JSON 对象")
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise TensorFileError("a name stands twice in the header", "文件头中有重复的名称")
    return result


def _no_constant(name: str) -> None:
    raise TensorFileError(f"{name} in the header", f"文件头中有 {name}")


def check_header(body: Mapping[str, Any], data_start: int, size: int) -> Header:
    """Return the header when its tensors fill the `size - data_start` bytes of data without gap or overlap.

    Raises TensorFileError otherwise.
    """
    metadata = body.get("__metadata__")
    metadata = {} if metadata is None else metadata  # the library takes null for none
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise TensorFileError("metadata holds something that is no text", "元数据中有非文本内容")
    tensors = {name: _tensor(name, entry, data_start) for name, entry in body.items() if name != "__metadata__"}
    if not tensors:
        raise TensorFileError("holds no tensors", "不含任何张量")
    at = data_start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start != at:
            is_overlap = tensor.start < at
            raise TensorFileError(
                f"tensor {name[:80]!r} {'overlaps another one' if is_overlap else 'leaves a gap before it'}",
                f"张量 {name[:80]!r} {'与另一个重叠' if is_overlap else '之前有空隙'}",
            )
        at = tensor.end
    if at != size:
        raise TensorFileError(
            f"data of {at - data_start} bytes announced, the file has {size - data_start}: {'cut off' if at > size else 'bytes left over'}",
            f"声明的数据有 {at - data_start} 字节，而文件有 {size - data_start} 字节：{'不完整' if at > size else '有多余字节'}",
        )
    return Header(tensors, metadata)


def _tensor(name: str, entry: Any, data_start: int) -> Tensor:
    label = repr(name[:80])
    if not isinstance(entry, dict):
        raise TensorFileError(f"tensor {label} has no description", f"张量 {label} 没有描述")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise TensorFileError(
            f"tensor {label} has the type {str(dtype)[:40]!r}, which this tool does not know: the file may be sound",
            f"张量 {label} 的类型为 {str(dtype)[:40]!r}，本工具不认识：文件本身可能完好",
            may_be_sound=True,
        )
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise TensorFileError(
            f"tensor {label} has a shape or offsets that are no sizes", f"张量 {label} 的形状或偏移量无效"
        )
    count = 1
    for side in shape:
        count *= side
        if count > 1 << 48:
            raise TensorFileError(f"tensor {label} has an impossible shape", f"张量 {label} 的形状不可能存在")
    if offsets[1] - offsets[0] != count * DTYPE_BYTES[dtype]:
        raise TensorFileError(
            f"tensor {label} has {offsets[1] - offsets[0]} bytes, its shape needs {count * DTYPE_BYTES[dtype]}",
            f"张量 {label} 有 {offsets[1] - offsets[0]} 字节，其形状需要 {count * DTYPE_BYTES[dtype]} 字节",
        )
    return Tensor(dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) <= 16 and all(type(v) is int and 0 <= v < 1 << 62 for v in value)
