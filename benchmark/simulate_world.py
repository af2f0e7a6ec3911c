"""What a run is apart from what happens to it: length, data, model, optimizer, noise. Drawn widely, each range with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.simulate_constants import SIGMA

if TYPE_CHECKING:
    from collections.abc import Sequence


SIGMA_MEAN = sum(SIGMA) / len(SIGMA)


@dataclass(frozen=True, slots=True)
class Draw:
    """Seeded choices in the words in which ranges are written."""

    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        """Return a number, all equally likely."""
        return float(self.rng.uniform(low, high))

    def scale(self, low: float, high: float) -> float:
        """Return a positive number, all orders of magnitude equally likely."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def whole(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """Return True in this share of draws."""
        return bool(self.rng.random() < share)

    def pick(self, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""
        return choices[int(self.rng.integers(len(choices)))]


@dataclass(frozen=True, slots=True)
class World:
    """A run before anything is said about how it goes."""

    objective: str
    """`epsilon` or `flow`."""
    family: str
    steps: int
    batch: int
    pictures: int
    """Training pictures."""
    held_out: int
    repeats: int
    schedule: str
    """The trainer's name of it; `cosine-early` reaches zero before the end."""
    warmup: float
    """Share of the steps."""
    lr: float
    adaptive: bool
    """Prodigy: the lr is 1 and the optimizer finds the step size."""
    te_share: float
    """Text encoder's lr against the U-Net's; 0: not trained."""
    dim: int
    alpha: float
    probes: int
    probe_pictures: int
    level: float
    """Base model's log loss on these pictures against that on its own domain."""
    tilt: float
    """The same, more of it at high timesteps (positive) or low ones."""
    bowl: float
    """Flow only: how much higher both ends of the schedule are than its middle, in log loss."""
    sigma_scale: float
    """All noise given the timestep, against SIGMA."""
    logit_normal: bool
    """Flow only: timesteps are drawn from a logistic-normal distribution, else evenly."""
    picture_part: float
    """Standard deviation between pictures as a part of sigma."""
    noise_part: float
    """Standard deviation between noise draws as a part of sigma."""
    buckets: int
    rho: float
    """Autocorrelation of the noise from step to step."""
    inverse_df: float
    """1 / degrees of freedom of the noise (Student); 0: Gaussian."""
    shake: float
    """Weights moving to and fro at the peak lr, as the standard deviation of the log loss it causes: the probe's jitter."""
    shake_steps: float
    """Steps over which that is remembered."""
    shared_shake: float
    """Share of it (as a correlation) that training and held-out pictures have in common."""
    clip_level: float
    """Median gradient norm / max_grad_norm."""
    has_grad_norm: bool
    growth: float
    """Exponent of the weights' norm over the sum of learning rates."""
    norm: float
    """The norm at the end, root mean square of the update."""
    te_norm: float
    """Text encoder's norm / U-Net's."""

    @property
    def picture_spread(self) -> float:
        """Standard deviation between pictures in log loss, mean over timesteps."""
        return self.sigma_scale * self.picture_part * SIGMA_MEAN


