from __future__ import annotations

import math
from dataclasses import replace

import pytest

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.core.telemetry import Telemetry
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.nan_loss import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import samples

FINE = [0.1, 0.2, 0.15]


@pytest.mark.parametrize(("bad", "step"), [(math.nan, 4), (math.inf, 4), (-math.inf, 4)])
def test_names_the_first_bad_step(bad: float, step: int) -> None:
    finding = catches(RULE, observed([*FINE, bad, *FINE, bad]), Severity.STOP)
    assert f"step {step};" in finding.message.en
    assert finding.evidence[0].value == step
    assert finding.evidence[1].value == 5


def test_early_nan_under_fp16_changes_the_number_format_alone() -> None:
    finding = catches(RULE, observed([0.1, math.nan], mixed_precision="fp16", unet_lr=1e-4))
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.mixed_precision", "bf16")]


def test_later_nan_takes_a_third_of_the_learning_rate_and_clips() -> None:
    finding = catches(
        RULE, observed([*FINE * 10, math.nan], mixed_precision="fp16", learning_rate=1e-3, max_grad_norm=0.0)
    )
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [
        ("train.unet_lr", 3e-4, True),
        ("train.max_grad_norm", 1.0, True),
    ]
    assert "a third of the learning rate; gradients clipped at 1" in finding.fix.advice.en


def test_the_new_rate_is_one_that_has_worked() -> None:
    seen = observed([*FINE * 10, math.nan], unet_lr=1000.0, network_dim=16, network_alpha=4, max_grad_norm=1.0)
    finding = catches(RULE, Case(observations=seen.observations, settings=seen.settings, family="sd15"))
    assert finding.fix is not None
    assert [change.value for change in finding.fix.changes] == [5e-4]
    assert "a learning rate of 5e-4" in finding.fix.advice.en  # from 1000: no third of it
    assert "third" not in finding.fix.advice.en
    assert "clipped" not in finding.fix.advice.en  # it was, at 1


def test_prodigy_keeps_its_learning_rate_of_one() -> None:
    finding = catches(RULE, observed([*FINE * 10, math.nan], optimizer_type="Prodigy", unet_lr=1.0, max_grad_norm=1.0))
    assert finding.fix is not None
    assert finding.fix.changes == ()
    assert "`d_coef`" in finding.fix.advice.en


@pytest.mark.parametrize(("last_finite", "said"), [(2, "3"), (1, "2-3"), (None, "1-3")])
def test_without_event_files_the_console_gives_a_range(last_finite: int | None, said: str) -> None:
    facts: dict[str, int | float | str] = {"first_nan_step": 3}
    if last_finite is not None:
        facts["last_finite_step"] = last_finite
    assert f"step {said};" in catches(RULE, observed(facts=facts)).message.en


def test_a_finite_loss_is_clear() -> None:
    catches_not(RULE, observed(FINE), Status.CLEAR)


def test_a_console_without_nan_is_clear_with_less_confidence() -> None:
    assert catches_not(RULE, observed(facts={"last_step": 400}), Status.CLEAR).confidence is Confidence.MEDIUM


def test_nothing_to_look_at_is_inconclusive() -> None:
    catches_not(RULE, observed(), Status.INCONCLUSIVE)


def test_a_loss_that_came_back_is_told_and_not_called_broken() -> None:
    values = [0.1] * 50 + [math.nan, 0.1, math.nan] + [0.1] * 40
    told = catches(RULE, observed(values), Severity.WATCH)
    assert told.state is None
    assert [e.value for e in told.evidence] == [2, 40]


def test_a_loss_that_stays_nan_is_broken_even_at_the_end() -> None:
    sure = catches(RULE, observed([0.1] * 50 + [math.nan] * 12), Severity.STOP)
    assert (sure.state, sure.confidence) == (State.BROKEN, Confidence.HIGH)
    short = catches(RULE, observed([0.1] * 50 + [math.nan] * 2), Severity.STOP)
    assert (short.state, short.confidence) == (State.BROKEN, Confidence.MEDIUM)
    assert "the last 2 losses are NaN: files saved after it are likely useless" in short.message.en


def test_a_single_nan_shortly_before_the_end_is_no_broken_run() -> None:
    told = catches(RULE, observed([0.1] * 150 + [math.nan, 0.1, 0.1, 0.1]), Severity.WATCH)
    assert (told.state, told.confidence) == (None, Confidence.MEDIUM)


def test_nan_in_most_of_the_last_steps_is_no_recovery() -> None:
    losses = [0.1] * 50 + [math.nan, math.nan, 0.1] * 10
    found = catches(RULE, observed(losses), Severity.STOP)
    assert (found.state, found.confidence) == (State.BROKEN, Confidence.HIGH)


def _seen(
    loss: list[float] | None, told: list[float] | None = None, facts: dict[str, int | float | str] | None = None
) -> Case:
    """Return the case of a run whose losses were written by the trainer, by the recorder, or by both."""
    case = observed(loss, facts=facts)
    assert case.observations is not None
    telemetry = Telemetry(mode="log", samples=samples(told)) if told is not None else None
    return replace(case, observations=replace(case.observations, telemetry=telemetry))


GOOD, BAD = [0.1] * 100, [math.nan] * 151
CONSOLE: dict[str, int | float | str] = {"first_nan_step": 150, "last_finite_step": 149, "last_step": 300}


@pytest.mark.parametrize(
    ("case", "said", "source"),
    [
        (_seen(GOOD, facts=CONSOLE), "150", "console: avr_loss"),  # event files end before it
        (_seen(None, GOOD, CONSOLE), "150", "console: avr_loss"),  # so does the recorder
        (_seen(GOOD, [*GOOD, *[0.1] * 49, *BAD]), "150", "telemetry: samples"),
        (_seen(None, [*GOOD, *[0.1] * 49, *BAD]), "150", "telemetry: samples"),
        (_seen([*GOOD, *[0.1] * 49, *BAD], GOOD), "150", "loss/current"),
        (_seen([*[0.1] * 140, *[math.nan] * 160], None, CONSOLE), "141", "loss/current"),
        (_seen(None, [*[0.1] * 140, *[math.nan] * 160], CONSOLE), "141", "telemetry: samples"),
        (_seen([*[0.1] * 200, *[math.nan] * 100], [*[0.1] * 140, *[math.nan] * 160]), "141", "telemetry: samples"),
    ],
)
def test_the_earliest_sign_of_any_source_counts(case: Case, said: str, source: str) -> None:
    found = catches(RULE, case, Severity.STOP)
    assert found.state is State.BROKEN
    assert f"step {said};" in found.message.en
    assert found.evidence[0].source == source


def test_a_nan_of_the_console_after_which_exact_losses_are_finite_came_back() -> None:
    told = catches(RULE, _seen(None, [0.1] * 300, CONSOLE), Severity.WATCH)
    assert "1 of 300 steps, first at step 150," in told.message.en


def test_it_vouches_for_no_more_than_was_seen() -> None:
    assert "up to step 100 are finite." in catches_not(RULE, _seen(GOOD), Status.CLEAR).message.en
    both = catches_not(RULE, _seen(GOOD, [0.1] * 120), Status.CLEAR)
    assert "All 120 losses up to step 120" in both.message.en
    assert both.evidence[0].source == "loss/current, telemetry: samples"
    longer = catches_not(RULE, _seen(GOOD, facts={"last_step": 300}), Status.CLEAR)
    assert "`avr_loss` on the console stayed so up to step 300." in longer.message.en
