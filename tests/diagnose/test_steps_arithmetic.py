from __future__ import annotations

from dataclasses import replace

from orchestrator.core.finding import Location, Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.core.provenance import Source
from orchestrator.core.text import same
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.steps_arithmetic import RULE
from orchestrator.plan.model import Resolved
from tests.diagnose.cases import catches, catches_not, plan, recipe, step_plan


def _planned(total: int, wish: int | None = None, announced: int | None = None) -> Case:
    wanted = recipe(train={"target_steps": wish}) if wish is not None else recipe()
    seen = Observations(facts={"total_steps": announced}) if announced is not None else None
    return Case(recipe=wanted, plan=plan(steps=step_plan(total, epochs=5)), observations=seen)


def test_another_announcement_than_planned_is_to_fix() -> None:
    finding = catches(RULE, _planned(1500, announced=1600), Severity.FIX)
    assert (finding.evidence[0].value, finding.evidence[0].limit) == (1600, 1500)


def test_a_missed_wish_is_told_as_information() -> None:
    assert "5 epochs of 350 steps" in catches(RULE, _planned(1750, wish=1500), Severity.INFO).message.en


def test_the_band_of_exposures_is_named_where_it_moved_the_steps() -> None:
    wanted = recipe(train={"target_steps": 2500, "exposures_per_image": [40.0, 200.0]})
    few = Case(recipe=wanted, plan=plan(steps=step_plan(1100, exposures=200.0)))
    assert "`train.exposures_per_image` allows 1100" in catches(RULE, few).message.en


def test_a_wish_nearly_met_is_clear() -> None:
    catches_not(RULE, _planned(1500, wish=1400, announced=1500), Status.CLEAR)


def test_a_foreign_run_has_no_plan() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)


def _wished(source: Source, **train: object) -> Case:
    target = Resolved(
        1500, source, same("test"), "train.target_steps", Location("a.yaml", 7, 3, "target_steps: 1500", 4)
    )
    epochs = Resolved(11, Source.RECIPE, same("test"), "train.max_train_epochs", Location("b.yaml", 9, 3, "11", 2))
    made = plan(steps=step_plan(1188, epochs=11, exposures=44.0))
    made = replace(made, target=target, train={"max_train_epochs": epochs})
    return Case(recipe=recipe(train={"target_steps": 1500, **train}), plan=made)


def test_who_asked_and_what_decided_are_named() -> None:
    said = catches(RULE, _wished(Source.PRESET, max_train_epochs=11, exposures_per_image=[40.0, 200.0]))
    assert said.message.en.startswith(
        "The preset asks for 1500 steps; `train.max_train_epochs` decides 1188: 11 epochs"
    )
    assert said.where is not None
    assert said.where.file == "b.yaml"
    asked = catches(RULE, _wished(Source.COMMAND_LINE))
    assert asked.message.en.startswith("The command line asks for 1500 steps; whole epochs give 1188")
    assert asked.where is not None
    assert asked.where.file == "a.yaml"
    assert catches(RULE, _wished(Source.RECIPE)).message.en.startswith("You asked for 1500 steps")


def test_repeats_that_make_one_epoch_longer_than_the_band_are_named() -> None:
    wanted = recipe(
        train={"target_steps": 1500, "exposures_per_image": [40.0, 200.0]},
        concepts=[{"image_dir": "a", "num_repeats": 300}],
    )
    said = catches(RULE, Case(recipe=wanted, plan=plan(steps=step_plan(1800, epochs=1, exposures=300.0))))
    assert "`num_repeats` decides 1800: 1 epoch of 1800 steps." in said.message.en
    assert said.fix is not None
    assert said.fix.advice.en.startswith("Lower `num_repeats`")
