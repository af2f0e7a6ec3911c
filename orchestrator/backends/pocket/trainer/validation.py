"""Validation at fixed timesteps and fixed noise, with sd-scripts' bars and averages."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from tqdm.auto import tqdm

from orchestrator.backends.pocket.trainer.losses import NUM_TIMESTEPS, LossRecorder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from torch.utils.data import DataLoader

    from orchestrator.backends.pocket.trainer.dataset import Batch
    from orchestrator.backends.pocket.trainer.model import PocketModel

NUM_VALIDATION_TIMESTEPS = 4


def validation_timesteps(args: argparse.Namespace) -> list[int]:
    """Four timesteps spread over the range: 200, 400, 600, 800 by default."""
    low = args.min_timestep or 0
    high = NUM_TIMESTEPS if args.max_timestep is None else args.max_timestep
    parts = NUM_VALIDATION_TIMESTEPS + 1
    return [low + (high - low) * part // parts for part in range(1, parts)]


class Validator:
    """Measures the validation loss; keeps one recorder for steps and one for epochs, as sd-scripts does."""

    def __init__(self, args: argparse.Namespace, model: PocketModel, loader: DataLoader[Batch] | None) -> None:
        self.args = args
        self.model = model
        self.loader = loader
        self.recorders = {"step": LossRecorder(), "epoch": LossRecorder()}
        self.batches = 0 if loader is None else len(loader)
        if args.max_validation_steps is not None:
            self.batches = min(self.batches, args.max_validation_steps)

    def is_due_at_step(self, step: int) -> bool:
        """Whether `validate_every_n_steps` asks for a validation now."""
        every = self.args.validate_every_n_steps
        return self.batches > 0 and every is not None and step % every == 0

    def is_due_at_epoch(self, epoch: int) -> bool:
        """Whether the end of this epoch (from 1) is validated; without a setting every epoch is."""
        every = self.args.validate_every_n_epochs
        return self.batches > 0 and (every is None or epoch % every == 0)

    @torch.no_grad()
    def measure(self, kind: str, epoch: int, loss_of: Callable[[Batch], torch.Tensor]) -> float:
        """Run a validation and return the average as sd-scripts shows it; `epoch` counts from 0.

        `loss_of` gives the loss of one batch at the timestep that `min_timestep` and `max_timestep` then fix. The random states are put back afterwards, so validation does not change the training.
        """
        assert self.loader is not None  # noqa: S101  only called when due
        states = torch.get_rng_state(), random.getstate()
        seed = self.args.seed if self.args.validation_seed is None else self.args.validation_seed
        torch.manual_seed(seed)
        random.seed(seed)
        parts = (self.model.unet, self.model.text_encoder)
        was_training = [part.training for part in parts]
        for part in parts:
            part.eval()
        average = self._run(kind, epoch, loss_of)
        for part, flag in zip(parts, was_training, strict=True):
            part.train(flag)
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        return average

    def _run(self, kind: str, epoch: int, loss_of: Callable[[Batch], torch.Tensor]) -> float:
        assert self.loader is not None  # noqa: S101  only called when due
        timesteps = validation_timesteps(self.args)
        recorder = self.recorders[kind]
        words, name = ("epoch validation steps", "val_epoch_avg_loss") if kind == "epoch" else (
            "validation steps", "val_avg_loss")  # fmt: skip
        bar = tqdm(range(self.batches * len(timesteps)), smoothing=0, desc=words)
        limits = self.args.min_timestep, self.args.max_timestep
        position = 0
        for number, batch in enumerate(self.loader):
            if number >= self.batches:
                break
            for timestep in timesteps:
                self.args.min_timestep = self.args.max_timestep = timestep
                recorder.add(epoch=epoch, step=position, loss=loss_of(batch).item())
                bar.update(1)
                bar.set_postfix({name: recorder.moving_average, "timestep": timestep})
                position += 1
        self.args.min_timestep, self.args.max_timestep = limits
        bar.close()
        return recorder.moving_average
