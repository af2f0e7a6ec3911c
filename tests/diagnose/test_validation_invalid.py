from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.core.telemetry import Picture
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.validation_invalid import RULE
from orchestrator.plan.model import Link, Subset
from tests.diagnose.cases import catches, catches_not, event, observed, plan, series, subset
from tests.diagnose.recorded import approach, recorded

SOUND: dict[str, Any] = {"validation_split": 0.2, "validation_seed": 0, "max_data_loader_n_workers": 0}


def test_a_split_without_seed_leaks() -> None:
    finding = catches(RULE, Case(settings={**SOUND, "validation_seed": None}), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("validate.validation_seed", 0, True)]


def test_workers_shuffle_the_validation_pictures() -> None:
    catches(RULE, Case(settings={**SOUND, "max_data_loader_n_workers": 8}), Severity.WATCH)


def test_workers_that_nobody_names_are_the_trainers_own() -> None:
    unsaid = {**SOUND, "max_data_loader_n_workers": None}
    said = catches(RULE, observed(facts={"settings_file": "config.toml"}, **unsaid), Severity.WATCH)
    assert said.confidence is Confidence.MEDIUM
    assert "With 8 data loader workers" in said.message.en


def test_without_an_argument_file_the_workers_are_not_known_and_nothing_is_cleared() -> None:
    unsaid = {key: value for key, value in SOUND.items() if key != "max_data_loader_n_workers"}
    passes = series([0.1, 0.2], "loss/validation/epoch_average")
    catches_not(RULE, observed(further=[passes], **unsaid), Status.INCONCLUSIVE)


def test_rounding_on_both_sides_leaks_one_picture() -> None:
    lines = [event("folder-found", path="/set", images=n) for n in (14, 2)]
    finding = catches(RULE, observed(events=lines, **{**SOUND, "validation_split": 0.1}), Severity.FIX)
    assert "of 15" in finding.message.en


def test_step_validation_is_mixed_with_its_past() -> None:
    mixed = series([0.1, 0.2, 0.3], "loss/validation/step_average")
    finding = catches(RULE, observed(facts={"batches_per_epoch": 2}, further=[mixed], **SOUND), Severity.INFO)
    # Two passes in epoch 1: 0.1 and 0.3. The third overwrote the first: 2 x 0.3 - 0.3.
    assert [fact.value for fact in finding.evidence] == [0.3, 0.3]
    catches_not(RULE, observed(facts={"batches_per_epoch": 1}, further=[mixed], **SOUND), Status.CLEAR)


def test_sound_settings_are_clear() -> None:
    catches_not(RULE, Case(settings=SOUND), Status.CLEAR)


def test_a_data_set_of_its_own_cannot_leak() -> None:
    settings = {"validation_split": 1.0, "max_data_loader_n_workers": 0}
    catches_not(RULE, Case(plan=plan(settings, validation=subset(2))), Status.CLEAR)


def test_without_validation_nothing_is_asked() -> None:
    catches_not(RULE, Case(plan=plan({"max_data_loader_n_workers": 8})), Status.NOT_APPLICABLE)


def _with_pictures(*pictures: Picture) -> Case:
    case = recorded(approach(-5.0), **SOUND)
    assert case.observations is not None
    assert case.observations.telemetry is not None
    seen = replace(case.observations, telemetry=replace(case.observations.telemetry, pictures=pictures))
    return replace(case, observations=seen)


def test_one_file_in_both_sets_leaks() -> None:
    held_out = Picture(1, "10_alice/000.png", "0a", is_held_out=True)
    finding = catches(RULE, _with_pictures(Picture(0, "10_alice/000.png", "0a"), held_out), Severity.FIX)
    assert "000.png" in finding.message.en


def test_the_same_name_and_caption_in_two_folders_is_looked_at() -> None:
    held_out = Picture(1, "1_held/000.png", "0a1b2c3d", is_held_out=True)
    catches(RULE, _with_pictures(Picture(0, "10_alice/000.png", "0a1b2c3d"), held_out), Severity.WATCH)
    catches_not(RULE, _with_pictures(Picture(0, "10_alice/000.png", "ffffffff"), held_out), Status.CLEAR)
    empty = replace(held_out, caption="e3b0c442")
    catches_not(RULE, _with_pictures(Picture(0, "10_alice/000.png", "e3b0c442"), empty), Status.CLEAR)


def test_the_plan_names_a_file_in_both_sets() -> None:
    def linked(name: str) -> Subset:
        return replace(subset(2), links=tuple(Link(f"data/{n}.png", Path(name) / f"{n}.png") for n in range(2)))

    options = {"max_data_loader_n_workers": 0}
    shared = Case(plan=plan(options, subsets=(linked("a"),), validation=linked("a")))
    catches(RULE, shared, Severity.FIX)
    catches_not(RULE, Case(plan=plan(options, subsets=(linked("a"),), validation=linked("b"))), Status.CLEAR)


def test_one_held_out_picture_is_no_sample() -> None:
    finding = catches(RULE, Case(plan=plan({"max_data_loader_n_workers": 0}, validation=subset(1))), Severity.WATCH)
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("validate.hold_out", 2)]
