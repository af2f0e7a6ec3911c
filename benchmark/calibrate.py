"""Compare simulated runs with public real ones, quantity by quantity, and recompute the simulator's constants.

usage: python -m benchmark.calibrate NPZ [--runs N]
NPZ: scalars of spacepxl/demystifying-sd-finetuning (Apache-2.0, commit f23a53e), keys `<run>|<tag>|step` and `|value`. At batch 1 the
timestep of each step follows from the loss logged with and without the weight 0.7365 exp(-0.0052 t).
Real runs with equal curves (the same run in two folders) count once. Ranges: 5 % to 95 % of runs.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark import simulate_constants as constants
from benchmark.calibrate_measure import Trace, jitter, noise_quantities, shape_quantities
from benchmark.simulate import simulate
from benchmark.simulate_labels import SHAKING, STEADY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmark.simulate import Simulated

SLOPE, FACTOR = 0.0052, 0.7365
EPOCH = 20
"""Steps of an epoch of the public runs at batch 1: of all block lengths the one whose means vary least, in every seed."""
LIKE_PUBLIC = ("learning", "undertrained", "converged", "overfit-held-out")
"""Kinds that public runs are of: nothing planted."""
SWEEP = ("1.0e-07", "1.0e-06", "1.0e-05", "1.0e-04")


@dataclass(frozen=True, slots=True)
class Real:
    """The logs."""

    arrays: Mapping[str, np.ndarray]

    def values(self, run: str, tag: str) -> np.ndarray:
        """Return one scalar over training, (N,); empty where it was not logged."""
        return np.asarray(self.arrays.get(f"{run}|{tag}|value", np.empty(0)), dtype=np.float64)

    def runs(self) -> list[str]:
        """Return runs with a training loss, without those that appear twice."""
        found: dict[bytes, str] = {}
        for name in sorted({key.split("|")[0] for key in self.arrays}):
            loss = self.values(name, "loss/train")
            if len(loss):
                found.setdefault(loss[:500].tobytes() + str(len(loss)).encode(), name)
        return list(found.values())

    def trace(self, run: str) -> Trace:
        """Return timesteps (batch 1 only) and fixed measurements."""
        loss, weighted = self.values(run, "loss/train"), self.values(run, "loss/debiased")
        loss = loss if len(weighted) else weighted
        use = (loss > 0) & (weighted > 0)
        timesteps = -np.log(loss[use] / weighted[use] / FACTOR) / SLOPE
        is_single = use.sum() > 900 and bool((np.abs(timesteps - np.round(timesteps)) < 0.05).mean() > 0.99)
        train, held = self.values(run, "test/test"), self.values(run, "test/val")
        is_measured = len(train) >= 8 and bool((train > 0).all()) and len(train) == len(held)
        return Trace(
            np.round(timesteps) if is_single else np.empty(0),
            loss[use] if is_single else np.empty(0),
            np.log(train / train[0]) if is_measured else np.empty(0),
            np.log(held / held[0]) if is_measured else np.empty(0),
            EPOCH,
        )


def simulated_trace(run: Simulated) -> Trace:
    """Return the same of a simulated run; no pictures' losses unless it has noise prediction, batch 1 and 900 steps."""
    telemetry = run.case.observations.telemetry if run.case.observations else None
    if telemetry is None:
        raise ValueError("a simulated run has telemetry")
    world = run.about["story"]["world"]
    is_single = world["batch"] == 1 and world["steps"] >= 900
    samples = telemetry.samples
    probes = [p for p in telemetry.probes if p.is_on or p.when == "start"]
    logs = np.log(np.array([p.losses for p in probes]))
    held = np.array([telemetry.pictures[i].is_held_out for i in probes[0].pictures])
    change = (logs - logs[0]).mean(axis=2)
    return Trace(
        np.array(samples.timesteps) if is_single else np.empty(0),
        np.array(samples.losses) if is_single else np.empty(0),
        change[:, ~held].mean(axis=1),
        change[:, held].mean(axis=1) if held.any() else np.empty(0),
        world["pictures"] * world["repeats"],
    )


def simulated_runs(count: int) -> Iterator[Simulated]:
    """Return runs of noise prediction of the kinds that public runs are of; threshold seeds only."""
    for index in range(count):
        run = simulate(LIKE_PUBLIC[index % len(LIKE_PUBLIC)], 2 * index)
        if run.about["story"]["world"]["objective"] == "epsilon":
            yield run


