"""The loss of one batch, and sd-scripts' running mean of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from orchestrator.backends.pocket.trainer.logs import announce

if TYPE_CHECKING:
    import argparse

    from orchestrator.backends.pocket.trainer.dataset import Batch
    from orchestrator.backends.pocket.trainer.model import PocketModel

NUM_TIMESTEPS = 1000


class LossRecorder:
    """Mean over the last epoch: one entry per batch of the epoch, overwritten in the next one.

    The running total is kept as sd-scripts keeps it, so one NaN stays in the mean for ever.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.total = 0.0

    def add(self, *, epoch: int, step: int, loss: float) -> None:
        """Record a loss; `epoch` counts from 0, `step` is the batch within the epoch."""
        if epoch == 0:
            self.losses.append(loss)
        else:
            while len(self.losses) <= step:
                self.losses.append(0.0)
            self.total -= self.losses[step]
            self.losses[step] = loss
        self.total += loss

    @property
    def moving_average(self) -> float:
        """The mean; 0 before the first entry."""
        return self.total / len(self.losses) if self.losses else 0.0


def _timesteps(args: argparse.Namespace, count: int, fixed: int | None) -> torch.Tensor:
    low = args.min_timestep or 0
    high = NUM_TIMESTEPS if args.max_timestep is None else args.max_timestep
    if fixed is not None or low >= high:
        return torch.full((count,), high if fixed is None else fixed)
    return torch.randint(low, high, (count,))


def _snr(model: PocketModel, timesteps: torch.Tensor) -> torch.Tensor:
    """Signal-to-noise ratio at each timestep, (batch,)."""
    kept = model.noise_scheduler.alphas_cumprod[timesteps]
    ratio: torch.Tensor = kept / (1 - kept)
    return ratio


def batch_loss(
    args: argparse.Namespace, model: PocketModel, batch: Batch, *, trains_text: bool, timestep: int | None = None
) -> torch.Tensor:
    """Mean weighted noise-prediction error of a batch, a scalar; `timestep` fixes the timestep of all pictures."""
    latents = batch.latents
    if latents is None:
        assert batch.images is not None  # noqa: S101  a batch holds one or the other
        latents = model.encode(batch.images)
        if torch.isnan(latents).any():
            announce("NaN found in latents, replacing with zeros")
            latents = torch.nan_to_num(latents, 0.0)
    latents = latents * model.vae.config.scaling_factor
    with torch.set_grad_enabled(trains_text and torch.is_grad_enabled()):
        states = model.embed(batch.captions)
    noise = torch.randn_like(latents)
    if args.noise_offset:
        noise = noise + args.noise_offset * torch.randn((latents.shape[0], latents.shape[1], 1, 1))
    timesteps = _timesteps(args, latents.shape[0], timestep)
    noisy = model.noise_scheduler.add_noise(latents, noise, timesteps)
    predicted = model.unet(noisy, timesteps, states, return_dict=False)[0]
    measure = functional.l1_loss if args.loss_type == "l1" else functional.mse_loss
    loss = measure(predicted, noise, reduction="none").mean(dim=(1, 2, 3)) * batch.loss_weights
    if args.min_snr_gamma:
        snr = _snr(model, timesteps)
        loss = loss * snr.clamp(max=args.min_snr_gamma) / snr
    if args.debiased_estimation_loss:
        loss = loss / _snr(model, timesteps).clamp(max=1000).sqrt()
    return loss.mean()
