"""Simulated runs look like public ones, whose figures stand here: 5 %, 50 % and 95 % of runs, from benchmark/calibrate.py."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmark import calibrate, simulate_constants
from benchmark.calibrate_measure import Trace, jitter, noise_quantities, residuals, shape_quantities
from benchmark.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmark.simulate import Simulated

PUBLIC = {
    "log loss, t 0-99": (-0.881, -0.822, -0.805),
    "log loss, t 400-499": (-2.75, -2.59, -2.55),
    "log loss, t 900-999": (-5.63, -5.56, -5.54),
    "sigma, t 0-99": (0.0851, 0.0913, 0.105),
    "sigma, t 400-499": (0.155, 0.166, 0.175),
    "sigma, t 900-999": (0.179, 0.192, 0.211),
    "coefficient of variation, raw": (1.2, 1.24, 1.3),
    "variance of log loss, raw / given t": (73.4, 81.4, 85.9),
    "autocorrelation, lag 1": (-0.0595, -0.0465, -0.00539),
    "excess kurtosis given t": (-0.0785, 0.0329, 0.128),
    "largest robust z": (3.41, 3.68, 4.15),
    "training loss at the end": (-0.347, -0.115, -0.0453),
    "held-out loss, lowest": (-0.0191, -0.0167, -0.0117),
    "held-out loss, end above lowest": (0.000923, 0.0209, 0.136),
    "held-out rise / training fall after the lowest": (0.156, 0.339, 0.502),
}


@cache
def simulated() -> Mapping[str, list[float]]:
    return calibrate.quantities(map(calibrate.simulated_trace, calibrate.simulated_runs(140)))


@pytest.mark.parametrize("name", PUBLIC)
def test_public_runs_lie_within_the_simulated_ones(name: str) -> None:
    low, _, high = calibrate.spread(simulated()[name])
    assert low <= PUBLIC[name][1] <= high


@pytest.mark.parametrize("name", ["coefficient of variation, raw", "training loss at the end"])
def test_the_middle_of_simulated_runs_is_a_public_one(name: str) -> None:
    low, _, high = PUBLIC[name]
    slack = 0.25 * (high - low)
    assert low - slack <= calibrate.spread(simulated()[name])[1] <= high + slack


def test_residuals_take_the_timestep_away() -> None:
    rng = np.random.default_rng(0)
    timesteps = rng.integers(0, 1000, 2000).astype(float)
    losses = np.exp(-timesteps / 200 + 0.1 * rng.standard_normal(2000))
    assert residuals(timesteps, losses).std() == pytest.approx(0.1, rel=0.05)
    assert np.log(losses).std() > 1.4


def test_known_noise_is_measured_as_it_is() -> None:
    rng = np.random.default_rng(1)
    timesteps = rng.integers(0, 1000, 6000).astype(float)
    noise = rng.standard_normal(6001)
    losses = np.exp(-1.0 + 0.2 * (noise[1:] + 0.5 * noise[:-1]))
    nothing = np.empty(0)
    seen = noise_quantities(Trace(timesteps, losses, nothing, nothing, 20))
    assert seen["autocorrelation, lag 1"] == pytest.approx(0.4, abs=0.05)
    assert seen["autocorrelation, lag 5"] == pytest.approx(0.0, abs=0.05)
    assert seen["excess kurtosis given t"] == pytest.approx(0.0, abs=0.2)
    assert seen["log loss, t 300-399"] == pytest.approx(-1.0, abs=0.05)


def test_known_curves_are_measured_as_they_are() -> None:
    at = np.linspace(0, 1, 12)
    train = -0.02 * (1 - np.exp(-8 * at)) - 0.2 * at
    held = -0.02 * (1 - np.exp(-8 * at)) + 0.08 * at**2
    seen = shape_quantities(Trace(np.empty(0), np.empty(0), train, held, 20))
    assert seen["misfit of the two-part curve, training"] < 1e-3
    assert seen["held-out loss, end above lowest"] == pytest.approx(held[-1] - held.min())
    assert 0.3 < seen["held-out rise / training fall after the lowest"] < 0.5
    assert jitter(np.arange(10.0)) == pytest.approx(0.0)


def test_shipped_shapes_have_mean_one() -> None:
    timesteps = np.arange(1000)
    for shape in (simulate_constants.GAIN_SHAPE, simulate_constants.MEMORY_SHAPE, simulate_constants.RISE_SHAPE):
        assert np.interp(timesteps, simulate_constants.SHAPE_NODES, shape).mean() == pytest.approx(1.0, abs=0.01)


def test_logs_are_read_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Logs written as the public ones are: the timestep comes back from two losses, and a run in two folders counts once."""
    trace = calibrate.simulated_trace(_single())
    timesteps, losses = np.round(trace.timesteps), trace.losses
    arrays: dict[str, np.ndarray] = {}
    for name in ("a", "b"):
        at = np.linspace(0, 1, 11)
        arrays[f"{name}|loss/train|value"] = losses
        arrays[f"{name}|loss/debiased|value"] = losses / (0.7365 * np.exp(-0.0052 * timesteps))
        arrays[f"{name}|test/test|value"] = 0.1 * np.exp(-0.1 * at)
        arrays[f"{name}|test/val|value"] = 0.1 * np.exp(-0.02 * at + 0.03 * at**2)
    rng = np.random.default_rng(0)
    for index, lr in enumerate(calibrate.SWEEP):
        arrays[f"initial_lr_sweep/{lr}|test/val|value"] = np.exp(10.0 ** (index - 5) * rng.standard_normal(40))
    for sweep in ("original_train", "original_val", "optimal_val", "overtrained_train", "overtrained_val"):
        level = 0.9 if sweep == "overtrained_train" else 1.1 if sweep != "original_train" else 1.0
        level = 1.2 if sweep == "original_val" else level
        arrays[f"loss_snr/{sweep}|loss|value"] = level * np.exp(-np.arange(1000) / 200)
    real = calibrate.Real(arrays)
    assert real.runs() == ["a"]
    np.testing.assert_array_equal(real.trace("a").timesteps, timesteps)
    np.savez(tmp_path / "logs.npz", **arrays)  # type: ignore[arg-type]
    assert calibrate.main([str(tmp_path / "logs.npz"), "--runs", "60"]) == 0
    told = capsys.readouterr().out
    assert "| 1.0e-04 |" in told
    assert "held-out loss, lowest" in told
    assert "MEMORY_SHAPE" in told


def _single() -> Simulated:
    for seed in range(100):
        run = simulate("learning", seed)
        world = run.about["story"]["world"]
        if world["objective"] == "epsilon" and world["batch"] == 1 and world["steps"] >= 1000:
            return run
    raise AssertionError("no such run")
