"""Chains of runs that follow our own advice: when they end, when they are healed, what is kept. Nothing is trained here."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmark import heal
from benchmark.faults import FAULTS
from benchmark.heal import Attempt, Chain, Ran, Twins, follow, is_healed, recipe_faults
from benchmark.heal_page import heal_goals, heal_part
from benchmark.produce import RefusedRecipeError
from orchestrator.report.next_recipe import next_recipe

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = "recipe_version: 1\ntrain:\n  unet_lr: 1.0\n"


def ran(text: str, state: str, fresh: float, lr: float | None) -> Ran:
    """A run that asks for `lr`, or for nothing."""
    from orchestrator.core.finding import Change

    change = {"key": "train.unet_lr", "value": lr, "before": 1.0, "is_safe": True}
    findings = [
        {"name": "diverging", "status": "fired", "severity": "stop"},
        {"name": "some-trait", "status": "fired", "severity": "info"},
        {"name": "nan-loss", "status": "clear", "severity": "info"},
    ]
    report: dict[str, Any] = {
        "primary_state": state, "confidence": "high", "findings": findings, "next_changes": [change] if lr else [],
    }  # fmt: skip
    return Ran(report, next_recipe(text, [Change("train.unet_lr", lr, 1.0)] if lr else [], []), fresh, fresh)


def lr_in(text: str) -> float:
    return float(text.split("unet_lr: ")[1].split(maxsplit=1)[0])


class Trainer:
    """Trains nothing: above 0.01 the model is lost, and each run asks for a tenth of its rate; below it, for nothing."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []

    def __call__(self, text: str, number: int) -> Ran:
        lr = lr_in(text)
        self.seen.append((number, lr))
        if lr <= 0.01:
            return ran(text, "converged", -50.0, None)
        return ran(text, "broken", math.nan, lr / 10)


def test_a_chain_follows_the_advice_and_ends_where_nothing_is_asked_for() -> None:
    trainer = Trainer()
    attempts, error = follow(RECIPE, trainer)
    assert trainer.seen == [(0, 1.0), (1, 0.1), (2, 0.01)]
    assert [one.state for one in attempts] == ["broken", "broken", "converged"]
    assert [one.fresh for one in attempts] == [None, None, -50.0]
    assert [one.is_content for one in attempts] == [False, False, True]
    assert error == ""


def test_three_recipes_follow_the_planted_one_and_no_more() -> None:
    trainer = Trainer()
    attempts, _ = follow(RECIPE.replace("1.0", "1000.0"), trainer)
    assert [number for number, _ in trainer.seen] == [0, 1, 2, 3]
    assert len(attempts) == 4
    assert attempts[-1].changes


def test_a_chain_that_asks_for_nothing_ends_although_it_is_not_well() -> None:
    attempts, _ = follow(RECIPE, lambda text, _: ran(text, "not-learning", 0.0, None))
    assert [one.state for one in attempts] == ["not-learning"]
    assert not attempts[0].is_content


def test_a_next_recipe_that_is_refused_ends_the_chain_unhealed() -> None:
    def run(text: str, number: int) -> Ran:
        if number:
            raise RefusedRecipeError("the rate is refused")
        return ran(text, "broken", -50.0, 0.1)

    attempts, error = follow(RECIPE, run)
    assert (len(attempts), error) == (1, "the rate is refused")
    assert not is_healed(Chain("pocket", "style", "lr-x10", 1, attempts, error), Twins(-50.0, 1.0))


def test_a_planted_recipe_that_is_refused_is_no_chain() -> None:
    def run(_text: str, _number: int) -> Ran:
        raise RefusedRecipeError("no such base")

    with pytest.raises(RefusedRecipeError, match="no such base"):
        follow(RECIPE, run)


def test_a_trainer_that_is_killed_is_not_the_advices_fault() -> None:
    def run(text: str, number: int) -> Ran:
        if number:
            raise RuntimeError("ended with -15")
        return ran(text, "broken", 90.0, 0.1)

    with pytest.raises(RuntimeError, match="-15"):
        follow(RECIPE, run)


def test_only_rules_that_ask_for_something_are_kept() -> None:
    (attempt, *_), _ = follow(RECIPE, lambda text, _: ran(text, "broken", 1.0, None))
    assert attempt.fired == ("diverging",)


