"""The fixed probe: the same pictures, timesteps and noise again and again, against the base model.

Everything is a mean of log(loss / base loss) over pictures and timesteps, said in percent: -2.0 is a loss 2 % below the base model's.
Logarithms give each timestep the same weight; plain means would be those of the few noisy ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from orchestrator.diagnose.signals.jitter import is_better, late_noise, neighbour_noise

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.core.telemetry import Probe

    Floats = NDArray[np.float64]

DRAWS: Final = 1000
"""Bootstrap draws; the seed is fixed, so that the same run always gives the same interval."""
NO_TRIGGER: Final = "no-trigger"
"""`Probe.when` of a probe whose captions lack the trigger: no point of the curve."""
LEAST_FOR_BOOTSTRAP: Final = 8
"""Fewer pictures than this get an interval by Student's t."""


@dataclass(frozen=True, slots=True)
class ProbeCurve:
    """Change against the base model over training, for one set of pictures. P pictures, T timesteps, S probes with the LoRA on."""

    steps: tuple[int, ...]
    """(S,): optimizer steps done, ascending."""
    changes: tuple[float, ...]
    """(S,): mean change against the base, %; NaN where a loss was not finite."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    """(S,): 95 % interval over pictures, %; NaN for fewer than two pictures."""
    jitter: float
    """Noise between neighbouring probes of the whole run, percentage points; NaN for fewer than 3."""
    late_jitter: float
    """The noise that counts for its end: what a gain is held against, and what a report calls jitter."""
    best: float
    """Lowest change, %; NaN where none is finite."""
    best_step: int
    """Step of the lowest change; 0 where there is none."""
    last: float
    """Change at the last probe, %."""
    rebound: float
    """How far the last lies above the lowest, % of the lowest level."""
    timesteps: tuple[float, ...]
    """(T,)"""
    bands: tuple[tuple[float, ...], ...]
    """(T, S): change at each timestep, %."""
    pictures: tuple[int, ...]
    """(P,): indices into `Telemetry.pictures`."""
    by_picture: tuple[tuple[float, ...], ...]
    """(P, S): change of each picture, %."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def has_learned(self) -> bool:
        """Whether the last probe is better than the base by more than three jitters."""
        return is_better(self.last, self.late_jitter)

    @property
    def is_best_near_end(self) -> bool:
        """Whether the lowest change is among the last two probes."""
        return self.best_step in self.steps[-2:]


LEAST_CHANGE = -100 + 1e-9
"""Percent; rises are held against the level that is left, so there must be one."""


def percent(log_ratio: float) -> float:
    """Return a log-ratio in percent: 100 (exp(x) - 1); inf where that is too large to be written, never quite -100: no level is 0."""
    try:
        return (
            max(100 * math.expm1(log_ratio), LEAST_CHANGE) if math.isfinite(log_ratio) else 100 * math.expm1(log_ratio)
        )
    except OverflowError:
        return math.inf


def base_losses(probes: Sequence[Probe]) -> dict[tuple[int, float], float]:
    """Return the base model's loss per picture and timestep: geometric mean over the probes with the LoRA off; unusable ones left out."""
    logs: dict[tuple[int, float], list[float]] = {}
    for probe in probes:
        if not probe.is_on:
            for key, loss in _cells(probe).items():
                if (
                    0 < loss < math.inf
                ):  # weights that became NaN spoil the base probe at the end, not the one at the start
                    logs.setdefault(key, []).append(math.log(loss))
    means = {key: math.fsum(found) / len(found) for key, found in logs.items()}
    return {key: math.exp(mean) for key, mean in means.items() if math.isfinite(mean)}


def base_drift(probes: Sequence[Probe]) -> float:
    """Return the largest difference between two base probes at any picture and timestep, %: 0 where the probe is exact.

    NaN for fewer than two base probes: then nothing was compared.
    """
    found: dict[tuple[int, float], list[float]] = {}
    for probe in probes:
        if not probe.is_on:
            for key, loss in _cells(probe).items():
                found.setdefault(key, []).append(loss)
    pairs = [(min(values), max(values)) for values in found.values() if len(values) > 1]
    drifts = [100 * (high / low - 1) if low > 0 else math.nan for low, high in pairs]
    return max(drifts, default=math.nan)


def base_share(probes: Sequence[Probe]) -> float:
    """Return the base model's explained share: 1 - loss / mean squared target; NaN where it is not known.

    By its first probe: by the end the LoRA may not be wholly off any more (`base_drift`).
    """
    off = next((probe for probe in probes if not probe.is_on), None)
    if off is None:
        return math.nan
    pairs = [
        pair
        for losses, targets in zip(off.losses, off.targets, strict=True)
        for pair in zip(losses, targets, strict=True)
        if all(map(math.isfinite, pair))
    ]
    target = math.fsum(target for _, target in pairs)
    return 1 - math.fsum(loss for loss, _ in pairs) / target if target > 0 else math.nan


def _cells(probe: Probe) -> dict[tuple[int, float], float]:
    return {
        (picture, timestep): loss
        for picture, row in zip(probe.pictures, probe.losses, strict=True)
        for timestep, loss in zip(probe.timesteps, row, strict=True)
    }


