"""Recorded runs for rules on single pictures, and samples for rules on what was drawn; small, seeded, with planted causes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.core.observation import Observations, Sample, SamplePixels, SampleReading
from orchestrator.core.telemetry import Picture, SampleLosses, Telemetry
from orchestrator.diagnose.rule import Case
from tests.diagnose.cases import recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Floats = np.ndarray[Any, np.dtype[np.float64]]


def recorded(
    steps: int = 600,
    pictures: int = 20,
    *,
    effects: Floats | None = None,
    change: Callable[[Floats, Floats], Floats] | None = None,
    captions: Sequence[str] | None = None,
    buckets: Sequence[tuple[int, int]] | None = None,
    folders: Sequence[str] | None = None,
    reg: Collection[int] = (),
    noise: float = 0.1,
    seed: int = 0,
) -> Case:
    """Return a run at batch 1 that shows `pictures` in shuffled epochs; `change(steps, pictures)` is added to the log loss."""
    rng = np.random.default_rng(seed)
    epochs = -(-steps // pictures)
    shown = np.concatenate([rng.permutation(pictures) for _ in range(epochs)])[:steps]
    at = np.arange(1, steps + 1)
    timesteps = rng.uniform(0, 1000, steps)
    own = 0.03 * rng.standard_normal(pictures) if effects is None else effects
    logs = -0.5 - 0.004 * timesteps + own[shown] + noise * rng.standard_normal(steps)
    if change is not None:
        logs += change(at.astype(np.float64), shown.astype(np.float64))
    rows = SampleLosses(
        array("q", at.tolist()),
        array("d", timesteps.tolist()),
        array("d", np.exp(logs).tolist()),
        array("d", [1.0] * steps),
        array("q", shown.tolist()),
    )
    told = tuple(
        Picture(
            index=i,
            name=f"{folders[i] if folders else '10_alice'}/{i:03d}.png",
            caption=captions[i] if captions else f"{i:08x}",
            bucket=buckets[i] if buckets else (512, 512),
            is_reg=i in reg,
        )
        for i in range(pictures)
    )
    telemetry = Telemetry("probe", pictures=told, samples=rows, is_complete=True)
    return Case(observations=Observations(telemetry=telemetry, facts={"steps_per_epoch": pictures}))


def drawn(
    looks: Sequence[Sequence[dict[str, Any]]],
    *,
    prompts: Sequence[tuple[str, int]] = (("alicexyz", 1), ("alicexyz", 2), ("a girl", 1), ("a boat", 1)),
    first: int = 0,
    compared: int = 12,
    usual: float | None = 0.6,
    clipped: float | None = None,
    **subject: Any,
) -> Case:
    """Return a run with rounds of samples every 100 steps from `first` on; `looks[round][prompt]` are facts of `SamplePixels`."""
    samples, pixels = [], []
    for number, one in enumerate(looks):
        step = first + 100 * number
        for index, facts in enumerate(one):
            path = f"sample/a_{step:06d}_{index:02d}.png"
            samples.append(Sample(path, step, None, index, prompts[index][1], prompts[index][0]))
            pixels.append(look(path, **facts))
    reading = SampleReading(tuple(pixels), compared, usual, usual_clipped=clipped)
    asked = {"kind": "character", "trigger": "alicexyz", "class_tokens": "girl", **subject}
    return Case(recipe=recipe(subject=asked), observations=Observations(samples=tuple(samples), sample_reading=reading))


def look(path: str = "sample/a.png", *, shade: int = 0, **facts: Any) -> SamplePixels:
    """Return an unremarkable sample; `shade` 0 ... 255 fills half of its layout."""
    bins = [0.0] * 32
    bins[16] = 1.0
    usual: dict[str, Any] = {
        "path": path,
        "deviation": 40.0,
        "saturation": 0.3,
        "saturation_high": 0.6,
        "clipped": 0.0,
        "brightness": tuple(bins),
        "layout": bytes([shade]) * 384 + bytes([100]) * 384,
        "nearest": "data/10_alice/003.png",
        "similarity": 0.4,
        "hash_distance": 25,
    }
    return SamplePixels(**{**usual, **facts})
