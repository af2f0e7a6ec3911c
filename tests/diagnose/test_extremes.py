"""No rule fails on a finite number, however large or small: a lost run leaves losses of 1e308, an empty picture leaves 0."""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.diagnose.bounded import LARGEST, SMALLEST, bounded, bounded_number
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rules.nan_loss import RULE as NAN_LOSS
from orchestrator.diagnose.window import checkpoint_window
from tests.diagnose.cases import catches_not, observed, series
from tests.diagnose.recorded import approach, file_at, recorded, step_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.telemetry import Probe, Telemetry
    from orchestrator.diagnose.rule import Case

EXTREMES = (1e308, -1e308, 1e-308, -1e-308, -0.0, 5e-324, sys.float_info.max)
COUNT = 400
FILES = [file_at(step, te=0.001) for step in (200, 400)]
TAGS = (
    "loss/average",
    "loss/epoch_average",
    "loss/validation/epoch_average",
    "loss/validation/step_average",
    "lr/unet",
    "lr/d*lr/unet",
)
SETTINGS: dict[str, Any] = {"network_module": "networks.lora", "lr_scheduler": "cosine"}


def patterns(extreme: float, count: int = COUNT, usual: float = 0.2) -> Iterator[list[float]]:
    """One of them, all of them, the end, every other, and all extremes in turn."""
    half = count // 2
    yield [*[usual] * half, extreme, *[usual] * (count - half - 1)]
    yield [extreme] * count
    yield [*[usual] * (count - count // 4), *[extreme] * (count // 4)]
    yield [usual if n % 2 else extreme for n in range(count)]
    yield [EXTREMES[n % len(EXTREMES)] for n in range(count)]


def survives(case: Case) -> None:
    """Judge with every rule, letting exceptions and warnings through, and choose files."""
    checkpoint_window(case, judge(case, "after", reraise=True))


def with_telemetry(case: Case, **changes: Any) -> Case:
    assert case.observations is not None
    assert case.observations.telemetry is not None
    seen: Telemetry = replace(case.observations.telemetry, **changes)
    return replace(case, observations=replace(case.observations, telemetry=seen), cache={})


@pytest.mark.parametrize("extreme", EXTREMES)
def test_the_trainers_series(extreme: float) -> None:
    for values in patterns(extreme):
        survives(observed(values, facts={"steps_per_epoch": 40, "total_steps": COUNT}, unet_lr=1e-4, **SETTINGS))
        for tag in TAGS:
            shown = values[: COUNT // 10] if "epoch" in tag else values
            further = [series(shown, tag)]
            facts = {"steps_per_epoch": 40}
            survives(
                observed([0.2] * COUNT, further=further, facts=facts, optimizer_type="prodigy", unet_lr=1.0, **SETTINGS)
            )


@pytest.mark.parametrize("extreme", EXTREMES)
def test_what_the_recorder_wrote(extreme: float) -> None:
    fine = recorded(approach(-6.0, 4), approach(-5.0, 4), losses=[0.2] * COUNT, optimizer_type="prodigy", unet_lr=1.0)
    assert fine.observations is not None
    assert fine.observations.telemetry is not None
    samples = fine.observations.telemetry.samples
    for values in patterns(extreme):
        row = array("d", values)
        for spoilt in (replace(samples, losses=row), replace(samples, targets=row), replace(samples, timesteps=row)):
            survives(with_telemetry(fine, samples=spoilt))
        steps = replace(step_records(COUNT, lr=values, d=values), grad_norms=row, clipped=row)
        survives(with_telemetry(fine, steps=steps))


@pytest.mark.parametrize("extreme", EXTREMES)
def test_probes(extreme: float) -> None:
    for values in patterns(extreme, 12, -3.0):
        survives(recorded(values, values, losses=[0.2] * COUNT, checkpoints=FILES))
        survives(recorded(approach(-4.0), values, losses=[0.2] * COUNT, checkpoints=FILES))
    fine = recorded(approach(-6.0), approach(-5.0), losses=[0.2] * COUNT, checkpoints=FILES)
    assert fine.observations is not None
    assert fine.observations.telemetry is not None

    def spoilt(probe: Probe, *, is_base: bool) -> Probe:
        if is_base == probe.is_on:
            return probe
        return replace(probe, losses=tuple(tuple(extreme for _ in row) for row in probe.losses))

    for is_base in (True, False):
        probes = tuple(spoilt(probe, is_base=is_base) for probe in fine.observations.telemetry.probes)
        survives(with_telemetry(fine, probes=probes))


@pytest.mark.parametrize("extreme", EXTREMES)
def test_norms_of_files(extreme: float) -> None:
    files = [file_at(200, te=0.01), file_at(400, unet=extreme, te=extreme), file_at(600, unet=0.01, te=extreme)]
    survives(observed([0.2] * COUNT, checkpoints=files, unet_lr=extreme, network_dim=8, network_alpha=8, **SETTINGS))
    survives(recorded(approach(-6.0), checkpoints=files))


def test_a_huge_loss_is_no_nan() -> None:
    catches_not(NAN_LOSS, observed([0.2] * 50 + [1e308] * 50))


def test_numbers_of_every_day_are_left_alone() -> None:
    values = array("d", [0.0, -0.0, 0.2, 1e-30, -3e40, math.nan, math.inf, -math.inf])
    assert bounded(values) is values
    wild, tame = (
        [1e308, -1e308, 1e-308, -5e-324, math.inf, 0.5],
        [LARGEST, -LARGEST, SMALLEST, -SMALLEST, math.inf, 0.5],
    )
    assert list(bounded(array("d", wild))) == tame
    assert [bounded_number(value) for value in wild] == tame
    assert bounded_number(0.0) == 0.0
