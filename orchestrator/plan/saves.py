"""When a run saves, and how large each save is: for the need of disk space, and for looking at the disk before the next save."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.plan.checkpoints import count_files
from orchestrator.plan.optimizer_state import optimizer_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.plan.model import Plan, StepPlan
    from orchestrator.plan.network_size import NetworkSize, Tensor

METADATA_BYTES: Final = 4096
"""`ss_*` and `modelspec.*` of a network file without its captions' tags: 3.2-3.7 kB in files of sd-scripts."""
STATE_FILES: Final = 7
"""The folder, its five files and their sums."""
_STATE_FIXED_BYTES: Final = 18_000
"""`random_states_0.pkl`, `scheduler.bin` and `train_state.json`. Of several processes the trainer lets the first one alone save."""
_PRECISION_BYTES: Final = {"float": 4, "fp16": 2, "bf16": 2}
_PRUNING: Final = ("save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state", "save_last_n_steps_state")
_ENTRY: Final = '"{}":{{"dtype":"F32","shape":{},"data_offsets":[{},{}]}},'


@dataclass(frozen=True, slots=True)
class Saves:
    """All saves of a run and what each file takes. Nothing is listed: a run may save after each of a billion steps."""

    steps: StepPlan
    every_epochs: int
    """Epochs from one save to the next; 0: no epoch ends with one."""
    every_steps: int
    """Optimizer steps from one save to the next; 0: none."""
    has_states: bool
    """Each save is one of a state too."""
    has_last_state: bool
    network_bytes: int
    state_bytes: int
    networks_left: int
    """Network files that are there in the end."""
    states_left: int
    is_pruned: bool
    """The trainer removes older ones itself: one more of each lies there for a moment."""

    def next_after(self, step: int) -> tuple[int, int] | None:
        """Return (step, bytes) of the next save after `step` optimizer steps; None when all are done."""
        last = self.steps.total_steps
        if step >= last:
            return None
        saved_at = [at for at in (self._next_epoch_end(step), self._next_step(step)) if at is not None]
        at = min([*saved_at, last])
        count = saved_at.count(at)
        states = count * self.has_states + (at == last and self.has_last_state)
        return at, (count + (at == last)) * self.network_bytes + states * self.state_bytes

    def networks_after(self, step: int) -> int:
        """Return how many network files are written after `step` optimizer steps."""
        return self._counted_after(step) + (step < self.steps.total_steps)

    def states_after(self, step: int) -> int:
        """Return how many states are written after `step` optimizer steps."""
        is_last_to_come = step < self.steps.total_steps and self.has_last_state
        return self._counted_after(step) * self.has_states + is_last_to_come

    def _counted_after(self, step: int) -> int:
        """Saves at epoch ends and at steps; the last file of all is not among them."""
        count = 0
        if self.every_epochs:
            done = step // (self.every_epochs * self.steps.steps_per_epoch)
            count += max(0, (self.steps.epochs - 1) // self.every_epochs - done)
        if self.every_steps:
            count += max(0, self.steps.total_steps // self.every_steps - step // self.every_steps)
        return count

    def _next_epoch_end(self, step: int) -> int | None:
        if not self.every_epochs:
            return None
        epoch = (step // (self.every_epochs * self.steps.steps_per_epoch) + 1) * self.every_epochs
        return epoch * self.steps.steps_per_epoch if epoch < self.steps.epochs else None

    def _next_step(self, step: int) -> int | None:
        if not self.every_steps:
            return None
        at = (step // self.every_steps + 1) * self.every_steps
        return at if at <= self.steps.total_steps else None


def saves_of(plan: Plan, size: NetworkSize) -> Saves:
    """Return when the run saves and how much, at the upper end of what `size` allows; 0 bytes where that has no end."""
    every_epochs = _number(plan, "save_every_n_epochs") or 0
    ratio = _number(plan, "save_n_epoch_ratio")
    if ratio and ratio > 0:  # the trainer lets it win
        every_epochs = plan.steps.epochs // ratio or 1
    has_states = plan.option("save_state") is True
    has_last_state = has_states or plan.option("save_state_on_train_end") is True
    is_bounded = math.isfinite(size.high)
    return Saves(
        plan.steps,
        max(0, every_epochs),
        max(0, _number(plan, "save_every_n_steps") or 0),
        has_states,
        has_last_state,
        math.ceil(network_file_bytes(plan, size) * size.high) if is_bounded else 0,
        math.ceil(state_bytes(plan, size) * size.high) if is_bounded else 0,
        networks_left=count_files(lambda name: _number(plan, name), plan.steps),
        states_left=_states_left(plan, has_states=has_states, has_last_state=has_last_state),
        is_pruned=any(_number(plan, name) for name in _PRUNING),
    )


def network_file_bytes(plan: Plan, size: NetworkSize) -> int:
    """Return the size of one network file in the precision it is saved in."""
    precision = plan.option("save_precision")
    each = _PRECISION_BYTES.get(str(precision), _value_bytes(plan))
    return tensor_file_bytes(size.tensors, each, METADATA_BYTES)


def state_bytes(plan: Plan, size: NetworkSize) -> int:
    """Return the size of one state folder: the network as it is trained, the optimizer, and what is small."""
    each = _value_bytes(plan)
    optimizer = str(plan.option("optimizer_type") or "")
    args = plan.option("optimizer_args")
    kept = optimizer_bytes(size.tensors, optimizer, args if isinstance(args, (list, tuple)) else (), value_bytes=each)
    return tensor_file_bytes(size.tensors, each, 30) + kept + _STATE_FIXED_BYTES


def tensor_file_bytes(tensors: Iterable[Tensor], value_bytes: int, metadata_bytes: int) -> int:
    """Return the size of a safetensors file: length, table, numbers."""
    table, offset = metadata_bytes, 0
    for tensor in tensors:
        end = offset + tensor.values * value_bytes
        table += len(_ENTRY.format(tensor.name, str(list(tensor.shape)).replace(" ", ""), offset, end))
        offset = end
    return 8 + math.ceil(table / 8) * 8 + offset


def _states_left(plan: Plan, *, has_states: bool, has_last_state: bool) -> int:
    def option(name: str) -> float | None:
        own = _number(plan, f"{name}_state") if name.startswith("save_last_n_") else None
        return own or _number(plan, name)

    return count_files(option, plan.steps) if has_states else int(has_last_state)


def _value_bytes(plan: Plan) -> int:
    """Bytes of one number of the network while it is trained."""
    return 2 if plan.option("full_fp16") is True or plan.option("full_bf16") is True else 4


def _number(plan: Plan, name: str) -> int | None:
    """Return the value of one of the trainer's whole-number options; None for anything else, which the compiler refuses."""
    value = plan.option(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