def probe_curve(probes: Sequence[Probe], pictures: Collection[int]) -> ProbeCurve | None:
    """Return the curve of these pictures; None without a base or without a probe with the LoRA on.

    Only pictures and timesteps that the base and every probe hold are used, so that all points compare the same. Where a step was
    probed twice (a resumed run) the later one counts.
    """
    import numpy as np

    base = base_losses(probes)
    latest = {probe.step: _cells(probe) for probe in probes if probe.is_on and probe.when != NO_TRIGGER}
    steps = sorted(latest)
    common = {key for key in base if key[0] in pictures and all(key in latest[step] for step in steps)}
    timesteps = sorted({timestep for _, timestep in common})
    shown = sorted({p for p, _ in common if all((p, t) in common for t in timesteps)})
    if not steps or not shown:
        return None
    cube = np.array([[[latest[s][p, t] for s in steps] for t in timesteps] for p in shown], dtype=np.float64)
    level = np.array([[base[p, t] for t in timesteps] for p in shown], dtype=np.float64)
    ratios = log_ratios(cube, level)
    return _curve(steps, ratios, timesteps, shown)


def log_ratios(losses: Floats, base: Floats) -> Floats:
    """Return log(loss / base), (P, T, S) and (P, T) -> (P, T, S); NaN where the loss is not finite or not above 0."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(losses / base[:, :, None])
    return np.asarray(np.where(np.isfinite(ratios), ratios, np.nan), dtype=np.float64)


def _curve(steps: Sequence[int], ratios: Floats, timesteps: Sequence[float], pictures: Sequence[int]) -> ProbeCurve:
    by_picture = ratios.mean(axis=1)
    means = [float(mean) for mean in by_picture.mean(axis=0)]
    lows, highs = picture_interval(by_picture)
    changes = tuple(map(percent, means))
    at = lowest(changes)
    return ProbeCurve(
        steps=tuple(steps),
        changes=changes,
        lows=tuple(percent(float(low)) for low in lows),
        highs=tuple(percent(float(high)) for high in highs),
        jitter=neighbour_noise(steps, changes),
        late_jitter=late_noise(steps, changes),
        best=math.nan if at is None else changes[at],
        best_step=0 if at is None else steps[at],
        last=changes[-1],
        rebound=rebound(changes),
        timesteps=tuple(timesteps),
        bands=_percents(ratios.mean(axis=0)),
        pictures=tuple(pictures),
        by_picture=_percents(by_picture),
    )


def _percents(rows: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(percent(float(value)) for value in row) for row in rows)


def picture_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval of the mean over pictures, (P, S) -> (S,) and (S,); NaN for fewer than two pictures.

    From `LEAST_FOR_BOOTSTRAP` pictures on by bootstrap; below by Student's t, because drawing again from 4 pictures never leaves their
    own range, which holds the true mean in 87.5 % of cases only.
    """
    import numpy as np

    from orchestrator.diagnose.signals.distributions import student_t_quantile

    count = len(values)
    if count >= LEAST_FOR_BOOTSTRAP:
        return bootstrap_interval(values, level)
    if count < 2:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing.copy()
    means = values.mean(axis=0)
    reach = student_t_quantile((1 + level) / 2, count - 1) * values.std(axis=0, ddof=1) / math.sqrt(count)
    return means - reach, means + reach


def bootstrap_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the bootstrap interval of the mean over at least two pictures, (P, S) -> (S,) and (S,).

    Pictures are drawn with replacement, the same draw for all S columns. Expanded percentiles (Hesterberg, The American Statistician
    2015), as plain ones are too narrow for few pictures.
    """
    import numpy as np

    from orchestrator.diagnose.signals.distributions import student_t_quantile

    count = len(values)
    reach = math.sqrt(count / (count - 1)) * student_t_quantile((1 + level) / 2, count - 1)
    tail = 100 * NormalDist().cdf(-reach)
    draws = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    weights = np.stack([(draws == index).sum(axis=1) for index in range(count)], axis=1) / count
    low, high = np.percentile(weights @ values, [tail, 100 - tail], axis=0)
    return low, high


def lowest(changes: Sequence[float]) -> int | None:
    """Return the index of the first lowest finite value."""
    finite = [(value, index) for index, value in enumerate(changes) if math.isfinite(value)]
    return min(finite)[1] if finite else None


def rebound(changes: Sequence[float]) -> float:
    """Return how far the last change (%) lies above the lowest, in % of the lowest level; NaN where the last is not finite."""
    at = lowest(changes)
    if at is None or not math.isfinite(changes[-1]):
        return math.nan
    return 100 * ((100 + changes[-1]) / (100 + changes[at]) - 1)


def band_gaps(train: ProbeCurve, held_out: ProbeCurve) -> dict[float, float]:
    """Return per timestep how much worse the held-out pictures ended than the training pictures, % of the training level."""
    last_held = dict(zip(held_out.timesteps, (row[-1] for row in held_out.bands), strict=True))
    return {
        timestep: 100 * ((100 + last_held[timestep]) / (100 + row[-1]) - 1)
        for timestep, row in zip(train.timesteps, train.bands, strict=True)
        if timestep in last_held
    }
