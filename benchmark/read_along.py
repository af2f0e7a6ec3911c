"""A simulated run shown as the tool sees a run that goes on: the trainer's bar line by line, the recorder's file in its blocks.

What speaks is `Watching`, with nothing it would not have: `avr_loss` of three digits, averaged over up to one epoch; the recorder's lines
only when its block is written.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnose.watching import Watching

if TYPE_CHECKING:
    from benchmark.simulate import Simulated
    from orchestrator.core.observation import Observations
    from orchestrator.core.telemetry import Probe, Telemetry
    from orchestrator.core.text import Text

STEPS_PER_S = 4.0
"""Of an SD1.x at a small batch on one consumer card. Slower runs are told after fewer steps, faster ones after more, in the same time."""
BLOCK_STEPS, BLOCK_S = 25, 0.5
"""The recorder's own: it writes after so many steps or so much time, and after each probe."""


def told_while_running(run: Simulated, *, is_recorded: bool = True) -> int | None:
    """Return the step at which the user would have been told of trouble; None: never. `is_recorded`: False for the console alone."""
    seen = run.case.observations
    if seen is None or seen.telemetry is None:
        raise ValueError("a simulated run has losses and telemetry")
    told: list[Text] = []
    with tempfile.TemporaryDirectory() as folder:
        now = _Clock()
        watching = Watching(run.case, (), Path(folder), lambda _: None, told.append, now)
        writer = Recorder(Path(folder) / "rank0.jsonl", seen.telemetry) if is_recorded else None
        for line in announced(seen):
            watching.on_line(line)
        for step, line in bar(seen):
            now.seconds = step / STEPS_PER_S
            if writer is not None:
                writer.step_done(step, now.seconds)
            watching.on_line(line)
            watching.stop_reason()
            if told:
                return step
    return None


class _Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def announced(seen: Observations) -> list[str]:
    """Return what the trainer prints before its first step."""
    return [
        "running training / 学習開始",
        f"  num batches per epoch / 1epochのバッチ数: {seen.facts['batches_per_epoch']}",
        f"  total optimization steps / 学習ステップ数: {seen.facts['total_steps']}",
    ]


def bar(seen: Observations) -> list[tuple[int, str]]:
    """Return step and line of the bar: the mean since the start in the first epoch, later that of the last epoch's worth of steps."""
    losses, length, total = seen.series["loss/current"].values, int(seen.facts["batches_per_epoch"]), 0.0
    lines, count = [], len(losses)
    for step, loss in enumerate(losses, 1):
        total += loss - (losses[step - 1 - length] if step > length else 0.0)
        shown = total / min(step, length)
        head = f"steps: {100 * step // count:3d}%|##| {step}/{count} [00:10<00:20, {STEPS_PER_S:.2f}it/s"
        lines.append((step, f"{head}, avr_loss={shown:.3g}]"))
    return lines


class Recorder:
    """Writes what was recorded of a run as the recorder does while it goes on."""

    def __init__(self, path: Path, seen: Telemetry) -> None:
        self._path, self._written_at = path, 0.0
        self._lines: list[dict[str, Any]] = [{"k": "head", "v": 1, "mode": seen.mode, "rank": 0, "world": 1}]
        self._lines += [{"k": "pic", "i": p.index, "name": p.name, "held_out": p.is_held_out} for p in seen.pictures]
        self._waiting = 0
        self._rows = _rows_by_step(seen)
        self._probes: dict[int, list[Probe]] = {}
        for probe in seen.probes:
            self._probes.setdefault(probe.step, []).append(probe)
        self._probe_lines(0)

    def step_done(self, step: int, seconds: float) -> None:
        """Take one step; the file grows where the recorder's would."""
        self._lines.append(self._rows[step])
        self._waiting += 1
        is_probed = self._probe_lines(step)
        if is_probed or self._waiting >= BLOCK_STEPS or seconds - self._written_at >= BLOCK_S:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in self._lines))
            self._lines, self._waiting, self._written_at = [], 0, seconds

    def _probe_lines(self, step: int) -> bool:
        found = self._probes.get(step, [])
        self._lines += [
            {"k": "p", "n": p.step, "on": p.is_on, "when": p.when, "t": p.timesteps, "i": p.pictures, "l": p.losses, "g": p.targets}
            for p in found
        ]  # fmt: skip
        return bool(found)


def _rows_by_step(seen: Telemetry) -> dict[int, dict[str, Any]]:
    samples = seen.samples
    rows: dict[int, dict[str, Any]] = {}
    for step, *values in zip(
        samples.steps, samples.timesteps, samples.losses, samples.targets, samples.pictures, strict=True
    ):
        row = rows.setdefault(step, {"k": "s", "n": step, "t": [], "l": [], "g": [], "i": []})
        for name, value in zip("tlgi", values, strict=True):
            row[name].append(value)
    return rows