def chain(fresh: float | None) -> Chain:
    return Chain("pocket", "style", "lr-x10", 1, (Attempt("converged", "high", (), (), fresh, fresh),))


@pytest.mark.parametrize(("fresh", "healed"), [(-50.9, True), (-70.0, True), (-48.9, False), (None, False)])
def test_healed_is_no_worse_than_the_twins_allow(fresh: float | None, healed: bool) -> None:
    assert is_healed(chain(fresh), Twins(-50.0, 1.0)) is healed


def keep_healthy(runs: Path, config: str, seed: int, fresh: float) -> None:
    folder = runs / "pocket" / f"{config}-healthy-{seed}"
    folder.mkdir(parents=True)
    truth = {"base": {"train": 1.0, "fresh": 1.0}, "files": {"a": {"train": 0.5, "fresh": 1 + fresh / 100}}}
    about = {"config": config, "seed": seed, "fault": "healthy", "trainer": "pocket", "truth": truth}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def test_the_deviation_is_pooled_over_configurations(tmp_path: Path) -> None:
    for seed, (a, b) in enumerate([(-50.0, -20.0), (-54.0, -20.0)], start=1):
        keep_healthy(tmp_path, "style", seed, a)
        keep_healthy(tmp_path, "object", seed, b)
    twins = heal.twins_of(tmp_path, "pocket")
    assert twins["style"].mean == pytest.approx(-52)
    # Variances 8 and 0: their mean is 4, two deviations are 4 points, for both.
    assert twins["style"].allowed == twins["object"].allowed == pytest.approx(4)


def test_seeds_that_agree_by_luck_leave_room_all_the_same(tmp_path: Path) -> None:
    keep_healthy(tmp_path, "style", 1, -50.0)
    keep_healthy(tmp_path, "style", 2, -50.0)
    assert heal.twins_of(tmp_path, "pocket")["style"].allowed == heal.LEAST_ALLOWED


def test_a_chain_is_kept_and_read_back_and_told(tmp_path: Path) -> None:
    attempts, _ = follow(RECIPE, Trainer())
    whole = Chain("pocket", "style", "lr-x10", 1, attempts)
    lost = replace(whole, fault="lr-nan", attempts=attempts[:1])
    harmless = replace(whole, fault="lr-x30", attempts=attempts[2:])
    for one in (whole, lost, harmless):
        heal.write_chain(tmp_path / "heals", one)
    assert heal.read_chains(tmp_path / "heals") == [lost, whole, harmless]
    for seed in (1, 2):
        keep_healthy(tmp_path / "runs", "style", seed, -50.0)
    page = "\n".join(heal_part(tmp_path / "heals", tmp_path / "runs"))
    assert "healed **1 of 2**. Followed: 3 of the " in page
    assert "| style | lr-x10 | 1 | lost -> lost -> -50.0 % | -50.0 % (up to -49.2) | unet_lr 1 -> 0.1" in page


def test_a_few_healed_chains_do_not_reach_a_goal(tmp_path: Path) -> None:
    attempts, _ = follow(RECIPE, Trainer())
    for seed in (1, 2):
        keep_healthy(tmp_path / "runs", "style", seed, -50.0)
    for seed in range(9):
        heal.write_chain(tmp_path / "heals", Chain("pocket", "style", "lr-x10", seed, attempts))
    (few,) = heal_goals(tmp_path / "heals", tmp_path / "runs")
    assert (few.is_reached, few.value) == (None, "9 of 9")
    heal.write_chain(tmp_path / "heals", Chain("pocket", "style", "lr-x10", 9, attempts))
    (enough,) = heal_goals(tmp_path / "heals", tmp_path / "runs")
    assert (enough.is_reached, enough.value) == (True, "10 of 10")


def test_without_chains_the_page_says_so(tmp_path: Path) -> None:
    assert "No chains are kept." in heal_part(tmp_path, tmp_path)


def test_only_faults_of_the_recipe_are_planted() -> None:
    for trainer in ("pocket", "sd15"):
        named = recipe_faults(trainer, "object")
        assert {"lr-x10", "lr-nan", "alpha-nil", "steps-fifth"} <= set(named)
        assert all(FAULTS[name].pictures == "own" and FAULTS[name].state for name in named)
