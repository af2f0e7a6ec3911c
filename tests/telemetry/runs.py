"""Runs of the toy trainer with and without a recording."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from orchestrator.telemetry.hooks import Hooks
from orchestrator.telemetry.recorder import Guard, Recorder
from orchestrator.telemetry.settings import Settings
from tests.telemetry import toy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace


@dataclass
class Run:
    losses: list[float]
    weights: torch.Tensor
    next_random: tuple[float, float]
    lines: list[dict[str, Any]]
    args: SimpleNamespace

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["k"] == kind]


def read(folder: Path) -> list[dict[str, Any]]:
    path = folder / "rank0.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def trainer_class() -> type[toy.NetworkTrainer]:
    """A class of its own, so that wrapping one does not touch the next test's."""
    return type("NetworkTrainer", (toy.NetworkTrainer,), {})


def train(
    folder: Path | None,
    mode: str = "probe",
    *,
    kind: type[toy.NetworkTrainer] | None = None,
    change: Callable[[Hooks], None] | None = None,
    every: int | None = None,
    trigger: str | None = None,
    entry: str = "toy",
    **changes: Any,
) -> Run:
    """A run; without a folder nothing is recorded."""
    torch.set_num_threads(1)  # tiny tensors: threads only wait for each other
    kind = kind or trainer_class()
    recorder = None
    if folder is not None:
        recorder = Recorder(Settings(mode, folder, probe_every_steps=every, trigger=trigger), 0, 1, entry)
        hooks = Hooks(recorder, Guard(recorder), entry)
        hooks.install(kind)
        if change is not None:
            change(hooks)
    trainer, args = kind(), toy.arguments(**changes)
    try:
        trainer.train(args)
    finally:
        if recorder is not None and folder is not None and (folder.is_dir() or not folder.exists()):
            recorder.close("finished")
    after = (torch.rand(1).item(), random.random())
    return Run(trainer.losses, trainer.final, after, read(folder) if folder is not None else [], args)
