"""A learning curve as an exponential approach to a level: how much of it the end of the run still brought."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOWEST, FASTEST, RATES = 0.05, 60.0, 60
"""Rates that are tried: from a straight line over the run to a fall within its first fiftieth."""
MOST_MISFIT: Final = 2.0
"""Residual spread over the jitter, above which the curve has another shape."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """y(x) = end + size * exp(-rate * x), x = 0 ... 1 over the run."""

    end: float
    size: float
    rate: float
    spread: float
    """Root mean square of the residuals, in the unit of y, with three parameters taken off."""

    def at(self, x: float) -> float:
        """Return the fitted value."""
        return self.end + self.size * math.exp(-self.rate * x)

    def fall(self, start: float, stop: float = 1.0) -> float:
        """Return how far it fell between two points of the run."""
        return self.at(start) - self.at(stop)


def fit_saturation(x: Sequence[float], y: Sequence[float]) -> Saturation | None:
    """Return the least-squares fit, (N,) and (N,); None for fewer than 5 finite points.

    Linear in end and size for a given rate; the rate is the best of a grid of 60, evenly in its logarithm.
    """
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    if len(pairs) < 5:
        return None
    return min((_fit_at(pairs, _rate(n)) for n in range(RATES)), key=lambda fit: fit.spread)


def _rate(number: int) -> float:
    return SLOWEST * math.pow(FASTEST / SLOWEST, number / (RATES - 1))


def _fit_at(pairs: Sequence[tuple[float, float]], rate: float) -> Saturation:
    count = len(pairs)
    shapes = [math.exp(-rate * a) for a, _ in pairs]
    shape_mean, y_mean = math.fsum(shapes) / count, math.fsum(b for _, b in pairs) / count
    spread = math.fsum((s - shape_mean) ** 2 for s in shapes)
    size = math.fsum((s - shape_mean) * b for s, (_, b) in zip(shapes, pairs, strict=True)) / spread if spread else 0.0
    end = y_mean - size * shape_mean
    squares = math.fsum((b - end - size * s) ** 2 for s, (_, b) in zip(shapes, pairs, strict=True))
    return Saturation(end, size, rate, math.sqrt(squares / max(1, count - 3)))
