"""A simulated run in the words of a recorded one: telemetry, series, files, settings."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.simulate_losses import (
    Scene,
    base_log_loss,
    change,
    finish,
    noise_scale,
    picture_effect,
    spike_steps,
    step_noise,
    targets,
)
from benchmark.simulate_story import Curves, Story, steps_per_epoch
from benchmark.simulate_world import SIGMA_MEAN
from orchestrator.core.observation import Checkpoint, Observations, Series
from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.diagnose.rule import Case

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBE_TIMESTEPS = (100.0, 300.0, 500.0, 700.0, 900.0)
VALIDATION_TIMESTEPS = (200.0, 400.0, 600.0, 800.0)
"""The trainer's own."""
SHAPES = ((512, 512), (448, 576), (576, 448), (384, 640), (640, 384))
MODULES = 204


def record(story: Story, curves: Curves, scene: Scene, rng: np.random.Generator) -> Case:
    """Return the case that rules are asked about."""
    samples, loss = _samples(story, curves, scene, rng)
    lrs, ds = _rates(story, curves, rng)
    telemetry = Telemetry(
        mode="probe",
        entry="flux_train_network" if story.world.family == "flux" else "train_network",
        objective=story.world.objective,
        pictures=_pictures(story, scene),
        samples=samples,
        steps=_steps(story, scene, rng, lrs, ds),
        probes=_probes(story, curves, scene, rng),
        is_complete=True,
    )
    named = {"loss/current": loss, **_rate_series(story, lrs, ds)}
    series = {name: _series(name, values) for name, values in named.items()}
    if story.world.held_out:
        series["loss/validation/epoch_average"] = _validation(story, curves, scene, rng)
    observations = Observations(
        series=series, facts=_facts(story), checkpoints=_checkpoints(story, curves, rng), telemetry=telemetry
    )
    return Case(observations=observations, settings=_settings(story), family=story.world.family)


def _doubles(values: np.ndarray) -> array[float]:
    out: array[float] = array("d")
    out.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return out


def _longs(values: np.ndarray) -> array[int]:
    out: array[int] = array("q")
    out.frombytes(np.ascontiguousarray(values, dtype=np.int64).tobytes())
    return out


def _series(name: str, values: np.ndarray) -> Series:
    return Series(name, _longs(np.arange(1, len(values) + 1)), _doubles(values))


