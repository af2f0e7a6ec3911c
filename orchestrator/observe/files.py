"""Network files and sample pictures of a run: which step they are from, and whether the files are sound."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from orchestrator.core.lost_pages import lost_end_problem
from orchestrator.core.number_text import whole_number
from orchestrator.core.observation import Checkpoint, Sample
from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.observe.tensors import is_up, scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PICKLES: Final = (".ckpt", ".pt", ".pth", ".bin")
"""Files that run code when they are opened. Never opened."""
SCAN_BUDGET_BYTES: Final = 1024**3
"""The numbers of files are read up to this many bytes in all, of the others only the header. About 0.3 s for 100 MiB."""
_STEP = re.compile(r"^(?P<name>.+)-step(?P<step>\d{8,12})$|^at-step(?P<bare>\d{8,12})$")
_EPOCH = re.compile(r"^(?P<name>.+)-(?P<epoch>\d{6})$")
_SAMPLE = re.compile(
    r"^(?:(?P<name>.+)_)?(?:e(?P<epoch>\d{6,9})|(?P<step>\d{6,12}))_(?P<index>\d{2,6})_(?P<time>\d{14})(?:_(?P<seed>\d{1,20}))?"
    r"\.(?:png|jpg|jpeg|webp)$"
)


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of a network file says."""

    series: str
    """`output_name` of the run."""
    step: int | None
    epoch: int | None
    is_final: bool


def read_name(stem: str, output_name: str | None = None) -> FileName:
    """Return what `stem` (file name without its ending) says; `output_name`, where known, settles names ending in digits."""
    if stem == output_name:
        return FileName(stem, None, None, is_final=True)
    match = _STEP.match(stem)
    if match is not None:
        return FileName(match["name"] or "at", int(match["step"] or match["bare"]), None, is_final=False)
    match = _EPOCH.match(stem)
    if match is not None:
        return FileName(match["name"], None, int(match["epoch"]), is_final=False)
    return FileName(stem, None, None, is_final=True)


def read_checkpoint(path: Path, *, deep: bool, name: str | None = None) -> Checkpoint:
    """Return what the network file at `path` holds; `name` is the path to report (else the bare name).

    `deep` reads all numbers, otherwise only the header. Nothing is raised: a file that cannot be read has `problem`.
    Step and epoch come from the file name first, then from `ss_steps` and `ss_epoch`; the epoch in the metadata of a step
    file counts from 0 in the trainer and is not used.
    """
    found = read_name(path.stem)
    size = 0
    try:
        size = path.stat().st_size
        result = Checkpoint(name or path.name, found.step, found.epoch, found.is_final, size, is_readable=False)
        if path.suffix.lower() in PICKLES:
            return replace(result, problem="not opened: a pickle runs code when it is opened")
        header = read_header(path)
        found = read_name(path.stem, header.metadata.get("ss_output_name"))
        result = _with_metadata(replace(result, is_final=found.is_final), found, header.metadata)
        result = replace(
            result, is_readable=True, key_count=len(header.tensors), up_count=sum(map(is_up, header.tensors))
        )
        if not deep:
            return result
        lost = lost_end_problem(path, header)
        if lost is not None:
            return replace(result, is_readable=False, problem=lost.en)
        numbers = scan(path, header)
    except (OSError, TensorFileError, ValueError) as error:
        problem = (
            str(error)
            if isinstance(error, TensorFileError)
            else f"cannot be read ({getattr(error, 'strerror', None) or error})"
        )
        return Checkpoint(
            name or path.name, found.step, found.epoch, found.is_final, size, is_readable=False, problem=problem
        )
    return replace(
        result,
        is_scanned=True,
        nonfinite_count=numbers.nonfinite_count,
        up_count=numbers.up_count,
        zero_up_count=numbers.zero_up_count,
        norms=numbers.norms,
        groups=numbers.groups,
    )


def _with_metadata(checkpoint: Checkpoint, found: FileName, metadata: Mapping[str, str]) -> Checkpoint:
    step = found.step if found.step is not None else whole_number(metadata.get("ss_steps"))
    epoch = found.epoch
    if epoch is None and found.step is None:
        epoch = whole_number(metadata.get("ss_epoch"))
    return replace(checkpoint, step=step, epoch=epoch, metadata=metadata)


def read_checkpoints(paths: Iterable[Path], names: Mapping[Path, str]) -> tuple[Checkpoint, ...]:
    """Return the network files in order of training: by step, then epoch, the final one last.

    The numbers of all files are read as long as they stay within `SCAN_BUDGET_BYTES`: the last one always, then the first, then the
    middle of the widest gap and so on, so that growth over the run is seen where not all can be read.
    """
    light = [(path, read_checkpoint(path, deep=False, name=names.get(path))) for path in paths]
    light.sort(key=lambda pair: _order(pair[1]))
    budget = SCAN_BUDGET_BYTES
    result = [checkpoint for _, checkpoint in light]
    readable = [index for index, checkpoint in enumerate(result) if checkpoint.is_readable]
    for place in _spread_order(len(readable)):
        index = readable[place]
        size = result[index].size_bytes
        if size <= budget or place == len(readable) - 1:
            budget -= size
            result[index] = read_checkpoint(light[index][0], deep=True, name=names.get(light[index][0]))
    return tuple(result)


def _spread_order(count: int) -> list[int]:
    """Return 0 ... count - 1 in the order last, first, then always the middle of the widest gap."""
    order = [count - 1, 0][: min(count, 2)]
    gaps = [(1 - count, 0, count - 1)]
    while len(order) < count:
        _, low, high = heappop(gaps)
        middle = (low + high) // 2
        order.append(middle)
        heappush(gaps, (low - middle, low, middle))
        heappush(gaps, (middle - high, middle, high))
    return order


def _order(checkpoint: Checkpoint) -> tuple[bool, float, float, str]:
    far = float("inf")
    step = far if checkpoint.step is None else checkpoint.step
    epoch = far if checkpoint.epoch is None else checkpoint.epoch
    return checkpoint.is_final, step, epoch, checkpoint.path


def read_sample(path: Path, name: str) -> Sample | None:
    """Return what the name of a sample picture says, or None when it is none. Epoch 0 is before training."""
    match = _SAMPLE.match(path.name)
    if match is None:
        return None
    epoch = None if match["epoch"] is None else int(match["epoch"])
    step = int(match["step"]) if match["step"] is not None else (0 if epoch == 0 else None)
    seed = None if match["seed"] is None else int(match["seed"])
    return Sample(name, step, epoch, int(match["index"]), seed)


def place_samples(
    samples: Iterable[Sample], steps_per_epoch: int | None, total_steps: int | None, prompts: Sequence[str]
) -> tuple[Sample, ...]:
    """Return the samples with steps for those named by epoch and with their prompts, in order of step and prompt."""
    placed = []
    for sample in samples:
        step = sample.step
        if step is None and sample.epoch is not None and steps_per_epoch:
            step = sample.epoch * steps_per_epoch
            step = min(step, total_steps) if total_steps else step
        prompt = prompts[sample.prompt_index] if sample.prompt_index < len(prompts) else ""
        placed.append(replace(sample, step=step, prompt=sample.prompt or prompt))
    far = float("inf")
    placed.sort(
        key=lambda s: (far if s.step is None else s.step, far if s.epoch is None else s.epoch, s.prompt_index, s.path)
    )
    return tuple(placed)
