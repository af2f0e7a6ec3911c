"""Quantities that a simulated run must share with real ones, measured the same way in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BANDS = 10


@dataclass(frozen=True, slots=True)
class Trace:
    """What both kinds of runs have: a loss per picture with its timestep (batch 1), and fixed measurements."""

    timesteps: np.ndarray
    """(N,); empty where unknown"""
    losses: np.ndarray
    """(N,)"""
    train: np.ndarray
    """(K,): log of the loss on fixed training pictures against the first value; empty where absent"""
    held_out: np.ndarray
    """(K,)"""
    epoch: int
    """Steps that show each picture equally often."""


def residuals(timesteps: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return log loss less a curve over the timestep (Legendre, 8) and over the run (quadratic, and with the timestep), (N,)."""
    u, at = timesteps / 500 - 1, np.linspace(0, 1, len(losses))
    design = np.column_stack([np.polynomial.legendre.legvander(u, 8), at, at**2, at * u])
    logs, weight = np.log(losses), np.ones(len(losses))
    rest = logs
    for _ in range(4):
        found = np.linalg.lstsq(design * weight[:, None], logs * weight, rcond=None)[0]
        rest = logs - design @ found
        # A Cauchy weight: outliers must not bend the curve.
        weight = 1 / np.sqrt(1 + (rest / (3 * 1.4826 * np.median(np.abs(rest)))) ** 2)
    return np.asarray(rest)


def noise_quantities(trace: Trace) -> dict[str, float]:
    """Return level, noise by timestep, autocorrelation and tails of one run at batch 1."""
    rest = residuals(trace.timesteps, trace.losses)
    band = np.clip((trace.timesteps / 1000 * BANDS).astype(int), 0, BANDS - 1)
    scale = np.array([rest[band == k].std() for k in range(BANDS)])
    even = rest / scale[band]
    out = {f"log loss, t {100 * k}-{100 * k + 99}": float(np.log(trace.losses[band == k]).mean()) for k in range(BANDS)}
    out |= {f"sigma, t {100 * k}-{100 * k + 99}": float(scale[k]) for k in range(BANDS)}
    out["coefficient of variation, raw"] = float(trace.losses.std() / trace.losses.mean())
    out["variance of log loss, raw / given t"] = float(np.log(trace.losses).var() / rest.var())
    out |= {f"autocorrelation, lag {lag}": float(np.corrcoef(even[lag:], even[:-lag])[0, 1]) for lag in (1, 2, 5)}
    whole = even[: len(even) // trace.epoch * trace.epoch].reshape(-1, trace.epoch).mean(axis=1)
    if len(whole) >= 20:
        out["variance of epoch means x steps (1: pictures alike)"] = float(whole.var() * trace.epoch)
    out["excess kurtosis given t"] = float((even**4).mean() / (even**2).mean() ** 2 - 3)
    out["skewness given t"] = float((even**3).mean() / (even**2).mean() ** 1.5)
    out["largest robust z"] = float(np.abs(even).max() / (1.4826 * np.median(np.abs(even))))
    return out


def shape_quantities(trace: Trace) -> dict[str, float]:
    """Return how far training and held-out pictures got, and how well the simulator's two-part curve fits both."""
    at = np.linspace(0, 1, len(trace.train))
    rate, power, train, held = _two_parts(at, trace.train, trace.held_out)
    fits = {
        "misfit of the two-part curve, training": _misfit(at, trace.train, rate, 1.0, train),
        "misfit of the two-part curve, held-out": _misfit(at, trace.held_out, rate, power, held),
    }
    lowest = int(np.argmin(trace.held_out))
    out = {
        "training loss at the end": float(trace.train[-1]),
        "training loss at the lowest held-out": float(trace.train[lowest]),
        "held-out loss, lowest": float(trace.held_out.min()),
        "held-out loss, end above lowest": float(trace.held_out[-1] - trace.held_out.min()),
        **fits,
    }
    fell = trace.train[lowest] - trace.train[-1]
    if lowest < len(at) - 2 and fell > 0.02:
        out["held-out rise / training fall after the lowest"] = float(
            (trace.held_out[-1] - trace.held_out.min()) / fell
        )
    return out


def _two_parts(at: np.ndarray, train: np.ndarray, held: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Fit gain (1 - exp(-rate x)) and memory (x, or x ** power) to both curves with one rate."""
    best: tuple[float, float, float, np.ndarray, np.ndarray] | None = None
    for rate in np.geomspace(0.5, 50, 20):
        for power in (1.0, 1.25, 1.5, 1.75, 2.0):
            early = 1 - np.exp(-rate * at)
            first = np.linalg.lstsq(np.column_stack([early, at]), train, rcond=None)[0]
            second = np.linalg.lstsq(np.column_stack([early, at**power]), held, rcond=None)[0]
            error = _misfit(at, train, rate, 1.0, first) + _misfit(at, held, rate, power, second)
            if best is None or error < best[0]:
                best = (error, float(rate), power, first, second)
    if best is None:
        raise ValueError("no curve to fit")
    return best[1:]


def _misfit(at: np.ndarray, values: np.ndarray, rate: float, power: float, parts: np.ndarray) -> float:
    """Return the root mean square of what the two parts leave."""
    fitted = np.column_stack([1 - np.exp(-rate * at), at**power]) @ parts
    return float(np.sqrt(((values - fitted) ** 2).mean()))


def jitter(values: np.ndarray) -> float:
    """Return the noise between neighbours: rms of second differences / sqrt(6)."""
    return float(np.sqrt((np.diff(values, 2) ** 2).mean() / 6))