def draw_world(draw: Draw) -> World:
    """Return one run.

    Ranges, with their reasons. steps 150-4000, batch 1-8, 8-60 pictures: tutorials say 1,200-2,000 steps and 10-60
    pictures; at least six exposures per picture, as a trend needs three. Held-out pictures: from 12 pictures on, 2 to
    8, in six runs of ten: smaller sets are not split. Base level -0.1 to 0.5: a subject that the base does not know
    has a higher loss than its own domain. sigma x 0.8-1.3: other latent sizes average over more or fewer values; a
    toy model measured x 1.3. Flow: not calibrated, there are no public logs with timesteps; a bowl of 0-0.8 and sigma
    as for noise prediction. Sigma holds pictures and noise: means over the 20 steps that show each picture once have
    0.21-0.34 of the variance of white noise, so parts of 0.88 and 0.48; alike pictures differ less, hence 0.4-1.0 and
    0.3-0.65. Repeats 1, or so many that 5-20 epochs result: both habits exist. rho -0.10 to 0.06 and 1 / df 0-0.04:
    measured -0.07 to 0.00 and near-Gaussian tails, widened. Shake 0.02-0.35 %: measured 0.002-0.5 % in public runs
    that ended better than they began. It is remembered for 3-15 steps: evaluations 25 steps apart are independent of
    each other at high lr. 8-24 probes: eight is what any run gets. Growth exponent 0.5-1.0: measured 0.78.
    """
    is_flow = draw.chance(0.3)
    batch = draw.pick((1, 1, 1, 2, 2, 3, 4, 4, 6, 8))
    pictures = round(draw.scale(8, 60))
    steps = round(draw.scale(max(150, 6 * pictures / batch), 4000))
    held_out = min(max(2, pictures // 10), 8) if pictures >= 12 and draw.chance(0.6) else 0
    epochs = draw.between(5, 20)
    adaptive = draw.chance(0.15)
    dim = draw.pick((4, 8, 16, 32, 64, 128))
    trains_te = not is_flow and draw.chance(0.5)
    return World(
        objective="flow" if is_flow else "epsilon",
        family=draw.pick(("flux", "sd3")) if is_flow else draw.pick(("sd15", "sdxl")),
        steps=steps,
        batch=batch,
        pictures=pictures - held_out,
        held_out=held_out,
        repeats=1 if draw.chance(0.3) else max(1, round(steps * batch / ((pictures - held_out) * epochs))),
        schedule=draw.pick(("constant", "constant_with_warmup", "cosine", "cosine", "linear")),
        warmup=draw.between(0.0, 0.08),
        lr=1.0 if adaptive else draw.scale(5e-5, 3e-4),
        adaptive=adaptive,
        te_share=0.0 if not trains_te else (1.0 if adaptive else draw.between(0.1, 0.5)),
        dim=dim,
        alpha=dim * draw.pick((0.5, 1.0)),
        probes=draw.whole(8, 24),
        probe_pictures=4,
        level=draw.between(-0.1, 0.5),
        tilt=draw.between(-0.2, 0.2),
        bowl=draw.between(0.0, 0.8),
        sigma_scale=draw.between(0.8, 1.3),
        logit_normal=draw.chance(0.6),
        picture_part=draw.between(0.4, 1.0),
        noise_part=draw.between(0.3, 0.65),
        buckets=draw.whole(1, 4),
        rho=draw.between(-0.10, 0.06),
        inverse_df=draw.between(0.0, 0.04),
        shake=draw.scale(0.0002, 0.0035),
        shake_steps=draw.between(3, 15),
        shared_shake=draw.between(0.6, 1.0),
        clip_level=draw.scale(0.02, 0.7),
        has_grad_norm=draw.chance(0.9),
        growth=draw.between(0.5, 1.0),
        norm=draw.scale(0.0005, 0.02),
        te_norm=draw.scale(0.05, 0.6),
    )


def with_hold_out(world: World, count: int) -> World:
    """Return the same run with this many held-out pictures, taken from, or given back to, the training pictures."""
    return replace(world, pictures=world.pictures + world.held_out - count, held_out=count)


def at_least(world: World, *, steps: int = 0, pictures: int = 0, exposures: float = 0.0) -> World:
    """Return the same run with no fewer steps, pictures or exposures per picture than these."""
    pictures = max(pictures, world.pictures)
    steps = max(steps, world.steps, round(exposures * pictures / world.batch))
    return replace(world, pictures=pictures, steps=steps)


def lr_factors(world: World, restarts: Sequence[float] = (), dead_share: float = 0.0) -> np.ndarray:
    """Return lr / peak lr at each step, (steps,), by the trainer's schedules.

    `restarts`: shares of the run at which a cosine starts again. `dead_share`: share of the run at its end with next to no lr.
    """
    total = world.steps
    at = (np.arange(total) + 0.5) / total
    warm = 0.0 if world.schedule == "constant" else world.warmup
    rest = np.clip((at - warm) / max(1e-9, 1 - warm - dead_share), 0, 1)
    if restarts:
        edges = np.array([warm, *restarts, 1.0])
        part = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
        rest = np.clip((at - edges[part]) / (edges[part + 1] - edges[part]), 0, 1)
    if world.schedule.startswith("constant"):
        factor = np.where(rest < 1, 1.0, 0.0) if dead_share else np.ones(total)
    elif world.schedule == "linear":
        factor = 1 - rest
    else:
        factor = 0.5 + 0.5 * np.cos(np.pi * rest)
    return np.asarray(np.where(at < warm, at / max(warm, 1e-9), factor))
