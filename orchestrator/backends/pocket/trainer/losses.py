"""The loss of one batch, and sd-scripts' running mean of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def _timesteps(args: argparse.Namespace, count: int) -> torch.Tensor:
    """Random within `min_timestep` and `max_timestep`; both the same fix it, as the validation does."""
    low = args.min_timestep or 0
    high = NUM_TIMESTEPS if args.max_timestep is None else args.max_timestep
    return torch.randint(low, high, (count,)) if low < high else torch.full((count,), high)


def _snr(noise_scheduler: Any, timesteps: torch.Tensor) -> torch.Tensor:
    """Signal-to-noise ratio at each timestep, (batch,)."""
    kept = noise_scheduler.alphas_cumprod[timesteps]
    ratio: torch.Tensor = kept / (1 - kept)
    return ratio


def nan_free(latents: torch.Tensor) -> torch.Tensor:
    """Latents with zeros instead of NaN, which is announced."""
    if torch.isnan(latents).any():
        announce("NaN found in latents, replacing with zeros")
        return torch.nan_to_num(latents, 0.0)
    return latents


def embedded(model: PocketModel, batch: Batch, *, has_gradient: bool) -> torch.Tensor:
    """Text states of the captions, (batch, tokens, width)."""
    with torch.set_grad_enabled(has_gradient):
        return model.embed(batch["captions"])


def predict_noise(
    args: argparse.Namespace,
    noise_scheduler: Any,
    latents: torch.Tensor,
    states: torch.Tensor,
    unet: Any,
    *,
    is_train: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Add noise to scaled latents and predict it: prediction, noise (as the latents) and timesteps (batch,)."""
    noise = torch.randn_like(latents)
    if args.noise_offset:
        noise = noise + args.noise_offset * torch.randn((latents.shape[0], latents.shape[1], 1, 1))
    timesteps = _timesteps(args, latents.shape[0])
    noisy = noise_scheduler.add_noise(latents, noise, timesteps)
    with torch.set_grad_enabled(is_train):
        predicted = unet(noisy, timesteps, states, return_dict=False)[0]
    return predicted, noise, timesteps


def weighted_loss(
    args: argparse.Namespace,
    noise_scheduler: Any,
    predicted: torch.Tensor,
    target: torch.Tensor,
    timesteps: torch.Tensor,
    loss_weights: torch.Tensor,
) -> torch.Tensor:
    """Mean weighted error of a batch, a scalar."""
    measure = functional.l1_loss if args.loss_type == "l1" else functional.mse_loss
    loss = measure(predicted, target, reduction="none").mean(dim=(1, 2, 3)) * loss_weights
    if args.min_snr_gamma:
        snr = _snr(noise_scheduler, timesteps)
        loss = loss * snr.clamp(max=args.min_snr_gamma) / snr
    if args.debiased_estimation_loss:
        loss = loss / _snr(noise_scheduler, timesteps).clamp(max=1000).sqrt()
    return loss.mean()
