"""What several rules ask about a case, computed once and kept in `case.cache`. None: the source is not there, or too little of it.

Percent are percent (-2.0 is 2 % below), logarithms are natural, steps are optimizer steps from 1. The formulas are loaded when first
asked for: rules that speak before the run come through here too, and a launch waits for them.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from orchestrator.diagnose.facts import fact, number, series, telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.core.observation import Checkpoint, Series
    from orchestrator.diagnose.rates import Rates
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.conditioned import Change, Conditioned
    from orchestrator.diagnose.signals.instability import Dispersion, Spike
    from orchestrator.diagnose.signals.pictures import Clusters, GroupTest, PictureEffect
    from orchestrator.diagnose.signals.probe import ProbeCurve
    from orchestrator.diagnose.signals.weights import Growth

T = TypeVar("T")
EPOCH_AVERAGE, STEP_AVERAGE = "loss/validation/epoch_average", "loss/validation/step_average"
"""The trainer's own held-out loss: once an epoch, and within epochs, where it mixes in its own past."""
LEAST_STEPS = 20
"""Steps below which nothing is said about shaking."""


@dataclass(frozen=True, slots=True)
class ProbeCurves:
    """The probe against the base model."""

    train: ProbeCurve | None
    """Over training pictures."""
    held_out: ProbeCurve | None
    """Over held-out pictures; None where none was held out."""
    base_drift: float
    """Largest difference between two measurements of the base model, %: 0 where the probe is exact; NaN for only one."""
    gaps: Mapping[float, float]
    """Per timestep: how much worse the held-out pictures ended than the training pictures, %; empty without both."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Explained share 1 - loss / mean squared target: 0 is worth no more than zeros, 1 is perfect."""

    steps: tuple[int, ...]
    """(W,): last step of each window."""
    shares: tuple[float, ...]
    """(W,): NaN where a loss in the window was not finite."""
    base: float
    """The base model's share on the probe; NaN where it was not measured."""
    collapsed_at: int | None
    """Last step of the first of two consecutive windows of a lost model (`LOST_EXPLAINED`, `LEAST_BASE`); None where there are none."""


@dataclass(frozen=True, slots=True)
class PictureReport:
    """Effects of single pictures."""

    rows: tuple[PictureEffect, ...]
    """Hardest first."""
    clusters: Clusters | None
    """Best split of the effects in two; its indices point into `order`. None below 6 pictures."""
    order: tuple[int, ...]
    """Picture index of each number that was split."""
    by_folder: GroupTest | None
    by_bucket: GroupTest | None
    """Rank tests on the median residuals of pictures; None with one group only."""


@dataclass(frozen=True, slots=True)
class Instability:
    """Shaking and shocks of the conditioned loss."""

    dispersion: Dispersion | None
    """None for fewer than 40 steps."""
    spikes: tuple[Spike, ...]
    noise: float
    """Robust standard deviation of one step's level, log units."""
    nonfinite: int
    """Samples left out because their loss was not finite or not above 0."""


@dataclass(frozen=True, slots=True)
class WeightGrowth:
    """Network files over training."""

    groups: Mapping[str, Growth]
    """Per module group: `unet`, `te`."""
    newest: Checkpoint
    """The last scanned file; its `groups` hold norms and ranks."""


def _once(case: Case, key: str, make: Callable[[Case], T]) -> T:
    if key not in case.cache:
        case.cache[key] = make(case)
    kept: T = case.cache[key]
    return kept


def conditioned(case: Case) -> Conditioned | None:
    """Return the subject's losses with timestep and picture taken out; None without telemetry or with fewer than 24 finite samples."""
    return _once(case, "conditioned", _conditioned)


def _conditioned(case: Case) -> Conditioned | None:
    from orchestrator.diagnose.signals.conditioned import condition

    seen = telemetry(case)
    if seen is None:
        return None
    return condition(seen.samples.without({picture.index for picture in seen.pictures if picture.is_reg}))


def level_change(case: Case) -> Change | None:
    """Return the change of the conditioned training loss from the first fifth of the steps to the last, %."""
    from orchestrator.diagnose.signals import conditioned as signals

    found = conditioned(case)
    return signals.level_change(found) if found is not None else None


def probe_curves(case: Case) -> ProbeCurves | None:
    """Return the probe against the base model; None without a base probe or without one with the LoRA on."""
    return _once(case, "probe_curves", _probe_curves)


def _probe_curves(case: Case) -> ProbeCurves | None:
    from orchestrator.diagnose.signals.probe import band_gaps, base_drift, probe_curve

    seen = telemetry(case)
    if seen is None:
        return None
    held = {picture.index for picture in seen.pictures if picture.is_held_out}
    shown = {index for probe in seen.probes for index in probe.pictures}
    train, held_out = probe_curve(seen.probes, shown - held), probe_curve(seen.probes, shown & held)
    if train is None and held_out is None:
        return None
    gaps = band_gaps(train, held_out) if train is not None and held_out is not None else {}
    return ProbeCurves(train, held_out, base_drift(seen.probes), gaps)


def explained(case: Case) -> Explained | None:
    """Return the explained share over training; None without telemetry or without a whole window."""
    return _once(case, "explained", _explained)


