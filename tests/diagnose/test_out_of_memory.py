from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.out_of_memory import RULE
from orchestrator.run.records.model import Ending
from tests.backends.plans import make_plan
from tests.diagnose.cases import catches, catches_not, event, observed, outcome

LINE = event("out-of-memory", "torch.OutOfMemoryError: CUDA out of memory.")


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({}, ["train.gradient_checkpointing"]),
        (
            {"gradient_checkpointing": True, "train_batch_size": 4},
            ["train.train_batch_size", "train.gradient_accumulation_steps"],
        ),
        ({"gradient_checkpointing": True, "train_batch_size": 1}, []),
    ],
)
def test_the_next_way_to_save_memory_is_advised(settings: dict[str, Any], keys: list[str]) -> None:
    finding = catches(RULE, observed(events=[LINE], **settings), Severity.STOP)
    assert finding.fix is not None
    assert [change.key for change in finding.fix.changes] == keys


def test_halving_the_batch_keeps_the_steps() -> None:
    finding = catches(RULE, observed(events=[LINE], gradient_checkpointing=True, train_batch_size=4))
    assert finding.fix is not None
    assert [change.value for change in finding.fix.changes] == [2, 2]
    assert not any(change.is_safe for change in finding.fix.changes)


def test_flux_has_smaller_numbers_to_turn_to() -> None:
    case = Case(
        outcome=outcome(Ending.FAILED, "out-of-memory", 1), settings={"gradient_checkpointing": True}, family="flux"
    )
    finding = catches(RULE, case)
    assert finding.fix is not None
    assert finding.fix.changes[0].key == "train.fp8_base"


def test_the_crash_it_causes_is_not_told_twice() -> None:
    seen = observed(events=[LINE, event("launcher-error", "CalledProcessError")])
    case = Case(observations=seen.observations, outcome=outcome(Ending.FAILED, "out-of-memory", 1))
    assert [f.name for f in judge(case, "after", reraise=True).fired] == ["out-of-memory"]


def test_a_run_without_it_is_clear() -> None:
    catches_not(RULE, observed(), Status.CLEAR)


@pytest.mark.parametrize(
    "text", ["MemoryError", "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory"]
)
def test_the_machines_own_memory_is_told_apart(text: str) -> None:
    finding = catches(RULE, observed(events=[event("out-of-memory", text)]), Severity.STOP)
    assert "machine's memory" in finding.message.en
    assert "graphics card" not in finding.message.en
    assert "machine" in catches(RULE, Case(outcome=outcome(Ending.FAILED, "out-of-host-memory", 1))).message.en
    assert "graphics card" in catches(RULE, observed(events=[LINE])).message.en


def test_what_the_run_changed_itself_goes_into_the_next_recipe_too() -> None:
    plan = replace(make_plan("sd15"), changes={"train.gradient_checkpointing": True, "train.train_batch_size": 2})
    case = replace(observed(events=[LINE], gradient_checkpointing=True, train_batch_size=2), plan=plan)
    finding = catches(RULE, case)
    assert finding.fix is not None
    assert [(change.key, change.value) for change in finding.fix.changes] == [
        ("train.gradient_checkpointing", True), ("train.train_batch_size", 1), ("train.gradient_accumulation_steps", 2),
    ]  # fmt: skip


def test_a_run_that_fitted_in_the_end_tells_with_what() -> None:
    plan = replace(make_plan("sd15"), changes={"train.gradient_checkpointing": True})
    case = replace(observed(), outcome=outcome(), plan=plan)
    finding = catches(RULE, case, Severity.WATCH)
    assert finding.fix is not None
    assert all(change.is_safe for change in finding.fix.changes)
    catches_not(RULE, replace(case, plan=replace(plan, changes={})))
