"""What a rule asks for is missing: nobody is told to set what is set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.finding import Status
from orchestrator.core.observation import Observations
from orchestrator.core.telemetry import Telemetry
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.plan.model import Prompt
from tests.diagnose.cases import plan, recipe, series, step_plan
from tests.diagnose.recorded import step_records


def _cut_after_three_steps(*, mode: str) -> Case:
    """A run that recorded three steps of 320 and no probe, with samples of the base model asked for."""
    decided = plan(
        {"sample_at_first": True, "optimizer_type": "Prodigy", "lr_scheduler": "cosine"}, steps=step_plan(320)
    )
    seen = Observations(
        telemetry=Telemetry(mode, steps=step_records(3, lr=[1e-5, 2e-5, 3e-5])) if mode != "off" else None,
        series={"loss/current": series([0.1] * 3)},
    )
    return Case(
        recipe=recipe(), plan=replace(decided, prompts=(Prompt("alicexyz", 512, 512, 20, 7.0, 1),)), observations=seen
    )


def _needs(case: Case) -> str:
    verdict = judge(case, "after", reraise=True)
    undecided = [finding.needs for finding in verdict.findings if finding.status is Status.INCONCLUSIVE]
    advised = [finding.fix.advice for finding in verdict.fired if finding.fix is not None]
    return " ".join(text.en for text in (*undecided, *advised) if text is not None)


def test_a_recorder_that_was_on_is_not_asked_for() -> None:
    said = _needs(_cut_after_three_steps(mode="probe"))
    assert said
    assert "telemetry: " not in said
    assert "sample_at_first" not in said


def test_a_recorder_that_only_logged_is_asked_for_the_probe_alone() -> None:
    said = _needs(_cut_after_three_steps(mode="log"))
    assert "`telemetry: probe`" in said
    assert "`telemetry: log`" not in said
    assert "(or `log`)" not in said


@pytest.mark.parametrize("words", ["`telemetry: probe`", "`telemetry: log`", "(or `log`)"])
def test_without_a_recorder_it_is_asked_for(words: str) -> None:
    assert words in _needs(_cut_after_three_steps(mode="off"))
