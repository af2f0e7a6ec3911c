"""Statistics of raw series, as stock logs hold them.

Series are passed as sequences of float, shape (N,), one value per optimizer step, oldest first.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.observation import Series


def first_nonfinite_step(series: Series) -> int | None:
    """Return the first step whose value is NaN or infinite."""
    return next((s for s, v in zip(series.steps, series.values, strict=True) if not math.isfinite(v)), None)


def effective_lr(lr: float, alpha: float, rank: float) -> float:
    """Return lr * sqrt(alpha / rank): what makes learning rates of different ranks comparable under Adam (LyCORIS, arXiv 2309.14859)."""
    return lr * math.sqrt(alpha / rank)


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Return standard deviation / mean of the finite values; NaN for fewer than two."""
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2:
        return math.nan
    mean = math.fsum(finite) / len(finite)
    variance = math.fsum((v - mean) ** 2 for v in finite) / (len(finite) - 1)
    return math.sqrt(variance) / abs(mean) if mean else math.nan


def minimum_detectable_change(cv: float, count: int, *, alpha: float = 0.01, power: float = 0.8) -> float:
    """Return the smallest relative change that the means of two halves of `count` independent values can show.

    Two-sample z: (z[1 - alpha/2] + z[power]) * cv * sqrt(2 / (count / 2)).
    """
    if count < 4 or not math.isfinite(cv):
        return math.inf
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * cv * 2 / math.sqrt(count)


def half_means(values: Sequence[float]) -> tuple[float, float]:
    """Return the means of the first and the second half (finite values; the middle one of an odd number is left out)."""
    finite = [v for v in values if math.isfinite(v)]
    half = len(finite) // 2
    if not half:
        return math.nan, math.nan
    return math.fsum(finite[:half]) / half, math.fsum(finite[-half:]) / half


def half_change(values: Sequence[float]) -> float:
    """Return the relative change from the mean of the first half to the mean of the second."""
    first, second = half_means(values)
    return (second - first) / first if first else math.nan


def block_medians(values: Sequence[float], blocks: int) -> list[float]:
    """Return medians of `blocks` nearly equal runs of the finite values; fewer where there are fewer values."""
    import numpy as np

    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return []
    return [float(np.median(part)) for part in np.array_split(finite, min(blocks, finite.size))]


def window_means(values: Sequence[float], window: int) -> list[float]:
    """Return means of consecutive windows, (N // window,); NaN where a window holds a value that is not finite."""
    return [math.fsum(values[i : i + window]) / window for i in range(0, len(values) - window + 1, window)]


def collapse_start(values: Sequence[float], level: float, window: int, persistence: int = 2) -> int | None:
    """Return the index of the first value of `persistence` consecutive windows whose means all exceed `level`."""
    run = 0
    for index, mean in enumerate(window_means(values, window)):
        run = run + 1 if mean > level else 0
        if run == persistence:
            return (index - persistence + 1) * window
    return None


def min_snr_mean_weight(gamma: float, *, is_v: bool = False) -> float:
    """Return the mean weight that min-SNR-gamma gives over SD's 1000 timesteps: what the loss of a lost model is multiplied with.

    Weight min(SNR, gamma) / SNR, or / (SNR + 1) for v-prediction, over the scaled-linear schedule 0.00085 ... 0.012 of SD and SDXL.
    """
    kept, total = 1.0, 0.0
    for index in range(1000):
        kept *= 1 - (math.sqrt(0.00085) + (math.sqrt(0.012) - math.sqrt(0.00085)) * index / 999) ** 2
        snr = kept / (1 - kept)
        total += min(snr, gamma) / (snr + 1 if is_v else snr)
    return total / 1000


def jitter(values: Sequence[float]) -> float:
    """Return the noise between neighbouring values of a smooth series: rms of second differences / sqrt(6); NaN for fewer than 3."""
    seconds = [values[i] - 2 * values[i + 1] + values[i + 2] for i in range(len(values) - 2)]
    return math.sqrt(math.fsum(d * d for d in seconds) / len(seconds) / 6) if seconds else math.nan
