"""Simulated runs are reproducible, whole, labelled as the catalogue says, and look like public ones."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmark.simulate import KINDS, is_for_thresholds, simulate
from benchmark.simulate_kinds import KINDS as DRAWN
from benchmark.simulate_labels import FLAGS
from benchmark.simulate_story import Story, curves_of, held_out_curve, train_curve, truth_of
from benchmark.simulate_world import Draw, draw_world, lr_factors
from orchestrator.core.finding import State

if TYPE_CHECKING:
    from benchmark.simulate import Simulated
    from benchmark.simulate_world import World
    from orchestrator.core.telemetry import Telemetry


def telemetry(run: Simulated) -> Telemetry:
    assert run.case.observations is not None
    assert run.case.observations.telemetry is not None
    return run.case.observations.telemetry


def probe_changes(run: Simulated, *, held_out: bool) -> np.ndarray:
    """Mean log loss against the base, one per probe with the LoRA on."""
    seen = telemetry(run)
    rows = [i for i, p in enumerate(seen.probes[0].pictures) if seen.pictures[p].is_held_out is held_out]
    logs = np.log(np.array([p.losses for p in seen.probes])[:, rows])
    on = [i for i, p in enumerate(seen.probes) if p.is_on]
    return np.asarray((logs[on] - logs[0]).mean(axis=(1, 2)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_run_again(kind: str) -> None:
    first, second = simulate(kind, 7), simulate(kind, 7)
    assert telemetry(first).samples.losses.tobytes() == telemetry(second).samples.losses.tobytes()
    assert repr(first.about) == repr(second.about)
    assert telemetry(first).samples.losses.tobytes() != telemetry(simulate(kind, 8)).samples.losses.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_fit_together(kind: str) -> None:
    run = simulate(kind, 3)
    seen, world = telemetry(run), run.about["story"]["world"]
    samples, steps = seen.samples, seen.steps
    count = world["steps"] * world["batch"]
    assert len(samples) == len(samples.timesteps) == len(samples.losses) == len(samples.targets) == count
    assert len(samples.pictures) == count
    assert list(samples.steps) == sorted(samples.steps)
    assert (samples.steps[0], samples.steps[-1]) == (1, world["steps"])
    assert min(samples.timesteps) >= 0
    assert max(samples.timesteps) <= 1000
    assert set(samples.pictures) == {p.index for p in seen.pictures if not p.is_held_out}
    assert [p.index for p in seen.pictures] == list(range(world["pictures"] + world["held_out"]))
    assert len(steps) == len(steps.grad_norms) == len(steps.clipped) == world["steps"]
    assert all(len(lr) == world["steps"] for lr in (*steps.lrs, *steps.ds))
    assert bool(steps.ds) is world["adaptive"]


@pytest.mark.parametrize("kind", KINDS)
def test_series_and_files_fit_the_telemetry(kind: str) -> None:
    run = simulate(kind, 4)
    seen, observations = telemetry(run), run.case.observations
    assert observations is not None
    world = run.about["story"]["world"]
    by_step = np.array(seen.samples.losses).reshape(world["steps"], world["batch"]).mean(axis=1)
    np.testing.assert_array_equal(np.array(observations.series["loss/current"].values), by_step)
    assert ("loss/validation/epoch_average" in observations.series) is bool(world["held_out"])
    assert observations.checkpoints[-1].is_final
    assert observations.checkpoints[-1].step == world["steps"] == observations.facts["total_steps"]
    assert run.case.settings["max_train_steps"] == world["steps"]


@pytest.mark.parametrize("kind", KINDS)
def test_probe_is_anchored_at_the_base(kind: str) -> None:
    probes = telemetry(simulate(kind, 5)).probes
    assert [p.when for p in probes if not p.is_on] == ["start", "end"]
    assert probes[0].losses == probes[-1].losses or kind == "nan"
    assert sum(p.is_on for p in probes) >= 8
    assert [p.step for p in probes] == sorted(p.step for p in probes)
    assert all(len(row) == len(p.timesteps) for p in probes for row in (*p.losses, *p.targets))
    assert all(len(p.losses) == len(p.targets) == len(p.pictures) for p in probes)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_of_the_kind(kind: str) -> None:
    states = Counter(simulate(kind, seed).label_state for seed in range(12))
    assert set(states) == DRAWN[kind].states if len(DRAWN[kind].states) < 3 else set(states) <= DRAWN[kind].states
    flags = simulate(kind, 0).label_flags
    assert set(DRAWN[kind].flags) <= set(flags) <= set(FLAGS)


def test_every_state_and_flag_is_made() -> None:
    made = [simulate(kind, seed) for kind in KINDS for seed in (0, 1)]
    assert {run.label_state for run in made} == set(State) - {State.INCONCLUSIVE}
    assert {flag for run in made for flag in run.label_flags} == set(FLAGS)
    assert sum(run.is_healthy for run in made if run.about["kind"] in {"learning", "benign"}) == 4
    assert not any(run.is_healthy for run in made if run.about["kind"] in {"spikes", "warmup-long", "undertrained"})


def test_configurations_do_not_give_the_state_away() -> None:
    for kind in ("learning", "converged", "undertrained", "flat", "unstable-lr"):
        found = {simulate(kind, seed).about["configuration"] for seed in range(20)}
        assert len(found) >= 5, kind


def test_probe_follows_the_noise_free_truth() -> None:
    for seed in range(10):
        run = simulate("overfit-held-out", seed)
        truth, world = run.about["truth"], run.about["story"]["world"]
        # The probe's five timesteps weigh the shapes a little differently from the mean over all of them.
        assert probe_changes(run, held_out=False)[-1] == pytest.approx(truth["train_end"], rel=0.15, abs=0.02)
        assert probe_changes(run, held_out=True)[-1] == pytest.approx(truth["held_out_end"], rel=0.3, abs=0.03)
        assert len(probe_changes(run, held_out=True)) >= 8
        assert world["held_out"] >= 2


def test_broken_runs_break_where_they_say() -> None:
    for seed in range(6):
        run = simulate("nan", seed)
        assert run.case.observations is not None
        loss = run.case.observations.series["loss/current"]
        first = next(s for s, v in zip(loss.steps, loss.values, strict=True) if math.isnan(v))
        assert first == run.about["onset_step"]
        lost = telemetry(simulate("collapsed", seed))
        explained = 1 - np.array(lost.samples.losses)[-20:] / np.array(lost.samples.targets)[-20:]
        assert np.abs(explained).max() < 0.2


def test_jitter_is_proportional_to_the_learning_rate() -> None:
    """Half of a linear decay has three times the mean lr of the other half; so has the shaking of the probe."""
    ratios = []
    for seed in range(60):
        run = simulate("unstable-lr", seed)
        if run.about["story"]["world"]["schedule"] == "linear" and not run.about["story"]["damage_rate"] > 8:
            values = probe_changes(run, held_out=False)
            bends = np.diff(values, 2)
            half = len(bends) // 2
            ratios.append(float(np.sqrt((bends[1:half] ** 2).mean() / (bends[half:] ** 2).mean())))
    assert 1.5 < float(np.median(ratios)) < 5


def test_schedules_end_where_the_trainer_ends_them() -> None:
    world = draw_world(Draw(np.random.default_rng(0)))
    for schedule, last in (("constant", 1.0), ("cosine", 0.0), ("linear", 0.0)):
        factors = lr_factors(_as(world, schedule=schedule, warmup=0.1))
        assert factors[-1] == pytest.approx(last, abs=0.01)
        assert factors.max() <= 1
    assert (lr_factors(_as(world, schedule="cosine", warmup=0.0), dead_share=0.5)[-world.steps // 2 + 2 :] < 0.01).all()
    again = lr_factors(_as(world, schedule="cosine_with_restarts", warmup=0.0), restarts=(0.5,))
    assert again[len(again) // 2 - 2] < 0.01
    assert again[len(again) // 2 + 2] > 0.9


def test_truth_of_a_straight_fall() -> None:
    world = _as(draw_world(Draw(np.random.default_rng(1))), schedule="constant", held_out=0, steps=400)
    story = Story(world, gain=0.0, memory=0.04)
    truth = truth_of(story, curves_of(story))
    assert truth.train_end == pytest.approx(-0.04)
    assert truth.train_quarter == pytest.approx(0.25)
    assert truth.train_third == pytest.approx(1 / 3, abs=0.01)
    assert truth.held_out_end is None


def test_memory_costs_held_out_pictures() -> None:
    world = _as(draw_world(Draw(np.random.default_rng(2))), schedule="constant", held_out=3)
    story = Story(world, gain=0.02, carry=0.5, memory=0.2, exchange=0.5)
    curves = curves_of(story)
    assert train_curve(story, curves)[-1] == pytest.approx(-0.22)
    assert held_out_curve(story, curves)[-1] == pytest.approx(0.09)


def test_unknown_kinds_and_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown kind of run 'fine'"):
        simulate("fine", 0)
    with pytest.raises(ValueError, match="from 0 on"):
        simulate("nan", -1)
    assert [is_for_thresholds(seed) for seed in (0, 1, 2)] == [True, False, True]
    assert FLAGS["nan-loss"]


def _as(world: World, **changes: Any) -> World:
    return replace(world, **changes)
