"""The cost of the recording is told of every short run, and of a long one where it is more than promised."""

from __future__ import annotations

import math

import pytest

from orchestrator.core.observation import Observations
from orchestrator.core.telemetry import StepRecords, Telemetry
from orchestrator.core.text import same
from orchestrator.report.telemetry_cost import telemetry_cost
from orchestrator.run.records.model import Ending, Outcome
from tests.diagnose.recorded import step_records


def seen(log: float, probe: float, steps: int = 0) -> Observations:
    records = step_records(steps) if steps else StepRecords()
    return Observations(telemetry=Telemetry("probe", steps=records, log_seconds=log, probe_seconds=probe))


def run(seconds: float | None) -> Outcome:
    return Outcome(Ending.SUCCEEDED, 0, "ok", same("done"), seconds)


def test_a_short_run_says_what_the_probe_cost() -> None:
    told = telemetry_cost(seen(0.2, 3.4), run(40.0))
    assert told is not None
    assert told.en.startswith("the telemetry took 3.6 s of 40 s (9%), as in every short run;")
    assert "`telemetry: log`" in told.en
    assert "40 秒 中的 3.6 秒（9%）" in told.zh


def test_without_a_probe_no_advice_is_given() -> None:
    told = telemetry_cost(seen(3.0, 0.0), run(40.0))
    assert told is not None
    assert told.en == "the telemetry took 3.0 s of 40 s (8%)"


def test_a_short_run_says_its_cost_however_little() -> None:
    told = telemetry_cost(seen(0.2, 3.4, 1499), run(400.0))
    assert told is not None
    assert told.en == "the telemetry took 3.6 s of 6 min 40 s (0.9%)"


def test_a_long_run_is_not_called_short() -> None:
    told = telemetry_cost(seen(10.0, 600.0, 10_000), run(10_000.0))
    assert told is not None
    assert "(6%); `telemetry: log` leaves the probe out" in told.en
    assert "短训练" not in told.zh


@pytest.mark.parametrize(
    ("observed", "outcome"),
    [
        (seen(0.2, 3.4, 1500), run(400.0)),
        (seen(0.0, 0.0), run(400.0)),
        (seen(0.2, 3.4), run(None)),
        (seen(0.2, 3.4), run(0.0)),
        (seen(0.2, 3.4), None),
        (seen(math.nan, 3.4), run(40.0)),
        (seen(0.2, math.inf), run(40.0)),
        (seen(0.2, 3e9), run(40.0)),
        (Observations(), run(40.0)),
        (None, run(40.0)),
    ],
)
def test_nothing_is_said_where_it_is_little_or_unknown(observed: Observations | None, outcome: Outcome | None) -> None:
    assert telemetry_cost(observed, outcome) is None
