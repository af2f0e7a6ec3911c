"""Axes: which part of the number line a chart shows, and where its labels stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from orchestrator.core.number_text import short_number

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["linear", "log"]
LARGEST = 1e100
"""Values beyond it are drawn at the edge: differences and ratios of the largest floats are infinite."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis. Values between `low` and `high` are laid on pixels `start` to `end`."""

    kind: Kind
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the pixel of a finite value. What lies beyond the axis is drawn on its edge."""
        value = min(max(value, self.low), self.high)
        if self.kind == "log":
            share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * share


def choose_kind(values: Sequence[float]) -> Kind:
    """Return `log` where finite positive values span more than a factor of 30, else `linear`."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return "log" if low > 0 and high / low > 30 else "linear"


def make_scale(kind: Kind, values: Sequence[float], start: float, end: float) -> Scale:
    """Return an axis with room for all finite `values`. An empty sequence gives 0 to 1."""
    low = max(min(values, default=0.0), -LARGEST)
    high = min(max(values, default=1.0), LARGEST)
    if kind == "log" and low > 0:
        low = max(low, 1 / LARGEST)
        room = max((high / low) ** 0.04, 1.05)
        return Scale("log", low / room, max(high, low) * room, start, end)
    is_flat = high - low <= 1e-9 * max(abs(low), abs(high), 1 / LARGEST)
    # A wobble in the seventh digit is rounding: it is shown as the flat line it is.
    room = (abs(high) * 0.25 or 0.5) if is_flat else max((high - low) * 0.05, max(abs(low), abs(high)) * 5e-4)
    # A curve that comes near zero is shown with zero, so that its size can be judged.
    is_near_zero = 0 <= low <= 0.4 * high
    return Scale("linear", 0.0 if is_near_zero else low - room, high + room, start, end)


def ticks(scale: Scale, wanted: int) -> list[tuple[float, str]]:
    """Return about `wanted` places for labels, (value, label), in ascending order."""
    values = _log_ticks(scale, wanted) if scale.kind == "log" else _linear_ticks(scale, wanted)
    apart = min((later - earlier for earlier, later in pairwise(values)), default=1.0)
    largest = max((abs(value) for value in values), default=1.0)
    # Neighbours must differ: 0.17123 and 0.17124 need more digits than 0.1 and 0.2.
    digits = max(4, math.ceil(math.log10(largest / apart)) + 1) if apart > 0 and largest > 0 else 4
    return [(value, short_number(value, digits)) for value in values]


def _linear_ticks(scale: Scale, wanted: int) -> list[float]:
    span = scale.high - scale.low
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    unit = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(scale.low / unit - 1e-9)
    last = math.floor(scale.high / unit + 1e-9)
    # Multiples are rounded to the digits of the unit, or 3 * 0.1 would read 0.30000000000000004.
    digits = 2 - math.floor(math.log10(unit))
    return [round(index * unit, digits) for index in range(first, last + 1)]


def _log_ticks(scale: Scale, wanted: int) -> list[float]:
    lowest, highest = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    decades = highest - lowest
    stride = max(1, math.ceil(decades / max(wanted, 1)))
    steps = (1, 2, 5) if decades <= 2 else (1, 3) if decades <= 3 else (1,)
    values = [step * 10.0**exponent for exponent in range(lowest, highest + 1, stride) for step in steps]
    inside = [value for value in values if scale.low <= value <= scale.high]
    return inside if len(inside) > 1 else _linear_ticks(scale, wanted)


def step_ticks(low: int, high: int, wanted: int) -> list[int]:
    """Return whole steps to label between `low` and `high`, both ends' neighbourhood included."""
    if high <= low:
        return [low]
    scale = Scale("linear", float(low), float(high), 0.0, 1.0)
    return sorted({round(value) for value in _linear_ticks(scale, wanted)})
