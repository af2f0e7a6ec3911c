"""What is recorded, how often the probe is measured, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.provenance import Source
from orchestrator.core.record import write_record
from orchestrator.plan import recording
from orchestrator.plan.explain import PLAN_RECORD_VERSION, explain, plan_record
from orchestrator.plan.recording import LEAST_PROBES, MOST_PROBES, PROBE_PICTURES, PROBE_TIMESTEPS, probe_pace
from orchestrator.plan.saved import read_plan
from orchestrator.recipe.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.plan.model import Plan, Recording

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]


def recorded(plan: Plan) -> Recording:
    assert plan.telemetry is not None
    return plan.telemetry


def test_the_probe_is_the_default_and_says_its_pace(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of()
    found = recorded(plan)
    assert (found.mode.value, found.mode.source) == ("probe", Source.DERIVED)
    every, total = found.probe_every_steps, plan.steps.total_steps
    assert f"{-(-total // every)} probes, one every {every} of {total} steps" in found.mode.because.en
    assert f"共 {-(-total // every)} 次探测" in found.mode.because.zh


@pytest.mark.parametrize(("written", "value"), [("off", "off"), ("log", "log"), ("probe", "probe")])
def test_the_recipe_decides(plan_of: PlanOf, pictures: Pictures, written: str, value: str) -> None:
    pictures("set", 20)
    for plan in (plan_of(f"telemetry: {written}\n"), plan_of("", f"telemetry={written}")):
        found = recorded(plan)
        assert found.mode.value == value
        assert found.mode.source is not Source.DERIVED
        assert (found.probe_every_steps > 0) == (value == "probe")


def test_the_plan_tells_it_with_its_reason(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    (row,) = [row for row in explain(plan_of("telemetry: off\n")) if row.key == "telemetry"]
    assert (row.section, row.value) == ("train", "off")
    assert row.because.en == "the recipe says so; nothing is recorded"
    assert "recipe.yaml:" in row.where


def test_a_family_without_a_recorder_gets_none_and_is_told(
    plan_of: PlanOf, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("set", 20)
    monkeypatch.setattr(recording, "RECORDED_FAMILIES", frozenset({"pocket"}))
    by_default, asked = plan_of(), plan_of("telemetry: log\n")
    assert recorded(by_default).mode.value == recorded(asked).mode.value == "off"
    assert recorded(asked).mode.because.en == "there is no recorder for sd15 yet"
    assert by_default.unused == ()
    assert [(u.name, u.given.value) for u in asked.unused] == [("telemetry", "log")]


def test_the_recorded_families_are_families() -> None:
    schema = Recipe.model_json_schema()
    families = schema["$defs"]["BaseModelFiles"]["properties"]["family"]["enum"]
    assert set(families) >= recording.RECORDED_FAMILIES


@pytest.mark.parametrize("total", [1, 7, 8, 15, 16, 320, 1499, 1500, 3000, 20_000, 1_000_000])
@pytest.mark.parametrize("samples", [1, 2, 4, 16])
def test_there_are_enough_probes_and_from_1500_steps_on_they_are_cheap(total: int, samples: int) -> None:
    every = probe_pace(total, samples)
    count = -(-total // every)
    assert count >= min(total, LEAST_PROBES)
    assert count <= 2 * MOST_PROBES
    if total >= 1500 and samples >= 2:
        passes = (count + 2) * 2 * PROBE_PICTURES * len(PROBE_TIMESTEPS)
        assert passes <= 0.05 * total * samples * 3


def test_it_survives_being_written_and_read(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set", 20)
    plan = plan_of()
    write_record(tmp_path / "plan.json", "plan", PLAN_RECORD_VERSION, plan_record(plan))
    assert read_plan(tmp_path / "plan.json").telemetry == plan.telemetry


def test_a_plan_of_an_earlier_version_recorded_nothing(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set", 20)
    old = plan_record(plan_of())
    del old["telemetry"]
    write_record(tmp_path / "plan.json", "plan", PLAN_RECORD_VERSION, old)
    plan = read_plan(tmp_path / "plan.json")
    assert plan.telemetry is None
    assert not [row for row in explain(plan) if row.key == "telemetry"]
