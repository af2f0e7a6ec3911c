from __future__ import annotations

import math
import time
from array import array
from typing import Any

import numpy as np
import pytest

from orchestrator.core.observation import Checkpoint, Observations, Series
from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.diagnose import measured
from orchestrator.diagnose.rule import Case

TIMESTEPS = (100.0, 300.0, 500.0, 700.0, 900.0)
TRAIN, HELD_OUT = (0, 1, 2, 3), (20, 21, 22, 23)


def samples(steps: int, batch: int, level: Any, seed: int = 0) -> SampleLosses:
    draw = np.random.default_rng(seed)
    at = np.repeat(np.arange(1, steps + 1), batch)
    t = draw.uniform(1, 999, len(at))
    pictures = draw.integers(0, 20, len(at))
    effects = np.where(np.arange(20) == 7, 0.6, 0.03 * draw.normal(size=20))
    logs = np.log(0.004 + 0.5 * np.exp(-t / 180)) + level(at / steps) + effects[pictures]
    losses = np.exp(logs + 0.18 * draw.normal(size=len(at)))
    return SampleLosses(
        array("q", at.tolist()),
        array("d", t.tolist()),
        array("d", losses.tolist()),
        array("d", [1.0] * len(at)),
        array("q", pictures.tolist()),
    )


def probe(step: int, train: float, held_out: float, *, on: bool = True) -> Probe:
    factors = [train] * len(TRAIN) + [held_out] * len(HELD_OUT)
    losses = tuple(tuple(f * math.exp(-t / 300) / 2 for t in TIMESTEPS) for f in factors)
    targets = tuple(tuple(1.0 for _ in TIMESTEPS) for _ in factors)
    return Probe(step, on, "train" if on else "start", TIMESTEPS, TRAIN + HELD_OUT, losses, targets)


