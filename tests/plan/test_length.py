"""Repeats, epochs and the exposure band."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.provenance import Source
from orchestrator.plan.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]
    Refused = Callable[..., dict[str, Problem]]

OFF = "validate: {hold_out: 0}\n"
TWO = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar, class_tokens: girl}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
validate: {hold_out: 0}
concepts:
"""


@pytest.mark.parametrize("count", [5, 12, 20, 33, 80, 150, 700])
@pytest.mark.parametrize("target", [500, 1500, 3000])
def test_whole_epochs_come_near_the_target(plan_of: PlanOf, pictures: Pictures, count: int, target: int) -> None:
    pictures("set", count)
    plan = plan_of(OFF + f"train: {{target_steps: {target}}}\n")
    half_an_epoch = plan.steps.steps_per_epoch / 2
    assert abs(plan.steps.total_steps - target) <= max(half_an_epoch, 0.02 * target)
    assert plan.train["max_train_epochs"].value == plan.steps.epochs
    assert "max_train_steps" not in plan.train


@pytest.mark.parametrize("count", [5, 12, 20, 33, 80, 150])
def test_epochs_are_short_and_many(plan_of: PlanOf, pictures: Pictures, count: int) -> None:
    pictures("set", count)
    plan = plan_of(OFF)
    assert 100 <= plan.steps.train_samples <= 450
    assert plan.steps.epochs >= 8