def _explained(case: Case) -> Explained | None:
    import numpy as np

    from orchestrator.diagnose.signals import instability as shaking
    from orchestrator.diagnose.signals.probe import base_share

    seen = telemetry(case)
    if seen is None or not len(seen.samples):
        return None
    steps = np.frombuffer(seen.samples.steps, dtype=np.int64)
    losses = np.frombuffer(seen.samples.losses, dtype=np.float64)
    targets = np.frombuffer(seen.samples.targets, dtype=np.float64)
    ends, shares = shaking.explained_windows(steps, losses, targets)
    if not len(ends):
        return None
    base = base_share(seen.probes)
    at = shaking.collapse_index(shares.tolist(), base)
    return Explained(tuple(ends.tolist()), tuple(shares.tolist()), base, None if at is None else int(ends[at]))


def picture_effects(case: Case) -> PictureReport | None:
    """Return effects of single pictures; None without telemetry or with fewer than two known pictures."""
    return _once(case, "picture_effects", _picture_effects)


def _picture_effects(case: Case) -> PictureReport | None:
    import numpy as np

    from orchestrator.diagnose.signals import pictures as by_picture
    from orchestrator.diagnose.signals.conditioned import smooth_level

    seen, found = telemetry(case), conditioned(case)
    if seen is None or found is None or not found.effects:
        return None
    flat = found.residuals - smooth_level(found.sample_steps, found.residuals)
    rows = by_picture.picture_effects(flat, found.sample_pictures, found.effects)
    order = tuple(sorted(found.effects))
    known = {picture.index: picture for picture in seen.pictures}
    folders: dict[str, list[float]] = {}
    buckets: dict[str, list[float]] = {}
    for index in order:
        picture = known.get(index)
        if picture is not None:
            middle = (
                float(np.median(flat[found.sample_pictures == index])) if len(order) <= 2000 else found.effects[index]
            )
            folders.setdefault(picture.name.rpartition("/")[0], []).append(middle)
            buckets.setdefault(str(picture.bucket), []).append(middle)
    return PictureReport(
        rows=rows,
        clusters=by_picture.two_clusters([found.effects[index] for index in order]),
        order=order,
        by_folder=by_picture.kruskal_wallis(list(folders.values())),
        by_bucket=by_picture.kruskal_wallis(list(buckets.values())),
    )


def steps_per_epoch(case: Case) -> int | None:
    """Return the optimizer steps of one epoch: the plan's, else what follows from what the trainer announced."""
    if case.plan is not None:
        return case.plan.steps.steps_per_epoch
    announced = fact(case, "steps_per_epoch")
    if announced is not None:
        return int(announced)
    batches = fact(case, "batches_per_epoch")
    return None if batches is None else math.ceil(batches / (number(case, "gradient_accumulation_steps") or 1))


def step_validation(case: Case) -> Series | None:
    """Return the trainer's held-out loss per validation pass, un-mixed from what it logged; None where nothing was mixed, or where
    the length of the first epoch is unknown.
    """
    mixed, length = series(case, STEP_AVERAGE), steps_per_epoch(case) or _announced_epoch(case)
    passes = sum(1 for step in mixed.steps if step <= length) if mixed is not None and length else 0
    if mixed is None or passes < 2:
        return None
    from orchestrator.core.observation import Series
    from orchestrator.diagnose.signals.validation import unmixed_step_validation

    values = unmixed_step_validation(mixed.values, passes)
    return Series(STEP_AVERAGE, mixed.steps, array("d", values))


def _announced_epoch(case: Case) -> float | None:
    batches = fact(case, "batches_per_epoch")
    return None if batches is None else batches / (number(case, "gradient_accumulation_steps") or 1.0)


def instability(case: Case) -> Instability | None:
    """Return shaking and shocks of the conditioned loss; None without telemetry or with fewer than 20 steps."""
    return _once(case, "instability", _instability)


def _instability(case: Case) -> Instability | None:
    from orchestrator.diagnose.signals import instability as shaking
    from orchestrator.diagnose.signals.conditioned import robust_spread

    found = conditioned(case)
    if found is None or len(found.levels) < LEAST_STEPS:
        return None
    noise = robust_spread(found.levels - shaking.running_level(found.levels))
    dispersion = shaking.over_dispersion(found.levels)
    return Instability(dispersion, shaking.find_spikes(found.steps, found.levels), noise, found.left_out)


def lr_account(case: Case) -> Rates | None:
    """Return what the learning rates did, from telemetry, else from the trainer's own series; None where neither has one above 0."""
    if case.observations is None:
        return None
    from orchestrator.diagnose.rates import read_rates

    return _once(case, "lr_account", read_rates)


def weight_growth(case: Case) -> WeightGrowth | None:
    """Return what the network files say together; None where no file's numbers were read."""
    return _once(case, "weight_growth", _weight_growth)


def _weight_growth(case: Case) -> WeightGrowth | None:
    from orchestrator.diagnose.signals.weights import group_growth

    files: Sequence[Checkpoint] = case.observations.checkpoints if case.observations is not None else ()
    scanned = [checkpoint for checkpoint in files if checkpoint.is_scanned]
    if not scanned:
        return None
    newest = scanned[-1]
    groups = sorted({group for checkpoint in scanned for group in checkpoint.norms})
    growth = {group: found for group in groups if (found := group_growth(scanned, group)) is not None}
    return WeightGrowth(growth, newest)
