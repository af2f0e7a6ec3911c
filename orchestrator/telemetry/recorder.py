"""Collects what the hooks see and writes it in blocks.

Nothing is fetched from the accelerator while a step runs: small detached tensors wait, and one transfer brings a block
of steps. A block is at most `BLOCK_STEPS` steps long, so memory does not grow with the run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .lines import LineFile, one_line, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from .settings import Settings

BLOCK_STEPS = 25
BLOCK_SECONDS = 0.5
"""Twice a second: a reader that watches for a collapse has 20 steps, and two windows of six are gone before it is sure."""
ESSENTIAL = ("process_batch", "get_noise_pred_and_target", "sample_images")
"""Hooks without which steps have no beginning, no content or no end."""


@dataclass(slots=True)
class MicroStep:
    """The samples of one forward pass in training."""

    values: torch.Tensor
    """float32 (3, B), wherever the trainer computes: timestep 0..1000, mean squared error, mean squared target."""
    pictures: list[int]
    captions: list[str]
    """Hashes of the captions used; empty where all are the declared ones or none is known."""


@dataclass(slots=True)
class Step:
    """One optimizer step under way or done."""

    micro_steps: list[MicroStep] = field(default_factory=list)
    grad_norm: torch.Tensor | float | None = None
    max_norm: float | None = None
    lrs: list[float] | None = None
    ds: list[Any] | None = None
    number: int = 0


class Recorder:
    """Writes the file of this process. Every public method may raise; `Guard` is what protects the trainer."""

    def __init__(self, settings: Settings, rank: int, world: int, entry: str) -> None:
        self.settings = settings
        self.rank = rank
        self.head: dict[str, Any] = {
            "k": "head",
            "v": 1,
            "entry": entry,
            "rank": rank,
            "world": world,
            "mode": settings.mode,
            "started": round(time.time(), 3),
            "objective": None,
            "hooks": {},
        }
        self.steps_done = 0
        self.log_seconds = 0.0
        self.probe_seconds = 0.0
        self._file: LineFile | None = None
        self._is_closed = False
        self.is_stopped = False
        self._now = Step()
        self._waiting: list[Step] = []
        self._lines: list[dict[str, Any]] = []
        self._flushed_at = time.monotonic()

    def line(self, content: dict[str, Any]) -> None:
        """Put a line behind everything recorded so far."""
        if self.is_stopped:
            return
        self._drain()
        self._lines.append(content)

    def note(self, what: str, text: str) -> None:
        """Put a note for the user behind everything recorded so far."""
        self.line({"k": "note", "what": what, "text": one_line(text)})

    def samples(self, micro_step: MicroStep) -> None:
        """Add the samples of a forward pass to the step under way."""
        if self.is_stopped:
            return
        self._now.micro_steps.append(micro_step)

    def gradient(self, norm: torch.Tensor | float | None, max_norm: float | None) -> None:
        """Total gradient norm before clipping to `max_norm`."""
        self._now.grad_norm, self._now.max_norm = norm, max_norm

    def rates(self, lrs: list[float]) -> None:
        """Learning rate per group as it is used in the step under way."""
        self._now.lrs = lrs

    def step_done(self, number: int, ds: list[Any] | None) -> None:
        """An optimizer step ended; `ds` is the step size per group that D-Adaptation or Prodigy used in it."""
        step, self._now = self._now, Step()
        if self.is_stopped:
            return
        step.number, step.ds = number, ds
        self._waiting.append(step)
        self.steps_done = number
        if len(self._waiting) >= BLOCK_STEPS or time.monotonic() - self._flushed_at >= BLOCK_SECONDS:
            self.flush()

    def stop(self) -> None:
        """Record nothing more and keep nothing; only the last line may still follow."""
        self.is_stopped = True
        self._now, self._waiting = Step(), []

    def flush(self) -> None:
        """Write everything there is; the first call writes the head before it."""
        self._drain()
        if self._is_closed:
            return
        if self._file is None:
            self._file = LineFile(self.settings.folder / f"rank{self.rank}.jsonl")
            self._lines.insert(0, self.head)
        lines, self._lines = self._lines, []
        self._file.write(lines)
        self._flushed_at = time.monotonic()

    def close(self, reason: str) -> None:
        """Write the rest and the last line, once."""
        if self._is_closed:
            return
        self.is_stopped = False
        self.line(
            {
                "k": "end",
                "n": self.steps_done,
                "reason": reason,
                "log_s": round(self.log_seconds, 3),
                "probe_s": round(self.probe_seconds, 3),
            }
        )
        self.flush()
        self._is_closed = True
        if self._file is not None:
            self._file.close()

    def _drain(self) -> None:
        """Fetch the waiting steps in one transfer per device and turn them into lines."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        values = _fetched([micro.values for step in waiting for micro in step.micro_steps])
        norms = _fetched([_as_tensor(step.grad_norm) for step in waiting if step.grad_norm is not None])
        micro_at = norm_at = 0
        for step in waiting:
            rows: list[list[float]] = [[], [], []]
            for _ in step.micro_steps:
                count = len(values[micro_at]) // 3
                for row in range(3):
                    rows[row] += values[micro_at][row * count : (row + 1) * count]
                micro_at += 1
            norm = None
            if step.grad_norm is not None:
                norm, norm_at = norms[norm_at][0], norm_at + 1
            self._lines.append(_step_line(step, rows, norm))


