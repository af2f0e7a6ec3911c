"""From noise-free curves to losses as a recorder would see them: timesteps, pictures, noise, shaking weights, shocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.simulate_constants import (
    BASE_LOG_LOSS,
    BASE_NODES,
    GAIN_SHAPE,
    MEMORY_SHAPE,
    RISE_SHAPE,
    SHAPE_NODES,
    SIGMA,
    SIGMA_NODES,
)
from benchmark.simulate_world import SIGMA_MEAN

if TYPE_CHECKING:
    from benchmark.simulate_story import Curves, Story
    from benchmark.simulate_world import World

KERNEL = 6
"""Memory times after which a shake is forgotten."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A run's own pictures and shaking, drawn once. Pictures: training ones first, then held-out ones."""

    effects: np.ndarray
    """(pictures,): log loss of each against the mean."""
    answers: np.ndarray
    """(pictures,): how much of the mean change each shows; mean 1 over the probe's pictures of either half."""
    copies: np.ndarray
    """bool (pictures,)"""
    buckets: np.ndarray
    """(pictures,)"""
    probe_train: tuple[int, ...]
    probe_held_out: tuple[int, ...]
    shake_train: np.ndarray
    """(steps + 1,)"""
    shake_held_out: np.ndarray
    lost: np.ndarray
    """(steps + 1,): 0 sound ... 1 predicts nothing."""


def base_log_loss(world: World, timesteps: np.ndarray) -> np.ndarray:
    """Return the base model's log loss at timesteps 0 ... 1000, same shape."""
    tilt = world.tilt * (timesteps / 500 - 1)
    if world.objective == "flow":
        bowl = world.bowl * ((timesteps / 500 - 1) ** 2 - 1 / 3)
        return np.asarray(np.log(0.4) + 0.5 * world.level + tilt + bowl)
    known = np.interp(timesteps, BASE_NODES, BASE_LOG_LOSS)
    # Near pure signal noise is hard to predict for anybody: an unknown subject adds little there.
    return np.asarray(known + (world.level + tilt) * (1 - np.exp(known)))


