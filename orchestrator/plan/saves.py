"""When a run saves, and how large each save is: for the need of disk space, and for looking at the disk before the next save."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.plan.checkpoints import count_files
from orchestrator.plan.optimizer_state import optimizer_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.plan.model import Plan
    from orchestrator.plan.network_size import NetworkSize, Tensor

METADATA_BYTES: Final = 4096
"""`ss_*` and `modelspec.*` of a network file without its captions' tags: 3.2-3.7 kB in files of sd-scripts."""
STATE_FILES: Final = 6
"""The folder and its five files."""
_STATE_FIXED_BYTES: Final = 18_000
"""`random_states_0.pkl`, `scheduler.bin` and `train_state.json`."""
_RANK_BYTES: Final = 16_000
_PRECISION_BYTES: Final = {"float": 4, "fp16": 2, "bf16": 2}
_ENTRY: Final = '"{}":{{"dtype":"F32","shape":{},"data_offsets":[{},{}]}},'


@dataclass(frozen=True, slots=True)
class Save:
    """What is written after one optimizer step."""

    step: int
    networks: int
    states: int

    def size(self, network_bytes: int, state_bytes: int) -> int:
        """Return the bytes it takes."""
        return self.networks * network_bytes + self.states * state_bytes


@dataclass(frozen=True, slots=True)
class Saves:
    """All saves of a run, in order of their steps, and what each file takes."""

    saves: tuple[Save, ...]
    network_bytes: int
    state_bytes: int
    networks_left: int
    """Network files that are there in the end."""
    states_left: int
    is_pruned: bool
    """The trainer removes older ones itself: one more of each lies there for a moment."""

    def next_after(self, step: int) -> tuple[int, int] | None:
        """Return (step, bytes) of the next save after `step` optimizer steps; None when all are done."""
        found = next((save for save in self.saves if save.step > step), None)
        return None if found is None else (found.step, found.size(self.network_bytes, self.state_bytes))


def saves_of(plan: Plan, size: NetworkSize) -> Saves:
    """Return when the run saves and how much, at the upper end of what `size` allows; 0 bytes where that has no end."""
    steps, kinds = plan.steps, _kinds(plan)
    epoch_steps = {
        epoch * steps.steps_per_epoch
        for epoch in range(kinds.every_epochs, steps.epochs, kinds.every_epochs)
    } if kinds.every_epochs else set()  # fmt: skip
    step_steps = set(range(kinds.every_steps, steps.total_steps + 1, kinds.every_steps)) if kinds.every_steps else set()
    last = steps.total_steps
    saves = []
    for step in sorted(epoch_steps | step_steps | {last}):
        count = (step in epoch_steps) + (step in step_steps)
        states = count * kinds.has_states + (step == last and kinds.has_last_state)
        saves.append(Save(step, count + (step == last), states))
    is_bounded = math.isfinite(size.high)
    pruning = ("save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state", "save_last_n_steps_state")
    return Saves(
        tuple(saves),
        math.ceil(network_file_bytes(plan, size) * size.high) if is_bounded else 0,
        math.ceil(state_bytes(plan, size) * size.high) if is_bounded else 0,
        networks_left=count_files(lambda name: _number(plan, name), steps),
        states_left=_states_left(plan, kinds),
        is_pruned=any(_number(plan, name) for name in pruning),
    )


def network_file_bytes(plan: Plan, size: NetworkSize) -> int:
    """Return the size of one network file in the precision it is saved in."""
    precision = _value(plan, "save_precision")
    each = _PRECISION_BYTES.get(str(precision), _value_bytes(plan))
    return tensor_file_bytes(size.tensors, each, METADATA_BYTES)


def state_bytes(plan: Plan, size: NetworkSize) -> int:
    """Return the size of one state folder: the network as it is trained, the optimizer, and what is small."""
    each = _value_bytes(plan)
    optimizer = str(_value(plan, "optimizer_type") or "")
    args = _value(plan, "optimizer_args")
    kept = optimizer_bytes(size.tensors, optimizer, args if isinstance(args, (list, tuple)) else (), value_bytes=each)
    small = _STATE_FIXED_BYTES + _RANK_BYTES * (plan.num_processes - 1)
    return tensor_file_bytes(size.tensors, each, 30) + kept + small


def tensor_file_bytes(tensors: Iterable[Tensor], value_bytes: int, metadata_bytes: int) -> int:
    """Return the size of a safetensors file: length, table, numbers."""
    table, offset = metadata_bytes, 0
    for tensor in tensors:
        end = offset + tensor.values * value_bytes
        table += len(_ENTRY.format(tensor.name, str(list(tensor.shape)).replace(" ", ""), offset, end))
        offset = end
    return 8 + math.ceil(table / 8) * 8 + offset


@dataclass(frozen=True, slots=True)
class _Kinds:
    every_epochs: int
    every_steps: int
    has_states: bool
    has_last_state: bool


def _kinds(plan: Plan) -> _Kinds:
    every_epochs = int(_number(plan, "save_every_n_epochs") or 0)
    ratio = _number(plan, "save_n_epoch_ratio")
    if ratio and ratio > 0:  # the trainer lets it win
        every_epochs = math.floor(plan.steps.epochs / ratio) or 1
    has_states = _value(plan, "save_state") is True
    return _Kinds(
        max(0, every_epochs),
        max(0, int(_number(plan, "save_every_n_steps") or 0)),
        has_states,
        has_states or _value(plan, "save_state_on_train_end") is True,
    )


def _states_left(plan: Plan, kinds: _Kinds) -> int:
    def option(name: str) -> float | None:
        own = _number(plan, f"{name}_state") if name.startswith("save_last_n_") else None
        return own or _number(plan, name)

    return count_files(option, plan.steps) if kinds.has_states else int(kinds.has_last_state)


def _value_bytes(plan: Plan) -> int:
    """Bytes of one number of the network while it is trained."""
    return 2 if _value(plan, "full_fp16") is True or _value(plan, "full_bf16") is True else 4


def _value(plan: Plan, name: str) -> Any:
    resolved = plan.train.get(name)
    return None if resolved is None else resolved.value


def _number(plan: Plan, name: str) -> float | None:
    value = _value(plan, name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