def _step_line(step: Step, rows: list[list[float]], norm: float | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "k": "s",
        "n": step.number,
        "t": [int(value) if value.is_integer() else rounded(value) for value in rows[0]],
        "l": [rounded(value) for value in rows[1]],
        "g": [rounded(value) for value in rows[2]],
        "i": [index for micro in step.micro_steps for index in micro.pictures],
    }
    if any(micro.captions for micro in step.micro_steps):
        line["c"] = [text for micro in step.micro_steps for text in micro.captions or [""] * len(micro.pictures)]
    line["gn"] = None if norm is None else rounded(norm)
    line["cl"] = None if norm is None or not step.max_norm else not norm <= step.max_norm
    line["lr"] = step.lrs or []
    if step.ds is not None:
        line["d"] = [rounded(float(value), 9) for value in step.ds]
    return line


def _as_tensor(norm: torch.Tensor | float | None) -> torch.Tensor:
    import torch

    return norm.detach().reshape(1).float() if isinstance(norm, torch.Tensor) else torch.tensor([float(norm or 0.0)])


def _fetched(tensors: list[torch.Tensor]) -> list[list[float]]:
    """The tensors' values, flattened, in order; one transfer per device."""
    import torch

    found: list[list[float]] = [[] for _ in tensors]
    places: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        places.setdefault(tensor.device, []).append(place)
    for indexes in places.values():
        values = torch.cat([tensors[index].reshape(-1).float() for index in indexes]).tolist()
        start = 0
        for index in indexes:
            end = start + tensors[index].numel()
            found[index] = values[start:end]
            start = end
    return found


class Guard:
    """Runs our code inside the trainer's: an error is noted once, turns that part off and goes no further."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.off: set[str] = set()

    def run(self, part: str, action: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the action returns, None where it failed or had been turned off."""
        if part in self.off:
            return None
        began, probed = time.perf_counter(), self.recorder.probe_seconds
        try:
            return action(*arguments)
        except Exception as error:  # noqa: BLE001  whatever it is, training goes on
            self.turn_off(part, error)
            return None
        finally:
            spent = time.perf_counter() - began
            self.recorder.log_seconds += spent - (self.recorder.probe_seconds - probed)

    def turn_off(self, part: str, error: Exception) -> None:
        """Note the error once; this part of the recording stays off, and all of it where nothing goes without it."""
        self.off.add(part)
        text = f"{part} is off after step {self.recorder.steps_done}: {type(error).__name__}: {error}"
        try:
            self.recorder.note("error", text)
            if part in ESSENTIAL:
                self.recorder.flush()
        except Exception:  # noqa: BLE001  nothing can be written
            self.recorder.stop()
        if part in ESSENTIAL:
            self.recorder.stop()
