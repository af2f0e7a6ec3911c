"""Cases of recorded runs: telemetry made from curves that are written down, without noise of its own."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.core.observation import Checkpoint, GroupWeights, Observations
from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.diagnose.rule import Case
from tests.diagnose.cases import checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.plan.model import Plan

TIMESTEPS = (100.0, 300.0, 500.0, 700.0, 900.0)
TRAIN, HELD_OUT = (0, 1, 2, 3), (4, 5)
TARGET = 1.0
FIT = {"network_dim": 8.0, "network_alpha": 8.0, "unet_lr": 1e-4, "network_module": "networks.lora", "family": "sd15"}
"""Settings of an ordinary run."""


def numbers(values: Sequence[float]) -> array[float]:
    """Return float64 values."""
    return array("d", values)


def whole(count: int) -> array[int]:
    """Return the steps 1 ... count."""
    return array("q", range(1, count + 1))


def shaken(values: Sequence[float], by: float) -> list[float]:
    """Return values that go up and down by `by` in turn."""
    return [value + (by if index % 2 else -by) for index, value in enumerate(values)]


def approach(end: float, probes: int = 12, rate: float = 5.0) -> list[float]:
    """Return a curve that falls, or rises, to `end` as an exponential approach."""
    whole_way = 1 - math.exp(-rate)
    return [end * (1 - math.exp(-rate * (n + 1) / probes)) / whole_way for n in range(probes)]


def probes(train: Sequence[float], held_out: Sequence[float] | None = None, every: int = 100) -> tuple[Probe, ...]:
    """Return the base model at both ends and the LoRA every `every` steps: changes in percent against the base, one per probe."""
    who = TRAIN + (HELD_OUT if held_out is not None else ())
    base = 0.2

    def probe(step: int, train_change: float, held_change: float, *, is_on: bool) -> Probe:
        changes = [held_change if index in HELD_OUT else train_change for index in who]
        losses = tuple(tuple(base * (1 + change / 100) for _ in TIMESTEPS) for change in changes)
        targets = tuple((TARGET,) * len(TIMESTEPS) for _ in who)
        return Probe(step, is_on, "train" if is_on else "start", TIMESTEPS, who, losses, targets, 0.1)

    held = held_out or [0.0] * len(train)
    on = [probe((n + 1) * every, t, h, is_on=True) for n, (t, h) in enumerate(zip(train, held, strict=True))]
    return (probe(0, 0, 0, is_on=False), *on, probe(len(train) * every, 0, 0, is_on=False))


def samples(losses: Sequence[float]) -> SampleLosses:
    """Return one picture per step with this loss, timesteps and pictures in turn."""
    count = len(losses)
    return SampleLosses(
        whole(count),
        numbers([TIMESTEPS[n % 5] + n % 7 for n in range(count)]),
        numbers(losses),
        numbers([TARGET] * count),
        array("q", [TRAIN[n % 4] for n in range(count)]),
    )


def step_records(
    count: int,
    *,
    lr: Sequence[float] | None = None,
    d: Sequence[float] | None = None,
    clipped: Sequence[float] | None = None,
) -> StepRecords:
    """Return one row per step, one parameter group."""
    unknown = numbers([float("nan")] * count)
    return StepRecords(
        whole(count),
        unknown,
        numbers(clipped) if clipped is not None else unknown,
        (numbers(lr),) if lr is not None else (),
        (numbers(d),) if d is not None else (),
    )


def recorded(
    train: Sequence[float] | None = None,
    held_out: Sequence[float] | None = None,
    *,
    every: int = 100,
    losses: Sequence[float] | None = None,
    steps: StepRecords | None = None,
    checkpoints: Sequence[Checkpoint] = (),
    plan: Plan | None = None,
    family: str = "sd15",
    **settings: Any,
) -> Case:
    """Return the case of a run with telemetry: `train` and `held_out` are the probe's changes against the base, percent."""
    pictures = tuple(Picture(n, f"10_alice/{n:03d}.png", f"{n:08x}") for n in TRAIN)
    if held_out is not None:
        pictures += tuple(Picture(n, f"1_held/{n:03d}.png", f"{n:08x}", is_held_out=True) for n in HELD_OUT)
    telemetry = Telemetry(
        mode="probe",
        objective="epsilon",
        pictures=pictures,
        samples=samples(losses) if losses is not None else SampleLosses(),
        steps=steps or StepRecords(),
        probes=probes(train, held_out, every) if train is not None else (),
        is_complete=True,
    )
    seen = Observations(
        telemetry=telemetry,
        checkpoints=tuple(checkpoints),
        facts={"total_steps": len(train or ()) * every or len(steps or ()) or 1000},
    )
    known = {**FIT, **settings}
    known.pop("family")
    return Case(plan=plan, observations=seen, settings=known, family=family)


def ended_early(case: Case, planned: int = 5000) -> Case:
    """Return the case of a run that was to be far longer than what is recorded of it."""
    assert case.observations is not None
    return replace(case, observations=replace(case.observations, facts={"total_steps": planned}))


def weights(effective_rank: float, rank: int = 8, *, shares: Sequence[float] = (), norm: float = 0.1) -> GroupWeights:
    """Return what a file says about one part."""
    share = effective_rank / rank
    return GroupWeights(
        modules=100,
        dead=0,
        rank=rank,
        mean_norm=norm,
        rms=norm / 100,
        spectral_norm=norm,
        effective_rank=effective_rank,
        stable_rank=effective_rank,
        rank_shares=tuple(shares) or (share,) * 11,
    )


def file_at(step: int, unet: float = 0.01, te: float | None = None, **changes: Any) -> Checkpoint:
    """Return a network file of a step, with the root mean square of its updates."""
    norms = {"unet": unet} | ({} if te is None else {"te": te})
    return checkpoint(f"output/run-step{step:08d}.safetensors", step=step, is_final=False, norms=norms, **changes)
