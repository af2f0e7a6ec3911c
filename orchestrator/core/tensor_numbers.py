"""The numbers of one tensor in a safetensors file, numpy only: read it, or say whether all of it is finite."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np

    from orchestrator.core.safetensors_header import Tensor

BLOCK_BYTES: Final = 32 * 1024 * 1024
_PLAIN: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",
}


def read_tensor(file: BinaryIO, tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor as an array of its shape; 8-bit and bf16 floats as float32.

    Raises ValueError when the file ends inside it.
    """
    import numpy as np

    file.seek(tensor.start)
    data = file.read(tensor.end - tensor.start)
    return decode(np.frombuffer(data, dtype=np.uint8), tensor.dtype).reshape(tensor.shape)


def decode(data: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Return the numbers in `data` uint8 (bytes,) as an array (N,)."""
    import numpy as np

    if dtype == "BF16":
        return np.asarray((data.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32))
    if dtype in ("F8_E4M3", "F8_E5M2"):
        return np.asarray(_eight_bit_table(dtype)[data])
    return data.view(_PLAIN[dtype])


@lru_cache(maxsize=2)
def _eight_bit_table(dtype: str) -> np.ndarray[Any, Any]:
    """Return the value of each of the 256 bytes: float32 (256,). E4M3 has no infinities, E5M2 is half of a float16."""
    import numpy as np

    if dtype == "F8_E5M2":
        return (np.arange(256, dtype=np.uint16) << 8).view(np.float16).astype(np.float32)
    table = np.empty(256, dtype=np.float32)
    for byte in range(256):
        exponent, fraction = byte >> 3 & 15, byte & 7
        size = fraction / 8 * 2.0**-6 if exponent == 0 else (1 + fraction / 8) * 2.0 ** (exponent - 7)
        table[byte] = math.nan if byte & 127 == 127 else math.copysign(size, -1.0 if byte & 128 else 1.0)
    return table


def is_finite_and_moved(file: BinaryIO, tensor: Tensor) -> tuple[bool, bool]:
    """Return whether all numbers are finite and whether any is not zero, reading block by block."""
    import numpy as np

    file.seek(tensor.start)
    left = tensor.end - tensor.start
    is_finite, has_moved = True, False
    while left > 0:
        data = file.read(min(left, BLOCK_BYTES))
        if not data:
            raise ValueError("the file became shorter while it was read")
        left -= len(data)
        numbers = decode(np.frombuffer(data, dtype=np.uint8), tensor.dtype)
        has_moved = has_moved or bool(numbers.any())
        if numbers.dtype.kind == "f":
            is_finite = is_finite and bool(np.isfinite(numbers).all())
    return is_finite, has_moved
