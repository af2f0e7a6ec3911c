"""Pages of a network file that a power cut took: they read as zeros, while the size and the header are right.

A system writes a file page by page, in an order of its own. What it had not written when the power went is zero afterwards, and
the length may be the full one all the same. Many zeros are honest, though: `lora_up` begins at zero and stays so in a module that
is not trained. What is never honest is a page of zeros over `lora_down`, which begins at random, or zeros in a `lora_up` that begin
or end among its numbers exactly where a page does.
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
FEWEST_BESIDE: Final = 0.1
"""Share of numbers other than zero among the 128 before and after lost ones of a `lora_up`. Below it they are too small for their type, or
rows that are not trained, which seldom begin with a page."""


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
    lost = set()
    for start, end in runs:
        for _, name in named[max(bisect_right(starts, start) - 1, 0) : bisect_right(starts, end - 1)]:
            tensor = tensors[name]
            size = DTYPE_BYTES[tensor.dtype]
            first, last = ((min(max(at, tensor.start), tensor.end) - tensor.start) // size for at in (start, end))
            if last - first >= FEWEST_NUMBERS and (DOWN.search(name) or _is_torn_out(file, tensor, first, last)):
                lost.add(name)
    return lost


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


def _is_torn_out(file: BinaryIO, tensor: Tensor, first: int, last: int) -> bool:
    """Return whether the zeros from `first` to before `last` of a matrix lie among numbers."""
    import numpy as np

    numbers = read_tensor(file, tensor).reshape(-1)
    beside = [
        side for side in (numbers[max(first - FEWEST_NUMBERS, 0) : first], numbers[last:][:FEWEST_NUMBERS]) if side.size
    ]
    return bool(beside) and all(np.count_nonzero(side) >= FEWEST_BESIDE * side.size for side in beside)
