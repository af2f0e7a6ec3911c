"""What happens in a run, and the noise-free curves it follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.simulate_world import World, lr_factors


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of a run. Changes are in log loss; shares are of the run."""

    world: World
    gain: float = 0.0
    """What the training pictures gain by learning what also holds for others."""
    carry: float = 0.6
    """Part of it that held-out pictures gain too."""
    rate: float = 5.0
    """How often the gain falls to 1 / e of what is left, over the run's sum of learning rates."""
    memory: float = 0.0
    """What the training pictures gain by being learned by heart; grows evenly, as in public runs."""
    exchange: float = 0.3
    """What held-out pictures lose for it."""
    power: float = 1.5
    """How late they lose it: a power of the sum of learning rates."""
    is_staircase: bool = False
    """Memory grows at the ends of epochs, not evenly."""
    damage_train: float = 0.0
    damage_held_out: float = 0.0
    damage_from: float = 0.0
    damage_rate: float = 0.0
    """0: damage grows evenly from `damage_from` on; else it levels out that fast."""
    bump: float = 0.0
    """Rise right after a restart of the schedule, which then heals."""
    restarts: tuple[float, ...] = ()
    dead_share: float = 0.0
    """Share of the run at its end in which the learning rate is next to nothing."""
    nan_from: float | None = None
    collapse_from: float | None = None
    weights: str = "sound"
    """Of the network files: `sound`, `zero` (none moved), `static` (nearly none moved), `nan`."""
    prodigy: str = "sound"
    """Only where the optimizer is adaptive: `sound`, `stuck`, `runaway`."""
    spikes: int = 0
    spike_size: float = 0.0
    """In standard deviations of a step's noise."""
    outlier: float = 0.0
    """One picture's loss above the others'."""
    gap: float = 0.0
    """Between two kinds of pictures."""
    duplicates: float = 0.0
    """Share of pictures that are copies of one."""
    duplicate_memory: float = 0.0
    """What copies gain beyond the others."""
    bucket_gap: float = 0.0
    """Between buckets."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Noise-free parts, each (steps + 1,) from step 0, in log loss against the base model, before their shape over timesteps."""

    progress: np.ndarray
    """Sum of learning rates so far / all of it."""
    lr: np.ndarray
    """Learning rate / peak, (steps,)."""
    gain: np.ndarray
    """0 to -1."""
    memory: np.ndarray
    """0 to -1, as the training pictures show it."""
    rise: np.ndarray
    """0 to 1: what memory costs held-out pictures."""
    bump: np.ndarray
    damage: np.ndarray
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The noise-free answer, in log loss against the base model, mean over timesteps."""

    train_end: float
    held_out_end: float | None
    held_out_low: float | None
    """Its lowest value."""
    held_out_low_at: float | None
    """Share of the run."""
    is_held_out_above: bool
    """Above the base in all but the first tenth of the run."""
    train_third: float
    """Share of the training pictures' gain that the last third brought."""
    train_quarter: float
    held_out_third: float | None
    held_out_quarter: float | None
    gained_early: float
    """Share of the training pictures' gain that was there after a tenth of the run."""


def curves_of(story: Story) -> Curves:
    """Return the parts the run is made of."""
    world = story.world
    lr = lr_factors(world, story.restarts, story.dead_share)
    progress = np.concatenate(([0.0], np.cumsum(lr) / lr.sum()))
    at = np.arange(world.steps + 1) / world.steps
    gone = np.clip((at - story.damage_from) / max(1e-9, 1 - story.damage_from), 0, 1)
    rate = story.damage_rate
    damage = gone if not rate else (1 - np.exp(-rate * gone)) / (1 - np.exp(-rate))
    return Curves(
        progress=progress,
        lr=lr,
        gain=-(1 - np.exp(-story.rate * progress)) / (1 - np.exp(-story.rate)),
        memory=-_stairs(story, progress) if story.is_staircase else -progress,
        rise=progress**story.power,
        bump=_bumps(story, at),
        damage=damage,
    )


def steps_per_epoch(world: World) -> int:
    """Return the optimizer steps of one pass over the pictures with their repeats."""
    return max(1, -(-world.pictures * world.repeats // world.batch))


def _stairs(story: Story, progress: np.ndarray) -> np.ndarray:
    """Return memory that a picture shows only when it comes again: the progress at the end of the epoch before."""
    every = steps_per_epoch(story.world)
    starts = np.arange(story.world.steps + 1) // every * every
    return np.asarray(0.85 * progress[starts] + 0.15 * progress)


def _bumps(story: Story, at: np.ndarray) -> np.ndarray:
    """Return what restarts cost: at once, gone after some 4 % of the run."""
    total = np.zeros_like(at)
    for restart in story.restarts:
        since = at - restart
        total += np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.04), 0.0)
    return story.bump * total


def train_curve(story: Story, curves: Curves) -> np.ndarray:
    """Return the mean log-loss change of training pictures, (steps + 1,)."""
    learned = story.gain * curves.gain + story.memory * curves.memory
    return np.asarray(learned + story.damage_train * curves.damage + curves.bump)


def held_out_curve(story: Story, curves: Curves) -> np.ndarray:
    """Return the mean log-loss change of held-out pictures, (steps + 1,)."""
    lost = story.memory * story.exchange * curves.rise
    return np.asarray(
        story.gain * story.carry * curves.gain + lost + story.damage_held_out * curves.damage + curves.bump
    )


def truth_of(story: Story, curves: Curves) -> Truth:
    """Return the answer that a perfect measurement would give."""
    train = train_curve(story, curves)
    held = held_out_curve(story, curves) if story.world.held_out else None
    low = None if held is None else int(np.argmin(held))
    return Truth(
        train_end=float(train[-1]),
        held_out_end=None if held is None else float(held[-1]),
        held_out_low=None if held is None else float(held.min()),
        held_out_low_at=None if low is None else low / story.world.steps,
        is_held_out_above=held is not None and bool((held[len(held) // 10 :] > 0.01).all()),
        train_third=_late_share(train, 2 / 3),
        train_quarter=_late_share(train, 3 / 4),
        held_out_third=None if held is None else _late_share(held, 2 / 3),
        held_out_quarter=None if held is None else _late_share(held, 3 / 4),
        gained_early=1 - _late_share(train, 0.1),
    )


def _late_share(curve: np.ndarray, after: float) -> float:
    """Return the share of the fall from the first to the last value that comes after this share of the run; 0 where nothing fell."""
    fall = curve[0] - curve[-1]
    return float((curve[int(after * (len(curve) - 1))] - curve[-1]) / fall) if fall > 1e-6 else 0.0