def sigma(world: World, timesteps: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the log loss given the timestep, pictures and noise together in a set as in public runs."""
    return np.asarray(world.sigma_scale * np.interp(timesteps, SIGMA_NODES, SIGMA))


def noise_scale(world: World, timesteps: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the log loss given picture and timestep."""
    return world.noise_part * sigma(world, timesteps)


def picture_effect(world: World, scene: Scene, timesteps: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Return the log loss of pictures against the mean: larger where all noise is larger."""
    return np.asarray(scene.effects[pictures] * sigma(world, timesteps) / (world.sigma_scale * SIGMA_MEAN))


def make_scene(story: Story, curves: Curves, rng: np.random.Generator) -> Scene:
    """Draw the pictures and the shaking."""
    world = story.world
    total = world.pictures + world.held_out
    buckets = rng.integers(world.buckets, size=total)
    copies = np.zeros(total, dtype=bool)
    copies[: round(story.duplicates * world.pictures)] = story.duplicates > 0
    effects = _effects(story, rng, copies, buckets)
    eligible = np.flatnonzero(~copies[: world.pictures])
    train = tuple(sorted(int(i) for i in rng.permutation(eligible)[: world.probe_pictures]))
    held = tuple(range(world.pictures, min(total, world.pictures + world.probe_pictures)))
    answers = rng.uniform(0.7, 1.3, total)
    for part in (train, held):
        if part:
            answers[list(part)] /= answers[list(part)].mean()
    weight = world.shake * np.concatenate(([0.0], curves.lr)) * np.minimum(1, np.arange(world.steps + 1) / 20)
    common, own, other = (_wandering(rng, world.steps + 1, world.shake_steps) for _ in range(3))
    share = world.shared_shake
    return Scene(
        effects=effects,
        answers=answers,
        copies=copies,
        buckets=buckets,
        probe_train=train,
        probe_held_out=held,
        shake_train=weight * (np.sqrt(share) * common + np.sqrt(1 - share) * own),
        shake_held_out=weight * (np.sqrt(share) * common + np.sqrt(1 - share) * other),
        lost=_lost(story, rng),
    )


def _effects(story: Story, rng: np.random.Generator, copies: np.ndarray, buckets: np.ndarray) -> np.ndarray:
    world = story.world
    effects = world.picture_spread * rng.standard_normal(len(copies))
    if story.gap:
        share = rng.uniform(0.3, 0.7)
        second = rng.permutation(np.arange(len(copies)) < round(share * len(copies)))
        effects += story.gap * second
    if story.bucket_gap and world.buckets > 1:
        effects += story.bucket_gap * rng.permutation(np.linspace(-1, 1, world.buckets))[buckets]
    effects -= effects.mean()
    if copies.any():
        effects[copies] = effects[copies][0] + 0.01 * rng.standard_normal(int(copies.sum()))
    if story.outlier:
        effects[int(rng.integers(world.pictures))] += story.outlier
    return np.asarray(effects)


def _wandering(rng: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """Return AR(1) noise with unit variance that forgets within `memory` steps, (count,)."""
    keep = np.exp(-1 / memory)
    kernel = keep ** np.arange(int(KERNEL * memory) + 1)
    noise = rng.standard_normal(count + len(kernel) - 1)
    return np.asarray(np.convolve(noise, kernel / np.sqrt((kernel**2).sum()), mode="valid"))


def _lost(story: Story, rng: np.random.Generator) -> np.ndarray:
    at = np.arange(story.world.steps + 1)
    if story.collapse_from is None:
        return np.zeros(len(at))
    start = round(story.collapse_from * story.world.steps)
    return np.clip((at - start) / rng.integers(3, 20), 0, 1)


def change(
    story: Story, curves: Curves, scene: Scene, steps: np.ndarray, timesteps: np.ndarray, pictures: np.ndarray
) -> np.ndarray:
    """Return the log loss against the base model, noise-free but for shaking; the three arrays broadcast."""
    world = story.world
    gain = story.gain * curves.gain[steps] * np.interp(timesteps, SHAPE_NODES, GAIN_SHAPE)
    extra = np.where(scene.copies[pictures], story.duplicate_memory, 0.0)
    by_heart = (story.memory + extra) * np.interp(timesteps, SHAPE_NODES, MEMORY_SHAPE)
    lost = story.memory * story.exchange * np.interp(timesteps, SHAPE_NODES, RISE_SHAPE)
    is_held = pictures >= world.pictures
    train = gain + by_heart * curves.memory[steps]
    held = story.carry * gain + lost * curves.rise[steps]
    damage = np.where(is_held, story.damage_held_out, story.damage_train) * curves.damage[steps]
    shake = np.where(is_held, scene.shake_held_out[steps], scene.shake_train[steps])
    return np.asarray(scene.answers[pictures] * np.where(is_held, held, train) + damage + curves.bump[steps] + shake)


def finish(
    story: Story, scene: Scene, rng: np.random.Generator, log_loss: np.ndarray, target: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """Return losses from log losses: destroyed models predict nothing, lost ones are not numbers. `steps` broadcasts."""
    lost = np.broadcast_to(scene.lost[steps], log_loss.shape)
    nothing = np.log(target) + 0.02 + 0.03 * rng.standard_normal(log_loss.shape)
    loss = np.exp((1 - lost) * log_loss + lost * nothing)
    if story.nan_from is not None:
        start = max(1, round(story.nan_from * story.world.steps))
        loss = np.where(np.broadcast_to(steps, loss.shape) >= start, np.nan, loss)
    return np.asarray(loss)


def targets(world: World, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return mean squared targets: noise has 1; a flow's target, noise minus picture, near 1.9."""
    level = 1.0 if world.objective == "epsilon" else 1.9
    return np.asarray(level * (1 + 0.02 * rng.standard_normal(shape)))


def step_noise(story: Story, rng: np.random.Generator) -> np.ndarray:
    """Return standardised noise of each picture shown, (steps, batch): autocorrelated from step to step, tails as drawn."""
    world = story.world
    shape = (world.steps + 2, world.batch)
    white = rng.standard_normal(shape)
    if world.inverse_df > 0.002:
        df = 1 / world.inverse_df
        white *= np.sqrt((df - 2) / rng.chisquare(df, shape))
    rho = world.rho
    noise = white[2:] + rho * white[1:-1] + rho**2 * white[:-2]
    return np.asarray(noise / np.sqrt(1 + rho**2 + rho**4))


def spike_steps(story: Story, rng: np.random.Generator) -> np.ndarray:
    """Return the shocks' height at each step, (steps,), in standard deviations of a step's noise; gone within 8 steps."""
    height = np.zeros(story.world.steps)
    for start in rng.uniform(0.08, 0.94, story.spikes):
        first, length = int(start * story.world.steps), int(rng.integers(1, 6))
        tail = np.linspace(1, 0.3, length)
        part = height[first : first + length]
        part[:] = np.maximum(part, story.spike_size * tail[: len(part)])
    return height
