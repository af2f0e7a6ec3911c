"""The end of a network file that a power cut took: it reads as zeros, while the size and the header are right.

A system writes a file page by page; what it had not written when the power went is zero afterwards, and the length may be the full
one all the same. Many zeros are honest, though: `lora_up` begins at zero and stays so in a module that is not trained, a rank may
be padded with zeros. Those begin where a tensor or a row of it does. Lost ones begin where a page does, in the middle of a row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from orchestrator.core.safetensors_header import DTYPE_BYTES
from orchestrator.core.tensor_numbers import BLOCK_BYTES
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from orchestrator.core.safetensors_header import Header, Tensor

PAGE_BYTES: Final = 4096
FEWEST_NUMBERS: Final = 128
"""Fewer zeros at the end are no sign: where half of the numbers are too small for fp16, 69 came in a row (docs/log.md)."""
MOST_ZEROS_BEFORE: Final = 8
"""Numbers before the page that may be zero by themselves, too small for their type."""


def lost_end_problem(path: Path, header: Header) -> Text | None:
    """Return what is wrong where the last pages of the network file at `path` are lost; None where they are not.

    Reads backwards, no further than to the last number that is not zero. Told is a loss of 128 numbers and more, of tensors of any
    kind; not one that begins exactly where a row does, nor one in the middle of the file.
    Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        zeros_from = _last_byte(file, size) + 1
    tensor = next((t for t in header.tensors.values() if t.start < zeros_from <= t.end), None)
    if tensor is None:
        return None
    number = DTYPE_BYTES[tensor.dtype]
    zeros_from = tensor.start + math.ceil((zeros_from - tensor.start) / number) * number
    page = math.ceil(zeros_from / PAGE_BYTES) * PAGE_BYTES
    if page - zeros_from > MOST_ZEROS_BEFORE * number or size - page < FEWEST_NUMBERS * number:
        return None
    if any(_begins_row(tensor, at) for at in range(zeros_from, min(page, tensor.end) + 1, number)):
        return None
    return Text(
        f"its last {size - page} bytes are zeros from the beginning of a page on, as after a power cut",
        f"最后 {size - page} 字节从某一页的开头起全为零，如同断电后未写完",
    )


def _last_byte(file: BinaryIO, size: int) -> int:
    """Return where the last byte that is not zero stands; -1: there is none."""
    end = size
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        if rest:
            return start + len(rest) - 1
        end = start
    return -1


def _begins_row(tensor: Tensor, at: int) -> bool:
    """Whether a row of `tensor` (a tensor of one dimension is one) begins at the offset `at` of the file, or the tensor ends there."""
    row = math.prod(tensor.shape[1:] or tensor.shape) * DTYPE_BYTES[tensor.dtype]
    return (at - tensor.start) % row == 0
