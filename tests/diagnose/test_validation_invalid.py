from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.validation_invalid import RULE
from tests.diagnose.cases import catches, catches_not, event, observed, plan, series, subset

SOUND: dict[str, Any] = {"validation_split": 0.2, "validation_seed": 0, "max_data_loader_n_workers": 0}


def test_a_split_without_seed_leaks() -> None:
    finding = catches(RULE, Case(settings={**SOUND, "validation_seed": None}), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("validate.validation_seed", 0, True)]


def test_workers_shuffle_the_validation_pictures() -> None:
    catches(RULE, Case(settings={**SOUND, "max_data_loader_n_workers": 8}), Severity.WATCH)


def test_rounding_on_both_sides_leaks_one_picture() -> None:
    lines = [event("folder-found", path="/set", images=n) for n in (14, 2)]
    finding = catches(RULE, observed(events=lines, **{**SOUND, "validation_split": 0.1}), Severity.FIX)
    assert "of 15" in finding.message.en


def test_step_validation_is_mixed_with_its_past() -> None:
    mixed = series([0.1, 0.2, 0.3], "loss/validation/step_average")
    catches(RULE, observed(facts={"batches_per_epoch": 2}, further=[mixed], **SOUND), Severity.INFO)
    catches_not(RULE, observed(facts={"batches_per_epoch": 1}, further=[mixed], **SOUND), Status.CLEAR)


def test_sound_settings_are_clear() -> None:
    catches_not(RULE, Case(settings=SOUND), Status.CLEAR)


def test_a_data_set_of_its_own_cannot_leak() -> None:
    settings = {"validation_split": 1.0, "max_data_loader_n_workers": 0}
    catches_not(RULE, Case(plan=plan(settings, validation=subset(2))), Status.CLEAR)


def test_without_validation_nothing_is_asked() -> None:
    catches_not(RULE, Case(plan=plan({"max_data_loader_n_workers": 8})), Status.NOT_APPLICABLE)
