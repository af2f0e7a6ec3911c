"""The loss with the timestep taken out: what remains is how well the model does, not which timestep was drawn.

Almost all variance of a diffusion loss is the timestep draw (conditioning on it removes 97-99 % of the variance of the log-loss).
Natural logarithms throughout: a level of -0.07 is a loss about 7 % below the run's own average at the same timesteps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.core.telemetry import SampleLosses

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

MOST_DEGREE: Final = 8
"""Degree of the curve; 5 to 12 give the same on real SD1.5 runs (variance ratio 75-77)."""
LEAST_SAMPLES: Final = 24
"""Fewer finite samples than this have no curve."""
LAST_TIMESTEP: Final = 1000.0
MOST_BLOCKS: Final = 60
LEAST_BLOCK_STEPS: Final = 5
BISQUARE: Final = 4.685
"""Tukey's tuning constant: 95 % efficiency for normal errors."""


@dataclass(frozen=True, slots=True, eq=False)
class TimestepCurve:
    """Robust mean of the log-loss as a function of the timestep; need not be monotone (flow models)."""

    coefficients: Floats
    """(D + 1,) of Legendre polynomials over `low` ... `high`."""
    low: float
    high: float
    """Range of the timesteps it was fitted on."""
    noise: float
    """Robust standard deviation of one sample about the curve (1.4826 x median absolute deviation), in log units."""

    def at(self, timesteps: Floats) -> Floats:
        """Return the expected log-loss, (M,) -> (M,). Outside the fitted range: the value at its edge."""
        import numpy as np

        values = np.polynomial.legendre.legval(_scaled(timesteps, self.low, self.high), self.coefficients)
        return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Means over K nearly equal runs of steps."""

    steps: Floats
    """(K,): mean step of each block."""
    means: Floats
    """(K,): log units."""
    errors: Floats
    """(K,): standard error of each mean, from the spread inside the block."""
    length: float
    """Mean number of steps in a block."""

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """A run's losses with timestep and picture taken out."""

    curve: TimestepCurve
    steps: Whole
    """(N,): optimizer steps with at least one finite sample, ascending."""
    levels: Floats
    """(N,): mean over the step's samples of log-loss - curve - picture effect; 0 is the run's own average."""
    counts: Whole
    """(N,): finite samples of the step."""
    blocks: Blocks
    sample_steps: Whole
    """(M,): step of each finite sample; the next three likewise."""
    sample_timesteps: Floats
    sample_pictures: Whole
    residuals: Floats
    """(M,): log-loss - curve, picture effects left in."""
    variance_ratio: float
    """Variance of the log-losses / variance of the residuals: how much of the noise was the timestep draw."""
    effects: Mapping[int, float] = field(default_factory=dict)
    """Per picture index: how much harder (above 0) than the average picture, shrunken, log units."""
    left_out: int = 0
    """Samples whose loss was not finite or not above zero, or whose timestep was outside 0 ... 1000."""


@dataclass(frozen=True, slots=True)
class Change:
    """A relative change of the loss, in percent of the earlier level, with the limits of its confidence interval."""

    percent: float
    low: float
    high: float


def condition(samples: SampleLosses) -> Conditioned | None:
    """Return the samples with timestep and picture taken out; None below `LEAST_SAMPLES` usable ones.

    log-loss = curve(t) + picture effect + level(step) + noise, fitted one after the other.
    """
    import numpy as np

    steps, timesteps, losses, pictures = _arrays(samples)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(losses) & (losses > 0) & (timesteps >= 0) & (timesteps <= LAST_TIMESTEP)
    if int(usable.sum()) < LEAST_SAMPLES:
        return None
    steps, timesteps, pictures = steps[usable], timesteps[usable], pictures[usable]
    logs = np.log(losses[usable])
    curve = fit_timestep_curve(timesteps, logs)
    residuals = logs - curve.at(timesteps)
    effects = shrunken_effects(residuals - smooth_level(steps, residuals), pictures)
    shown, places = np.unique(pictures, return_inverse=True)
    taken = residuals - np.array([effects.get(int(picture), 0.0) for picture in shown])[places]
    at, levels, counts = step_means(steps, taken)
    spread = float(residuals.var())
    return Conditioned(
        curve=curve,
        steps=at,
        levels=levels,
        counts=counts,
        blocks=block_means(at, levels),
        sample_steps=steps,
        sample_timesteps=timesteps,
        sample_pictures=pictures,
        residuals=residuals,
        variance_ratio=float(logs.var()) / spread if spread > 0 else math.inf,
        effects=effects,
        left_out=len(losses) - len(logs),
    )


