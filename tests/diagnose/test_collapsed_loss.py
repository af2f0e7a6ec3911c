from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.rules.collapsed_loss import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import recorded

SETTINGS: dict[str, Any] = {"network_module": "networks.lora", "unet_lr": 0.2}
SOUND = [0.1, 0.3, 0.05, 0.4, 0.2] * 8
LOST = [1.02, 0.98, 1.05, 1.01, 0.97] * 8


def test_a_level_near_one_stops_with_a_tenth_of_the_rate() -> None:
    finding = catches(RULE, observed([*SOUND, *LOST], **SETTINGS), Severity.STOP)
    assert finding.confidence is Confidence.HIGH
    assert finding.evidence[0].value in range(37, 44)  # the window that holds the change, or the next one
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("train.unet_lr", 0.02, True)]


def test_a_run_that_came_back_is_damaged_not_lost() -> None:
    assert "came back damaged" in catches(RULE, observed([*SOUND, *LOST, *SOUND], **SETTINGS), Severity.FIX).message.en


def test_a_base_that_was_lost_before_is_named() -> None:
    finding = catches(RULE, observed(LOST, **SETTINGS), Severity.STOP)
    assert "base model itself" in finding.message.en
    for other in (
        observed(LOST, **SETTINGS, network_weights="other.safetensors"),
        observed(LOST, **SETTINGS, resume="run-state"),
    ):
        went_on = catches(RULE, other, Severity.STOP)
        assert "base model itself" not in went_on.message.en
        assert "weights it went on from" in went_on.message.en
        assert went_on.why is not None
        assert "was not zero" in went_on.why.en
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_a_rate_that_destroys_within_three_steps_is_not_the_bases_fault() -> None:
    assert "any more" in catches(RULE, observed([0.1, 0.34, 0.56, *LOST], **SETTINGS), Severity.STOP).message.en


def test_one_bad_window_is_bad_luck() -> None:
    catches_not(RULE, observed([*SOUND, *LOST[:10], *SOUND], **SETTINGS), Status.CLEAR)


@pytest.mark.parametrize("seed", range(10))
def test_a_noisy_sound_run_at_batch_1_is_clear(seed: int) -> None:
    draw = random.Random(seed)
    loss = [min(0.95, draw.expovariate(1 / 0.13)) for _ in range(2000)]
    catches_not(RULE, observed(loss, **SETTINGS), Status.CLEAR)


def test_flow_models_have_another_level() -> None:
    raw: dict[str, Any] = {"network_module": "networks.lora_flux", "model_prediction_type": "raw"}
    catches_not(RULE, observed(LOST, **raw), Status.CLEAR)
    flow = catches(RULE, observed([*SOUND, *[1.9] * 20], **raw), Severity.STOP)
    assert flow.confidence is Confidence.MEDIUM


def test_min_snr_moves_the_level() -> None:
    shown = [*SOUND, *[0.57] * 20]
    catches_not(RULE, observed(shown, **SETTINGS), Status.CLEAR)
    catches(RULE, observed(shown, min_snr_gamma=5.0, **SETTINGS), Severity.STOP)


@pytest.mark.parametrize(
    "further",
    [
        {"loss_type": "huber"},
        {"masked_loss": True},
        {"debiased_estimation_loss": True},
        {"network_module": "networks.lora_sd3"},
        {"network_module": "networks.lora_flux", "model_prediction_type": "sigma_scaled"},
        {"network_module": "networks.lora_flux"},
    ],
)
def test_another_scale_is_not_judged(further: dict[str, Any]) -> None:
    catches_not(RULE, observed(LOST, **{**SETTINGS, **further}), Status.INCONCLUSIVE)


def test_prodigy_has_no_rate_to_change() -> None:
    finding = catches(
        RULE, observed([*SOUND, *LOST], optimizer_type="Prodigy", unet_lr=1.0, network_module="networks.lora")
    )
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_too_few_steps_are_not_judged() -> None:
    catches_not(RULE, observed(LOST[:11], **SETTINGS), Status.INCONCLUSIVE)
    catches_not(RULE, observed(**SETTINGS), Status.INCONCLUSIVE)


@pytest.mark.parametrize("further", [{}, {"loss_type": "huber"}, {"network_module": "networks.lora_flux"}])
def test_with_telemetry_the_explained_share_decides_for_every_loss(further: dict[str, Any]) -> None:
    finding = catches(RULE, recorded([0.0] * 8, losses=[*SOUND, *LOST], **{**SETTINGS, **further}), Severity.STOP)
    assert finding.state is State.BROKEN
    assert finding.confidence is Confidence.HIGH
    assert finding.evidence[0].value == 41
    back = recorded([0.0] * 8, losses=[*SOUND, *LOST, *SOUND], **{**SETTINGS, **further})
    assert catches(RULE, back, Severity.FIX).state is None
    catches_not(RULE, recorded([0.0] * 8, losses=[*SOUND, *LOST[:10], *SOUND], **{**SETTINGS, **further}), Status.CLEAR)


def test_without_a_probe_the_level_of_the_loss_decides() -> None:
    case = recorded(losses=[*SOUND, *LOST], **SETTINGS)
    assert case.observations is not None
    logged = observed([*SOUND, *SOUND], **SETTINGS).observations
    assert logged is not None
    seen = replace(case.observations, series=logged.series)
    catches_not(RULE, replace(case, observations=seen), Status.CLEAR)


@pytest.mark.parametrize(
    "further",
    [
        {},
        {"network_module": "networks.lora_flux", "model_prediction_type": "raw"},
        {"network_weights": "other.safetensors"},
    ],
)
def test_a_base_that_predicts_nothing_is_named_whatever_the_family_and_the_loss(further: dict[str, Any]) -> None:
    case = recorded([0.0] * 8, losses=[1.45, 1.5] * 20, **{**SETTINGS, **further})
    assert case.observations is not None
    known = case.observations.telemetry
    assert known is not None
    probes = tuple(replace(p, losses=tuple((1.3,) * len(row) for row in p.losses)) for p in known.probes)
    lost = replace(case, observations=replace(case.observations, telemetry=replace(known, probes=probes)))
    finding = catches(RULE, lost, Severity.STOP)
    assert (finding.confidence, finding.state) == (Confidence.HIGH, State.BROKEN)
    assert "base model itself is at fault" in finding.message.en
    assert finding.evidence[0].value == pytest.approx(-0.3)
    assert finding.fix is not None
    assert finding.fix.changes == ()
    scaled = replace(lost, settings={**lost.settings, "model_prediction_type": "sigma_scaled"})
    assert all("base model itself" not in f.message.en for f in RULE.check(scaled))