def _shown(story: Story, rng: np.random.Generator) -> np.ndarray:
    """Return the picture of each place in each batch, (steps, batch): every epoch shows each picture `repeats` times, shuffled."""
    world = story.world
    once = np.repeat(np.arange(world.pictures), world.repeats)
    size = steps_per_epoch(world) * world.batch
    epochs = -(-world.steps * world.batch // size)
    order = [np.resize(rng.permutation(once), size) for _ in range(epochs)]
    return np.concatenate(order)[: world.steps * world.batch].reshape(world.steps, world.batch)


def _timesteps(story: Story, rng: np.random.Generator) -> np.ndarray:
    world = story.world
    shape = (world.steps, world.batch)
    if world.objective == "epsilon":
        return rng.integers(0, 1000, shape).astype(np.float64)
    if world.logit_normal:
        return np.asarray(1000 / (1 + np.exp(-rng.standard_normal(shape))))
    return rng.uniform(0, 1000, shape)


def _samples(story: Story, curves: Curves, scene: Scene, rng: np.random.Generator) -> tuple[SampleLosses, np.ndarray]:
    """Return every picture shown, and the mean loss per step, (steps,)."""
    world = story.world
    pictures, timesteps = _shown(story, rng), _timesteps(story, rng)
    # The first step is measured before the first update: the curve is that of the steps done.
    done = np.arange(world.steps)[:, None]
    scale = noise_scale(world, timesteps)
    log_loss = base_log_loss(world, timesteps) + picture_effect(world, scene, timesteps, pictures)
    log_loss += change(story, curves, scene, done, timesteps, pictures) + scale * step_noise(story, rng)
    a_step = SIGMA_MEAN * world.sigma_scale * np.hypot(world.picture_part, world.noise_part) / np.sqrt(world.batch)
    log_loss += (spike_steps(story, rng) * a_step)[:, None]
    target = targets(world, rng, log_loss.shape)
    losses = finish(story, scene, rng, log_loss, target, done + 1)
    steps = np.repeat(np.arange(1, world.steps + 1), world.batch)
    rows = SampleLosses(
        _longs(steps),
        _doubles(timesteps.ravel()),
        _doubles(losses.ravel()),
        _doubles(target.ravel()),
        _longs(pictures.ravel()),
    )
    return rows, losses.mean(axis=1)


def _fixed(
    story: Story,
    curves: Curves,
    scene: Scene,
    rng: np.random.Generator,
    at: np.ndarray,
    where: tuple[float, ...],
    who: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return losses (len(at), pictures, timesteps) with fixed noise, and targets (pictures, timesteps). `at`: steps done, 0: base."""
    world = story.world
    t, p = np.array(where)[None, None, :], np.array(who)[None, :, None]
    s = at[:, None, None]
    frozen = noise_scale(world, t) * rng.standard_normal((1, len(who), len(where)))
    log_loss = base_log_loss(world, t) + picture_effect(world, scene, t, p) + frozen
    shaken = world.shake * np.concatenate(([0.0], curves.lr))[s]
    own = 0.3 * shaken * rng.standard_normal((len(at), len(who), len(where)))
    log_loss = log_loss + np.where(s > 0, change(story, curves, scene, s, t, p) + own, 0.0)
    target = targets(world, rng, (1, len(who), len(where)))
    return finish(story, scene, rng, log_loss, target, s), target[0]


def _probes(story: Story, curves: Curves, scene: Scene, rng: np.random.Generator) -> tuple[Probe, ...]:
    """Return the base model at the start and the end, and the LoRA every so many steps and at the end."""
    world = story.world
    every = max(1, world.steps // world.probes)
    at = sorted({*range(every, world.steps + 1, every), world.steps})
    who = scene.probe_train + scene.probe_held_out
    losses, target = _fixed(story, curves, scene, rng, np.array([0, *at]), PROBE_TIMESTEPS, who)
    rows = [tuple(tuple(map(float, row)) for row in one) for one in losses]
    base_targets = tuple(tuple(map(float, row)) for row in target)

    def probe(step: int, when: str, values: tuple[tuple[float, ...], ...], *, is_on: bool = True) -> Probe:
        return Probe(step, is_on, when, PROBE_TIMESTEPS, who, values, base_targets, 0.1)

    on = [probe(s, "end" if s == world.steps else "train", rows[i + 1]) for i, s in enumerate(at)]
    return (probe(0, "start", rows[0], is_on=False), *on, probe(world.steps, "end", rows[0], is_on=False))


def _validation(story: Story, curves: Curves, scene: Scene, rng: np.random.Generator) -> Series:
    """Return the trainer's own held-out loss, one value per finished epoch."""
    world = story.world
    ends = np.arange(steps_per_epoch(world), world.steps + 1, steps_per_epoch(world))
    ends = ends if len(ends) else np.array([world.steps])
    who = tuple(range(world.pictures, world.pictures + world.held_out))
    losses, _ = _fixed(story, curves, scene, rng, ends, VALIDATION_TIMESTEPS, who)
    return _series("loss/validation/epoch_average", losses.mean(axis=(1, 2)))


def _pictures(story: Story, scene: Scene) -> tuple[Picture, ...]:
    count = story.world.pictures
    return tuple(
        Picture(
            index=i,
            name=f"{story.world.repeats}_subject/{i:03d}.png",
            caption="0a1b2c3d" if scene.copies[i] else f"{i:08x}",
            bucket=SHAPES[int(scene.buckets[i])],
            is_held_out=i >= count,
        )
        for i in range(count + story.world.held_out)
    )


def _rates(story: Story, curves: Curves, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return learning rates and Prodigy's step sizes per parameter group, text encoder first, each (steps,)."""
    world = story.world
    peaks = [world.lr * world.te_share, world.lr] if world.te_share else [world.lr]
    lrs = [peak * curves.lr for peak in peaks]
    if not world.adaptive:
        return lrs, []
    at = np.arange(world.steps) / world.steps
    least, found = 1e-6, float(np.exp(rng.uniform(np.log(1e-4), np.log(8e-4))))
    if story.prodigy == "stuck":
        d = least * (1 + rng.uniform(0, 0.6) * at)
    else:
        soon = rng.uniform(0.02, 0.1)
        d = least * (found / least) ** np.minimum(1, at / soon)
        d *= np.exp(rng.uniform(0.9, 2.5) * at) if story.prodigy == "runaway" else 1.0
    return lrs, [d] * len(lrs)


def _rate_series(story: Story, lrs: list[np.ndarray], ds: list[np.ndarray]) -> Mapping[str, np.ndarray]:
    names = ["textencoder", "unet"][-len(lrs) :]
    found = {f"lr/{name}": lr for name, lr in zip(names, lrs, strict=True)}
    if story.world.adaptive:
        found |= {f"lr/d*lr/{name}": d * lr for name, lr, d in zip(names, lrs, ds, strict=True)}
    return found


def _steps(
    story: Story, scene: Scene, rng: np.random.Generator, lrs: list[np.ndarray], ds: list[np.ndarray]
) -> StepRecords:
    """Return gradient norms around the drawn level (a factor of 1.4 up and down), clipped at 1."""
    world = story.world
    norms = world.clip_level * np.exp(0.35 * rng.standard_normal(world.steps) + 1.5 * scene.lost[1:])
    if story.nan_from is not None:
        norms[max(0, round(story.nan_from * world.steps) - 1) :] = np.nan
    if not world.has_grad_norm:
        norms = np.full(world.steps, np.nan)
    clipped = np.where(np.isnan(norms), np.nan, (norms > 1).astype(np.float64))
    return StepRecords(
        _longs(np.arange(1, world.steps + 1)),
        _doubles(norms),
        _doubles(clipped),
        tuple(_doubles(lr) for lr in lrs),
        tuple(_doubles(d) for d in ds),
    )


def _checkpoints(story: Story, curves: Curves, rng: np.random.Generator) -> tuple[Checkpoint, ...]:
    """Return four to eight network files with the size of their update, which grows as a power of the sum of learning rates."""
    world = story.world
    count = int(rng.integers(4, 9))
    steps = sorted({max(1, round(world.steps * (i + 1) / count)) for i in range(count)})
    nan_from = None if story.nan_from is None else round(story.nan_from * world.steps)
    dead = {"zero": MODULES, "static": int(rng.integers(MODULES - 8, MODULES))}.get(story.weights, 0)
    lost_from = None if story.collapse_from is None else story.collapse_from * world.steps
    found = []
    for index, step in enumerate(steps):
        size = world.norm * float(curves.progress[step]) ** world.growth * float(np.exp(0.03 * rng.standard_normal()))
        size *= 40 if lost_from is not None and step > lost_from else 1
        size *= {"zero": 0.0, "static": 1e-5}.get(story.weights, 1.0)
        is_nan = nan_from is not None and step >= nan_from
        norms = {"unet": size} | ({"te": size * world.te_norm} if world.te_share else {})
        found.append(
            Checkpoint(
                path=f"attempts/001/output/run-step{step:08d}.safetensors",
                step=step,
                epoch=None,
                is_final=index == len(steps) - 1,
                size_bytes=1_000_000,
                is_readable=True,
                is_scanned=True,
                key_count=3 * MODULES,
                nonfinite_count=2 * MODULES if is_nan else 0,
                zero_up_count=dead,
                up_count=MODULES,
                norms={name: float("nan") for name in norms} if is_nan else norms,
            )
        )
    return tuple(found)


def _facts(story: Story) -> dict[str, int | float | str]:
    world = story.world
    return {
        "total_steps": world.steps,
        "last_step": world.steps,
        "batches_per_epoch": steps_per_epoch(world),
        "epochs": -(-world.steps // steps_per_epoch(world)),
        "train_images": world.pictures * world.repeats,
        "validation_images": world.held_out,
    }


def _settings(story: Story) -> dict[str, Any]:
    world = story.world
    is_early = world.schedule == "cosine_with_restarts"
    return {
        "train_batch_size": world.batch,
        "gradient_accumulation_steps": 1,
        "max_train_steps": world.steps,
        "learning_rate": world.lr,
        "unet_lr": world.lr,
        **({"text_encoder_lr": world.lr * world.te_share} if world.te_share else {}),
        "network_train_unet_only": not world.te_share,
        "optimizer_type": "prodigy" if world.adaptive else "AdamW8bit",
        "lr_scheduler": world.schedule,
        **({"lr_scheduler_num_cycles": len(story.restarts) + 1} if is_early else {}),
        "lr_warmup_steps": 0 if world.schedule == "constant" else round(world.warmup * world.steps),
        "network_module": {"flux": "networks.lora_flux", "sd3": "networks.lora_sd3"}.get(world.family, "networks.lora"),
        "network_dim": world.dim,
        "network_alpha": world.alpha,
        "max_grad_norm": 1.0,
        "mixed_precision": "bf16",
        "loss_type": "l2",
        "validation_seed": 0,
        "max_data_loader_n_workers": 0,
    }
