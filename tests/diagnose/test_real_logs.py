"""All rules over real recorded runs, whose outcome was measured by an independent evaluator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.core.finding import Severity, Verdict
from orchestrator.diagnose.changes import next_changes
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.observe.read import read_foreign

LOGS = Path(__file__).parent.parent / "logs"
RUNS = sorted(path.name for path in LOGS.iterdir() if (path / "truth.json").is_file())
SOUND = ("healthy", "healthy-validated", "text-encoder-only")


def _judge(name: str) -> Verdict:
    observations, settings, _ = read_foreign(LOGS / name)
    # The recorded model is as small as pocket's, and so are its learning rates; to the trainer it is an SD1.x.
    return judge(Case(observations=observations, settings=settings, family="pocket"), "after", reraise=True)


def _fired(verdict: Verdict) -> dict[str, Severity]:
    return {finding.name: finding.severity for finding in verdict.fired}


@pytest.mark.parametrize("name", SOUND)
def test_sound_runs_fire_nothing_above_info(name: str) -> None:
    assert set(_fired(_judge(name)).values()) <= {Severity.INFO}


@pytest.mark.parametrize("name", SOUND)
def test_sound_runs_raise_no_alarm_as_the_model_that_they_say_they_are(name: str) -> None:
    observations, settings, family = read_foreign(LOGS / name)
    verdict = judge(Case(observations=observations, settings=settings, family=family), "after", reraise=True)
    assert set(_fired(verdict).values()) <= {Severity.INFO, Severity.WATCH}


@pytest.mark.parametrize("name", [name for name in RUNS if name not in {"nan", "collapsed"}])
def test_no_run_that_lives_is_called_lost(name: str) -> None:
    assert Severity.STOP not in _fired(_judge(name)).values()


def test_nan_is_named_at_its_first_step_and_hides_its_consequences() -> None:
    verdict = _judge("nan")
    assert verdict.fired[0].name == "nan-loss"
    assert verdict.fired[0].severity is Severity.STOP
    loss = read_foreign(LOGS / "nan")[0].series["loss/current"]
    first = next(s for s, v in zip(loss.steps, loss.values, strict=True) if v != v)  # noqa: PLR0124 - NaN
    assert verdict.fired[0].evidence[0].value == first
    assert not {"collapsed-loss", "loss-trend", "weights-static"} & {f.name for f in verdict.findings}
    assert "train.unet_lr" in {change.key for change in next_changes(verdict)}


def test_a_flat_loss_near_one_is_called_lost_and_not_flat() -> None:
    verdict = _judge("collapsed")
    assert verdict.fired[0].name == "collapsed-loss"
    assert verdict.fired[0].severity is Severity.STOP
    changes = next_changes(verdict)
    assert [change.key for change in changes] == ["train.unet_lr"]
    # A tenth of 0.2 would still damage it: the change ends in the range that has worked.
    assert changes[0].before == 0.2
    assert changes[0].value == pytest.approx(0.0071)


def test_a_base_model_with_random_weights_is_named_as_the_cause() -> None:
    worst = _judge("wide-console").fired[0]
    assert "base model itself" in worst.message.en
    assert worst.fix is not None
    assert worst.fix.changes == ()


def test_untouched_weights_are_found_in_the_file() -> None:
    assert _fired(_judge("untouched"))["weights-static"] is Severity.FIX


def test_prodigy_at_the_rate_of_adam_is_found() -> None:
    assert _fired(_judge("prodigy-lr-1e-4"))["prodigy-lr-not-1"] is Severity.FIX


def test_a_short_run_is_told() -> None:
    assert _fired(_judge("undertrained"))["too-few-steps"] is Severity.WATCH


@pytest.mark.parametrize("name", [name for name in RUNS if name not in {"nan", "collapsed"}])
def test_the_raw_loss_is_never_said_to_prove_anything(name: str) -> None:
    trend = next(f for f in _judge(name).findings if f.name == "loss-trend")
    assert trend.confidence.value == "low"


def test_every_recorded_run_has_its_truth() -> None:
    assert len(RUNS) >= 10
    for name in RUNS:
        assert json.loads((LOGS / name / "truth.json").read_text(encoding="utf-8"))