def quantities(traces: Iterable[Trace]) -> dict[str, list[float]]:
    """Return every quantity of every run that has it."""
    found: dict[str, list[float]] = {}
    for trace in traces:
        seen: dict[str, float] = {}
        if len(trace.losses):
            seen |= noise_quantities(trace)
        if len(trace.held_out):
            seen |= shape_quantities(trace)
        for name, value in seen.items():
            found.setdefault(name, []).append(value)
    return found


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the 5 %, 50 % and 95 % points."""
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return float(low), float(middle), float(high)


def rows(real: Mapping[str, list[float]], simulated: Mapping[str, list[float]]) -> list[str]:
    """Return a Markdown table: real, simulated, and whether the real median lies within the simulated range."""
    lines = [
        "| quantity | real (n): 5 / 50 / 95 % | simulated (n): 5 / 50 / 95 % | holds the real median |",
        "|---|---|---|---|",
    ]
    for name, values in real.items():
        theirs, ours = spread(values), spread(simulated[name])
        told = [" / ".join(f"{v:.3g}" for v in three) for three in (theirs, ours)]
        holds = "yes" if ours[0] <= theirs[1] <= ours[2] else "**no**"
        lines.append(f"| {name} | {told[0]} ({len(values)}) | {told[1]} ({len(simulated[name])}) | {holds} |")
    return lines


def jitter_rows(real: Real) -> list[str]:
    """Return the jitter of the held-out loss by learning rate, its slope, and what the simulator draws."""
    lines = ["| lr (fine-tune, real) | jitter of the held-out loss, % |", "|---|---|"]
    found = [jitter(np.log(real.values(f"initial_lr_sweep/{lr}", "test/val"))) for lr in SWEEP]
    lines += [f"| {lr} | {100 * j:.3f} |" for lr, j in zip(SWEEP, found, strict=True)]
    slope = np.polyfit(np.log([float(lr) for lr in SWEEP]), np.log(found), 1)[0]
    lines += [
        "",
        f"Slope of log jitter over log lr: {slope:.2f} real; 1 in the simulator, by construction. Simulated jitter at the",
    ]
    lines += [f"peak lr: 0.01-{100 * STEADY:.2f} % in steady runs, {100 * SHAKING:.1f}-6 % in unstable ones."]
    return lines


def recomputed(real: Real) -> dict[str, np.ndarray]:
    """Return the shipped constants, computed again."""
    every = {name: np.log(real.values(f"loss_snr/{name}", "loss")) for name in _SWEEPS}
    sigma = [noise_quantities(t) for t in map(real.trace, real.runs()) if len(t.losses)]
    names = [f"sigma, t {low - 50}-{low + 49}" for low in constants.SIGMA_NODES]
    return {
        "BASE_LOG_LOSS": _broken_line(every["original_train"], constants.BASE_NODES),
        "SIGMA": np.array([np.median([one[name] for one in sigma]) for name in names]),
        "GAIN_SHAPE": _shape(every["optimal_val"] - every["original_val"]),
        "MEMORY_SHAPE": _shape(every["overtrained_train"] - every["original_train"]),
        "RISE_SHAPE": _shape(every["overtrained_val"] - every["original_val"]),
    }


_SWEEPS = ("original_train", "original_val", "optimal_val", "overtrained_train", "overtrained_val")


def _broken_line(values: np.ndarray, nodes: Iterable[int]) -> np.ndarray:
    """Return heights at evenly spaced nodes of the broken line nearest to values at timesteps 0, 1, 2 ..."""
    at = np.array(list(nodes))
    hats = np.maximum(0, 1 - np.abs(np.arange(len(values))[:, None] - at) / (at[1] - at[0]))
    return np.asarray(np.linalg.lstsq(hats, values, rcond=None)[0])


def _shape(change: np.ndarray) -> np.ndarray:
    return np.asarray(_broken_line(change, constants.SHAPE_NODES) / change.mean())


def constant_rows(real: Real) -> list[str]:
    """Return how far the shipped constants lie from those computed again."""
    lines = ["| constant | largest difference to the logs |", "|---|---|"]
    for name, values in recomputed(real).items():
        lines.append(f"| {name} | {np.abs(values - np.array(getattr(constants, name))).max():.4f} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npz")
    parser.add_argument("--runs", type=int, default=400, help="simulated runs")
    options = parser.parse_args(arguments)
    with np.load(options.npz) as arrays:
        real = Real(dict(arrays))
    ours = quantities(map(simulated_trace, simulated_runs(options.runs)))
    theirs = quantities(map(real.trace, real.runs()))
    lines = ["## Constants", "", *constant_rows(real), "", "## Quantities", "", *rows(theirs, ours)]
    print("\n".join([*lines, "", "## Jitter", "", *jitter_rows(real)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