def case(steps: int = 2000, batch: int = 2, drop: float = 0.07, **settings: Any) -> Case:
    """Return a run that learns by `drop`, with a held-out minimum in its middle and one hard picture."""
    lr = array("d", [0.5e-4 * (1 + math.cos(math.pi * n / steps)) for n in range(steps)])
    records = StepRecords(
        array("q", range(1, steps + 1)),
        array("d", [0.1] * steps),
        array("d", [0.0] * steps),
        (array("d", [x / 2 for x in lr]), lr),
    )
    probes = [probe(0, 1.0, 1.0, on=False)]
    for n in range(1, 21):
        share = n / 20
        probes.append(probe(n * steps // 20, 1 - 0.05 * share, 1 - 0.02 * share + 0.06 * max(0.0, share - 0.5)))
    probes.append(probe(steps, 1.0, 1.0, on=False))
    names = [f"10_a/{n}.png" for n in range(20)] + [f"held/{n}.png" for n in range(4)]
    pictures = tuple(
        Picture(n, name, bucket=(512, 512) if n % 2 else (448, 576), is_held_out=n >= 20)
        for n, name in enumerate(names)
    )
    told = Telemetry(
        "probe",
        pictures=pictures,
        samples=samples(steps, batch, lambda share: -drop * share),
        steps=records,
        probes=tuple(probes),
    )
    return Case(observations=Observations(telemetry=told, facts={"steps_per_epoch": 100}), settings=settings)


ASKED = (
    measured.conditioned,
    measured.level_change,
    measured.probe_curves,
    measured.explained,
    measured.picture_effects,
    measured.instability,
    measured.lr_account,
    measured.weight_growth,
)


def test_nothing_is_known_without_observations_or_telemetry() -> None:
    for empty in (
        Case(),
        Case(observations=Observations()),
        Case(observations=Observations(telemetry=Telemetry("log"))),
    ):
        assert [ask(empty) for ask in ASKED] == [None] * len(ASKED)


def test_what_was_measured_is_kept() -> None:
    one = case(300)
    assert measured.conditioned(one) is measured.conditioned(one)
    assert measured.probe_curves(one) is measured.probe_curves(one)
    empty = Case()
    measured.probe_curves(empty)
    assert empty.cache == {"probe_curves": None}


def test_the_probe_is_told_for_both_sets() -> None:
    found = measured.probe_curves(case())
    assert found is not None
    assert found.train is not None
    assert found.held_out is not None
    assert found.train.last == pytest.approx(-5)
    assert found.held_out.best == pytest.approx(-1, abs=0.1)
    assert found.held_out.best_step == 1000
    assert found.held_out.rebound == pytest.approx(2, abs=0.1)
    assert found.base_drift == 0
    assert found.gaps == pytest.approx(dict.fromkeys(TIMESTEPS, 100 * (1.01 / 0.95 - 1)))


def test_the_training_loss_falls_by_what_was_put_in() -> None:
    change = measured.level_change(case())
    assert change is not None
    assert change.percent == pytest.approx(100 * math.expm1(-0.07 * 0.8), abs=1.5)
    assert change.low < change.percent < change.high < 0


def test_the_hard_picture_is_found_by_its_index() -> None:
    found = measured.picture_effects(case())
    assert found is not None
    assert found.rows[0].index == 7
    assert found.rows[0].z > 5
    assert found.rows[0].q < 0.05
    assert found.by_folder is None  # all shown pictures lie in one folder
    assert found.by_bucket is not None
    assert found.by_bucket.p > 0.001


def test_a_sound_run_is_calm() -> None:
    found = measured.instability(case())
    assert found is not None
    assert found.dispersion is not None
    assert found.dispersion.ratio < 2.2
    assert found.spikes == ()
    assert found.noise == pytest.approx(0.18 / math.sqrt(2), rel=0.1)


def test_a_collapse_is_seen_within_twenty_steps() -> None:
    one = case(200)
    told = one.observations.telemetry if one.observations is not None else None
    assert told is not None
    for index, step in enumerate(told.samples.steps):
        if step > 80:
            told.samples.losses[index] = 1.03
    found = measured.explained(one)
    assert found is not None
    assert found.base == pytest.approx(1 - sum(math.exp(-t / 300) / 2 for t in TIMESTEPS) / 5)
    assert found.shares[0] > 0.6
    assert found.collapsed_at == 90


def test_the_strongest_group_is_the_main_one() -> None:
    found = measured.lr_account(case())
    assert found is not None
    assert found.main.source == "group 1"
    assert found.main.peak == pytest.approx(1e-4)
    assert len(found.lrs) == 2
    assert found.step_sizes == ()


def test_stock_logs_have_rates_and_step_sizes_too() -> None:
    steps = array("q", range(1, 101))
    d = [1e-6 * 1.05**n for n in range(100)]
    series = {
        "lr/textencoder": Series("lr/textencoder", steps, array("d", [0.5] * 100)),
        "lr/unet": Series("lr/unet", steps, array("d", [1.0] * 100)),
        "lr/group1": Series("lr/group1", steps, array("d", [1.0] * 100)),
        "lr/d*lr/unet": Series("lr/d*lr/unet", steps, array("d", d)),
        "lr/d*lr/nothing": Series("lr/d*lr/nothing", steps, array("d", d)),
    }
    found = measured.lr_account(Case(observations=Observations(series=series)))
    assert found is not None
    assert [account.source for account in found.lrs] == ["lr/unet", "lr/textencoder"]
    assert [size.source for size in found.step_sizes] == ["lr/d*lr/unet"]
    assert found.step_sizes[0].growth == pytest.approx(1.05**99)


def test_weights_are_told_over_the_files() -> None:
    files = tuple(
        Checkpoint(
            f"{step}", step, None, step == 400, 1, is_readable=True, is_scanned=True, up_count=4, norms={"unet": norm}
        )
        for step, norm in ((100, 0.1), (200, 0.2), (400, 0.4))
    )
    found = measured.weight_growth(Case(observations=Observations(checkpoints=files)))
    assert found is not None
    assert found.groups["unet"].exponent == pytest.approx(1)
    assert found.newest is files[-1]
    header_only = Checkpoint("x", 1, None, is_final=False, size_bytes=1, is_readable=True)
    assert measured.weight_growth(Case(observations=Observations(checkpoints=(header_only,)))) is None


def test_two_thousand_steps_are_measured_at_once() -> None:
    warm, one = case(100), case(2000)
    for ask in ASKED:
        ask(warm)
    begin = time.process_time()
    for ask in ASKED:
        ask(one)
    assert time.process_time() - begin < 0.25


def test_a_hundred_thousand_steps_are_measured_within_three_seconds() -> None:
    one = case(100_000)
    begin = time.process_time()
    for ask in ASKED:
        ask(one)
    assert time.process_time() - begin < 3