def _arrays(samples: SampleLosses) -> tuple[Whole, Floats, Floats, Whole]:
    """Return steps, timesteps, losses, pictures as arrays in order of steps, without copying where the order is right."""
    import numpy as np

    def view(numbers: Any, kind: type) -> Any:
        return np.frombuffer(numbers, dtype=kind) if len(numbers) else np.zeros(0, dtype=kind)

    steps = view(samples.steps, np.int64)
    rest = view(samples.timesteps, np.float64), view(samples.losses, np.float64), view(samples.pictures, np.int64)
    if len(steps) > 1 and bool((np.diff(steps) < 0).any()):
        order = np.argsort(steps, kind="stable")
        return steps[order], rest[0][order], rest[1][order], rest[2][order]
    return steps, *rest


def _scaled(timesteps: Floats, low: float, high: float) -> Floats:
    import numpy as np

    span = high - low
    if span <= 0:
        return np.zeros_like(timesteps)
    return np.asarray(np.clip(2 * (timesteps - low) / span - 1, -1, 1), dtype=np.float64)


def fit_timestep_curve(timesteps: Floats, logs: Floats, most_degree: int = MOST_DEGREE) -> TimestepCurve:
    """Return the robust Legendre fit of `logs` (M,) over `timesteps` (M,), M >= 1, all finite.

    Iteratively reweighted least squares, Huber's weights first, then Tukey's bisquare (Holland and Welsch 1977). The degree falls
    where there are few samples or few different timesteps.
    """
    import numpy as np

    low, high = float(timesteps.min()), float(timesteps.max())
    different = len(np.unique(np.round(timesteps))) if len(timesteps) < 2000 else 2000
    degree = max(0, min(most_degree, different // 3, len(logs) // 12)) if high > low else 0
    basis = np.polynomial.legendre.legvander(_scaled(timesteps, low, high), degree)
    weights = np.ones_like(logs)
    coefficients = np.zeros(degree + 1)
    noise = 0.0
    ridge = 1e-9 * len(logs) * np.eye(degree + 1)
    for turn in range(12):
        weighted = basis * weights[:, None]
        found = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ logs)
        residuals = logs - basis @ found
        noise = robust_spread(residuals)
        is_settled = turn > 4 and bool(np.abs(found - coefficients).max() < 1e-4 * noise)
        coefficients = found
        if noise <= 1e-12 or is_settled:
            break
        distance = np.abs(residuals) / noise
        if turn < 3:
            weights = 1.345 / np.maximum(distance, 1.345)
        else:
            weights = np.clip(1 - (distance / BISQUARE) ** 2, 0, None) ** 2
    return TimestepCurve(coefficients, low, high, noise)


def robust_spread(values: Floats) -> float:
    """Return 1.4826 x median absolute deviation from the median: the standard deviation of a normal core. NaN for none."""
    import numpy as np

    if not len(values):
        return math.nan
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def smooth_level(steps: Whole, residuals: Floats) -> Floats:
    """Return the run's slow course at each sample, (M,): medians of up to 20 parts of at least 30 samples, joined by lines."""
    import numpy as np

    parts = min(20, len(residuals) // 30)
    if parts < 2:
        return np.full_like(residuals, float(np.median(residuals)))
    middles = [float(part.mean()) for part in np.array_split(steps, parts)]
    medians = [float(np.median(part)) for part in np.array_split(residuals, parts)]
    return np.asarray(np.interp(steps, middles, medians), dtype=np.float64)


def shrunken_effects(residuals: Floats, pictures: Whole) -> dict[int, float]:
    """Return each picture's median residual, drawn towards 0 by as much as its noise explains; unknown pictures (-1) left out.

    Shrinkage tau^2 / (tau^2 + v_n) with v_n = pi/2 sigma^2 / n, the variance of a median of n, and tau^2 by moments
    (Efron and Morris 1975; DerSimonian and Laird 1986). With fewer than two pictures there is nothing to compare.
    """
    import numpy as np

    order = np.argsort(pictures, kind="stable")
    ordered = pictures[order]
    indices, starts = np.unique(ordered, return_index=True)
    groups = np.split(residuals[order], starts[1:])
    known = [(int(i), group) for i, group in zip(indices, groups, strict=True) if i >= 0]
    if len(known) < 2:
        return {}
    medians = np.array([np.median(group) for _, group in known])
    centre = float(np.median(medians))
    counts = np.array([len(group) for _, group in known], dtype=np.float64)
    inner = np.concatenate([group - median for (_, group), median in zip(known, medians, strict=True)])
    # Residuals about medians of n lose one degree of freedom per picture.
    loss = len(inner) / max(1, len(inner) - len(known))
    variances = math.pi / 2 * robust_spread(inner) ** 2 * loss / counts
    between = max(0.0, float(medians.var(ddof=1)) - float(variances.mean()))
    if between == 0:
        return {index: 0.0 for index, _ in known}
    kept = between / (between + variances)
    return {index: float(k * (m - centre)) for (index, _), m, k in zip(known, medians, kept, strict=True)}


def step_means(steps: Whole, values: Floats) -> tuple[Whole, Floats, Whole]:
    """Return the different steps (N,), the mean of their values (N,) and how many there are (N,); steps must not descend."""
    import numpy as np

    starts = np.flatnonzero(np.r_[True, np.diff(steps) != 0]) if len(steps) else np.zeros(0, dtype=np.int64)
    if not len(starts):
        return steps, values, starts
    counts = np.diff(np.r_[starts, len(steps)])
    return steps[starts], np.add.reduceat(values, starts) / counts, counts


def block_means(steps: Whole, levels: Floats, most: int = MOST_BLOCKS, least: int = LEAST_BLOCK_STEPS) -> Blocks:
    """Return means over at most `most` blocks of at least `least` steps (one block where there are fewer), (N,) -> (K,)."""
    import numpy as np

    if not len(levels):
        return Blocks(np.zeros(0), np.zeros(0), np.zeros(0), 0.0)
    parts = max(1, min(most, len(levels) // least))
    split = np.array_split(levels, parts)
    errors = [float(p.std(ddof=1)) / math.sqrt(len(p)) if len(p) > 1 else math.nan for p in split]
    middles = [float(part.mean()) for part in np.array_split(steps, parts)]
    means = [float(part.mean()) for part in split]
    return Blocks(np.array(middles), np.array(means), np.array(errors), len(levels) / parts)


def level_change(found: Conditioned, share: float = 0.2, z: float = 1.96) -> Change:
    """Return how the loss changed from the first `share` of the steps to the last, in %, with its normal 95 % interval.

    exp(last - first) - 1; the noise is that of the single steps, which are nearly independent (autocorrelation -0.05 on real runs).
    """
    import numpy as np

    size = int(len(found.levels) * share)
    if size < 2:
        return Change(math.nan, math.nan, math.nan)
    first, last = found.levels[:size], found.levels[-size:]
    change = float(last.mean() - first.mean())
    error = math.sqrt(float(first.var(ddof=1) + last.var(ddof=1)) / size)
    percent, low, high = (100 * float(np.expm1(change + k * error)) for k in (0.0, -z, z))
    return Change(percent, low, high)
