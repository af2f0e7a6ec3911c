"""Pages of a network file that a power cut took: they read as zeros, while the size and the header are right.

A system writes a file page by page, in an order of its own. What it had not written when the power went is zero afterwards, and
the length may be the full one all the same. Many zeros are honest, though: `lora_up` begins at zero and stays so in a module that
is not trained. What is never honest is a page of zeros over `lora_down`, which begins at random, or over a `lora_up` that has
numbers elsewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from orchestrator.core.safetensors_header import DTYPE_BYTES
from orchestrator.core.tensor_numbers import BLOCK_BYTES, read_tensor
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from orchestrator.core.safetensors_header import Header, Tensor

    Run = tuple[int, int]

UP: Final = re.compile(r"\.(?:lora_up|lora\.up|lora_B(?:\.\w+)?|lora_linear_layer\.up)\.weight$")
"""Names of matrices that begin at zero."""
DOWN: Final = re.compile(r"\.(?:lora_down|lora\.down|lora_A(?:\.\w+)?|lora_linear_layer\.down)\.weight$")
"""Names of matrices that begin at random."""
PAGE_BYTES: Final = 4096
FEWEST_NUMBERS: Final = 128
"""Fewer zeros in a row are no sign: where half of the numbers are too small for fp16, 69 came in a row (docs/log.md)."""
FEWEST_ELSEWHERE: Final = 0.1
"""Share of numbers other than zero in the rest of a `lora_up`. Below it the numbers are too small for their type, and pages of zeros honest."""


def lost_pages_problem(path: Path, header: Header) -> Text | None:
    """Return what is wrong where pages of the network file at `path` are lost; None where none are.

    Only matrices of LoRA modules are judged, by their names, and not one that began a page with fewer than 128 numbers in it.
    Raises OSError when the file cannot be read, ValueError when it ends before its tensors do.
    """
    with path.open("rb") as file:
        lost = _lost(file, header.tensors)
    if not lost:
        return None
    return Text(
        f"{len(lost)} of its tensors hold whole pages of zeros where numbers should be, as after a power cut",
        f"有 {len(lost)} 个张量中本应有数值的整页全为零，如同断电后未写完",
    )


def _lost(file: BinaryIO, tensors: Mapping[str, Tensor]) -> set[str]:
    """Return the names of the matrices that a run of zero pages took numbers of."""
    runs = _zero_runs(file)
    if not runs:
        return set()
    named = sorted((t.start, name) for name, t in tensors.items() if UP.search(name) or DOWN.search(name))
    starts = [start for start, _ in named]
    zeros: dict[str, int] = {}
    for start, end in runs:
        for _, name in named[max(bisect_right(starts, start) - 1, 0) : bisect_right(starts, end - 1)]:
            tensor = tensors[name]
            count = (min(end, tensor.end) - max(start, tensor.start)) // DTYPE_BYTES[tensor.dtype]
            if count >= FEWEST_NUMBERS:
                zeros[name] = zeros.get(name, 0) + count
    return {name for name, count in zeros.items() if DOWN.search(name) or _has_numbers(file, tensors[name], count)}


def _zero_runs(file: BinaryIO) -> list[Run]:
    """Return (start, end) in bytes of each run of pages that hold nothing but zeros; the last page may be a short one."""
    import numpy as np

    runs: list[Run] = []
    file.seek(0)
    at = 0
    while block := file.read(BLOCK_BYTES):
        padded = np.frombuffer(block + bytes(-len(block) % PAGE_BYTES), np.uint64).reshape(-1, PAGE_BYTES // 8)
        likely = np.flatnonzero(padded[:, 0] == 0)  # one look at each page tells of nearly all
        for page in likely[~padded[likely].any(axis=1)].tolist():
            start = at + page * PAGE_BYTES
            end = min(start + PAGE_BYTES, at + len(block))
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
        at += len(block)
    return runs


def _has_numbers(file: BinaryIO, tensor: Tensor, zeros: int) -> bool:
    """Return whether the numbers of a matrix beside `zeros` lost ones are as a rule not zero."""
    import numpy as np

    numbers = read_tensor(file, tensor)
    rest = numbers.size - zeros
    return rest > 0 and int(np.count_nonzero(numbers)) >= FEWEST_ELSEWHERE * rest
