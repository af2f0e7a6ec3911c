from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.prodigy_lr_not_1 import RULE
from tests.diagnose.cases import catches, catches_not


def test_rates_as_a_plan_has_them_are_read() -> None:
    """A list, one for each text encoder."""
    settings = {"optimizer_type": "Prodigy", "unet_lr": 1e-4, "text_encoder_lr": [2e-5, 0.0]}
    finding = catches(RULE, Case(settings=settings), Severity.STOP)
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [
        ("train.unet_lr", 1.0),
        ("train.text_encoder_lr", [1.0, 0.0]),
    ]
    equal = Case(settings={**settings, "unet_lr": 1.0, "text_encoder_lr": [1.0, 0.0]})
    catches_not(RULE, equal, Status.CLEAR)


@pytest.mark.parametrize("name", ["Prodigy", "prodigyopt.Prodigy", "DAdaptAdam", "prodigyplus.ProdigyPlusScheduleFree"])
@pytest.mark.parametrize("lr", [1e-4, 0.1, 2.0])
def test_other_rates_are_to_fix(name: str, lr: float) -> None:
    finding = catches(RULE, Case(settings={"optimizer_type": name, "learning_rate": lr}), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("train.unet_lr", 1.0, True)]


def test_the_text_encoders_rate_has_to_be_the_same() -> None:
    settings = {"optimizer_type": "Prodigy", "unet_lr": 1.0, "text_encoder_lr": 0.5}
    finding = catches(RULE, Case(settings=settings), Severity.STOP)
    assert finding.fix is not None
    assert finding.fix.changes[0].key == "train.text_encoder_lr"
    catches(
        RULE, Case(settings=settings, observations=Observations()), Severity.FIX
    )  # another version of it: it trained
    for ends in ("prodigyopt.Prodigy", "DAdaptation", "DAdaptLion", "dadaptation.DAdaptSGD"):
        catches(RULE, Case(settings={**settings, "optimizer_type": ends}), Severity.STOP)
    for trains in ("prodigyplus.ProdigyPlusScheduleFree", "DAdaptAdan", "DAdaptAdaGrad", "pytorch_optimizer.Prodigy"):
        catches(RULE, Case(settings={**settings, "optimizer_type": trains}), Severity.FIX)
    close = catches(RULE, Case(settings={**settings, "text_encoder_lr": 1.005}), Severity.STOP)
    assert close.fix is not None
    assert [(c.key, c.value) for c in close.fix.changes] == [("train.text_encoder_lr", 1.0)]
    text_alone = {**settings, "text_encoder_lr": 1.0}
    catches_not(RULE, Case(settings={**text_alone, "unet_lr": 0.0}), Status.CLEAR)
    catches_not(
        RULE, Case(settings={**text_alone, "unet_lr": 0.5, "network_train_text_encoder_only": True}), Status.CLEAR
    )
    both = catches(RULE, Case(settings={**settings, "unet_lr": 1e-4}), Severity.STOP)
    assert both.fix is not None
    assert [(c.key, c.value) for c in both.fix.changes] == [("train.unet_lr", 1.0), ("train.text_encoder_lr", 1.0)]
    catches_not(RULE, Case(settings={**settings, "network_train_unet_only": True}), Status.CLEAR)
    catches_not(RULE, Case(settings={**settings, "text_encoder_lr": 0.0}), Status.CLEAR)


def test_one_is_clear_and_adam_is_not_asked() -> None:
    catches_not(
        RULE, Case(settings={"optimizer_type": "Prodigy", "unet_lr": 1.0, "text_encoder_lr": 1.0}), Status.CLEAR
    )
    catches_not(RULE, Case(settings={"optimizer_type": "AdamW", "unet_lr": 1e-4}), Status.NOT_APPLICABLE)
