"""Finite numbers brought to where they can be squared, summed and divided: what a run left may be of any size.

A loss of 1e308 is finite, and its square is not. Beyond `LARGEST` a number says no more than "lost"; below `SMALLEST` no more than "next to
nothing". NaN, infinities and 0 stay as they are: they mean something.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.core.observation import Series
    from orchestrator.core.telemetry import Probe, Telemetry

LARGEST, SMALLEST = 1e60, 1e-60
"""A ratio of both in percent, squared and summed over a million rows, is 1e250: a float64 still holds it."""


def bounded(values: array[float]) -> array[float]:
    """Return the values within bounds; the same array where they all are, which is the rule."""
    import numpy as np

    held = np.frombuffer(values, dtype=np.float64)
    size = np.abs(held)
    is_large, is_small = np.isfinite(held) & (size > LARGEST), (size > 0) & (size < SMALLEST)
    if not (is_large.any() or is_small.any()):
        return values
    changed = np.where(is_large, np.copysign(LARGEST, held), np.where(is_small, np.copysign(SMALLEST, held), held))
    return array("d", changed.tobytes())


def bounded_series(series: Series) -> Series:
    """Return a series within bounds."""
    values = bounded(series.values) if len(series) else series.values
    return series if values is series.values else replace(series, values=values)


def bounded_telemetry(seen: Telemetry) -> Telemetry:
    """Return what was recorded, every number of it within bounds."""
    samples, steps = seen.samples, seen.steps
    return replace(
        seen,
        samples=replace(
            samples,
            timesteps=_bounded(samples.timesteps),
            losses=_bounded(samples.losses),
            targets=_bounded(samples.targets),
        ),
        steps=replace(
            steps,
            grad_norms=_bounded(steps.grad_norms),
            clipped=_bounded(steps.clipped),
            lrs=tuple(_bounded(one) for one in steps.lrs),
            ds=tuple(_bounded(one) for one in steps.ds),
        ),
        probes=tuple(_bounded_probe(probe) for probe in seen.probes),
    )


def bounded_number(value: float) -> float:
    """Return one number within bounds."""
    if not math.isfinite(value) or not value or SMALLEST <= abs(value) <= LARGEST:
        return value
    return math.copysign(LARGEST if abs(value) > LARGEST else SMALLEST, value)


def _bounded(values: array[float]) -> array[float]:
    return bounded(values) if len(values) else values


def _bounded_probe(probe: Probe) -> Probe:
    return replace(probe, losses=_rows(probe.losses), targets=_rows(probe.targets))


def _rows(rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(bounded_number(value) for value in row) for row in rows)
