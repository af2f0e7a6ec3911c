from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.telemetry_missing import RULE
from tests.diagnose.cases import catches, catches_not, observed, recipe
from tests.diagnose.recorded import approach, ended_early, recorded

if TYPE_CHECKING:
    from orchestrator.core.telemetry import Telemetry


def _telemetry(case: Case) -> Telemetry:
    assert case.observations is not None
    assert case.observations.telemetry is not None
    return case.observations.telemetry


def _with(case: Case, telemetry: Telemetry) -> Case:
    assert case.observations is not None
    return replace(case, observations=replace(case.observations, telemetry=telemetry), cache={})


def test_a_run_without_it_is_told_how_to_record() -> None:
    finding = catches(RULE, observed([0.1] * 100), Severity.INFO)
    assert finding.fix is not None
    assert finding.fix.changes == ()
    ours = catches(RULE, replace(observed([0.1] * 100), recipe=recipe(telemetry="off"))).fix
    assert ours is not None
    assert [(c.key, c.value, c.is_safe) for c in ours.changes] == [("telemetry", "probe", True)]


def test_few_probes_have_no_shape() -> None:
    finding = catches(RULE, recorded(approach(-5.0, 4)))
    assert "has 4 probes;" in finding.message.en
    assert "has 1 probe;" in catches(RULE, recorded(approach(-5.0, 1))).message.en
    assert finding.fix is not None
    assert "telemetry" not in finding.fix.advice.en  # it was on
    logged = _with(recorded(approach(-5.0, 4)), replace(_telemetry(recorded(approach(-5.0, 4))), mode="log"))
    asked = catches(RULE, logged).fix
    assert asked is not None
    assert "`telemetry: probe`" in asked.advice.en


def test_a_run_that_ended_early_had_no_time_for_probes() -> None:
    assert catches(RULE, ended_early(recorded(approach(-5.0, 4)))).fix is None


def test_a_recorder_that_was_asked_for_is_not_asked_for_again() -> None:
    silent = catches(RULE, replace(observed([0.1] * 100), recipe=recipe(telemetry="probe"))).fix
    assert silent is not None
    assert silent.changes == ()
    assert "left nothing" in silent.advice.en


def test_a_run_that_never_began_is_not_asked() -> None:
    catches_not(RULE, recorded(), Status.NOT_APPLICABLE)  # it ended before a step was recorded


def test_a_base_that_drifted_spoils_the_probe() -> None:
    case = recorded(approach(-5.0))
    seen = _telemetry(case)
    last = seen.probes[-1]
    drifted = replace(last, losses=tuple(tuple(loss * 1.01 for loss in row) for row in last.losses))
    catches(RULE, _with(case, replace(seen, probes=(*seen.probes[:-1], drifted))), Severity.WATCH)


def test_what_the_recorder_left_out_is_told() -> None:
    case = recorded(approach(-5.0))
    noted = _with(case, replace(_telemetry(case), notes=("no hook `sample_images`",)))
    assert "sample_images" in catches(RULE, noted).message.en
    known = "hook-missing: T.sample_images is missing: what it tells is not recorded"
    told = catches(RULE, _with(case, replace(_telemetry(case), notes=(known,)))).message
    assert told.zh == "记录器遗漏了部分内容：T.sample_images 不存在：其内容不会被记录"


def test_a_recorded_run_is_clear_and_no_run_is_not_asked() -> None:
    catches_not(RULE, recorded(approach(-5.0)), Status.CLEAR)
    catches_not(RULE, observed(), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