def test_repeats_of_the_recipe_stay(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(OFF + "train: {target_steps: 800}\n", "concepts[0].num_repeats=10")
    assert plan.subsets[0].num_repeats == 10
    assert (plan.steps.epochs, plan.steps.total_steps) == (8, 800)
    assert "100 steps per epoch x 8 = 800" in plan.train["max_train_epochs"].because.en


def test_epochs_of_the_recipe_stay_and_repeats_follow(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(OFF + "train: {target_steps: 1000, max_train_epochs: 5}\n")
    assert plan.train["max_train_epochs"].source is Source.RECIPE
    assert plan.subsets[0].num_repeats == 20
    assert plan.steps.total_steps == 1000


def test_target_is_only_compared_when_both_are_fixed(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(OFF + "train: {target_steps: 1500, max_train_epochs: 3}\n", "concepts[0].num_repeats=10")
    assert plan.steps.total_steps == 300
    assert any("`target_steps` is 1500" in note.en for note in plan.notes)


def test_shares_balance_concepts_of_different_size(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("face", 8)
    pictures("body", 40)
    plan = plan_of(TWO + "  - {image_dir: face, share: 0.5}\n  - {image_dir: body, share: 0.5}\n")
    samples = [s.num_repeats * len(s.sizes) for s in plan.subsets]
    assert samples[0] / sum(samples) == pytest.approx(0.5, abs=0.04)
    assert "wanted 50%" in (plan.subsets[0].because.en if plan.subsets[0].because else "")


def test_what_has_no_share_takes_the_rest(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("face", 10)
    pictures("body", 10)
    pictures("more", 20)
    plan = plan_of(TWO + "  - {image_dir: face, share: 0.6}\n  - image_dir: body\n  - image_dir: more\n")
    samples = [s.num_repeats * len(s.sizes) for s in plan.subsets]
    assert samples[0] / sum(samples) == pytest.approx(0.6, abs=0.05)
    assert plan.subsets[1].num_repeats == plan.subsets[2].num_repeats


def test_regularisation_doubles_the_samples_and_keeps_the_target(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    pictures("reg", 50, caption=None)
    plan = plan_of(TWO + "  - image_dir: set\n  - {image_dir: reg, is_reg: true, class_tokens: girl}\n")
    assert sum(n for _, _, n in plan.steps.buckets) == 2 * plan.steps.train_samples
    assert plan.steps.total_steps == pytest.approx(1500, rel=0.05)
    assert plan.subsets[1].is_reg
    assert plan.subsets[1].num_repeats == 1


def test_band_moves_the_steps_and_says_so(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 10)
    plan = plan_of(OFF + "train: {target_steps: 3000, exposures_per_image: [50, 120]}\n")
    assert 50 <= plan.steps.exposures_per_image <= 120
    assert plan.steps.total_steps < 3000
    (note,) = [n for n in plan.notes if "outside the band 50-120" in n.en]
    assert plan.steps.is_band_bound
    assert f"{plan.steps.total_steps} steps instead" in note.en
    assert plan.train["max_train_epochs"].because == note


def test_band_moves_upwards_too(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 100)
    plan = plan_of(OFF + "train: {target_steps: 500, exposures_per_image: [30, 120]}\n")
    assert 30 <= plan.steps.exposures_per_image <= 120
    assert plan.steps.total_steps > 500


@pytest.mark.parametrize("count", [7, 13, 20, 41, 90, 230])
@pytest.mark.parametrize("band", [(20, 30), (60, 100), (80, 90)])
def test_band_holds_for_every_size(plan_of: PlanOf, pictures: Pictures, count: int, band: tuple[int, int]) -> None:
    pictures("set", count)
    plan = plan_of(OFF + f"train: {{exposures_per_image: [{band[0]}, {band[1]}]}}\n")
    assert band[0] <= plan.steps.exposures_per_image <= band[1]


def test_an_epoch_that_is_longer_than_the_band_is_said_to_be(plan_of: PlanOf, pictures: Pictures) -> None:
    """Nothing was moved: the note must not speak of steps taken instead, nor the plan of a band that decides."""
    pictures("set", 12)
    band = OFF + "train: {target_steps: 1500, exposures_per_image: [40, 200]}\n"
    plan = plan_of(band, "concepts[0].num_repeats=300")
    assert (plan.steps.epochs, plan.steps.total_steps) == (1, 3600 // plan.train["train_batch_size"].value)
    (note,) = [n for n in plan.notes if "band 40-200" in n.en]
    assert "one epoch alone" in note.en
    assert "lower `num_repeats`" in note.en
    assert "instead" not in note.en
    assert not plan.steps.is_band_bound


def test_the_plan_keeps_who_asked_for_the_steps(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 12)
    assert plan_of(OFF).target is None
    asked = plan_of(OFF, "train.target_steps=1500").target
    assert asked is not None
    assert (asked.value, asked.source) == (1500, Source.COMMAND_LINE)


def test_inside_the_band_nothing_is_said(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(OFF + "train: {exposures_per_image: [50, 400]}\n")
    assert not any("band" in n.en for n in plan.notes)
    assert not plan.steps.is_band_bound


def test_fixed_epochs_beat_the_band_and_say_so(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    body = OFF + "train: {max_train_epochs: 2, exposures_per_image: [50, 400]}\n"
    plan = plan_of(body, "concepts[0].num_repeats=1")
    assert plan.steps.epochs == 2
    assert any("outside the band" in n.en for n in plan.notes)


def test_a_number_of_steps_is_refused(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 20)
    (problem,) = refused("trainer_args: {max_train_steps: 1000}\n").values()
    assert "max_train_steps" in problem.what.en
    assert problem.why is not None
    assert "overshoot" in problem.why.en


def test_share_means_nothing_for_regularisation(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 20)
    pictures("reg", 5)
    problems = refused(TWO + "  - image_dir: set\n  - {image_dir: reg, is_reg: true, share: 0.5}\n")
    assert "share-of-regularisation" in problems


@pytest.mark.parametrize("shape", [(700, 500), (512, 512)])
def test_processes_and_accumulation_count(plan_of: PlanOf, pictures: Pictures, shape: tuple[int, int]) -> None:
    pictures("set", 20, shape)
    body = OFF + "train: {target_steps: 200, num_processes: 2, gradient_accumulation_steps: 2, train_batch_size: 2}\n"
    plan = plan_of(body, "concepts[0].num_repeats=8")
    assert plan.steps.batches_per_epoch == 80
    assert plan.steps.steps_per_epoch == 20
    assert plan.steps.total_steps == 200
    assert plan.num_processes == 2


def test_one_epoch_is_one(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 12)
    plan = plan_of("train: {target_steps: 600, max_train_epochs: 1}\n")
    told = [*plan.steps.lines, *plan.notes, *(row.because for row in explain(plan))]
    assert not [text.en for text in told if re.search(r"\b1 (epochs|files)\b", text.en)]
    assert any("1 epoch" in text.en for text in told)
