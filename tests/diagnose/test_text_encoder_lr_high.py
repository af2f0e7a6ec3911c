from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.text_encoder_lr_high import RULE
from tests.diagnose.cases import catches, catches_not


@pytest.mark.parametrize(
    ("text", "family", "severity"),
    [
        (2e-4, "sd15", Severity.FIX),
        (7e-5, "sd15", Severity.WATCH),
        ([1e-5, 7e-5], "sdxl", Severity.WATCH),
        (1e-5, "sdxl", Severity.INFO),
    ],
)
def test_high_rates_are_told(text: Any, family: str, severity: Severity) -> None:
    catches(RULE, Case(settings={"unet_lr": 1e-4, "text_encoder_lr": text}, family=family), severity)


@pytest.mark.parametrize(("text", "family"), [(5e-5, "sd15"), (0.0, "sdxl")])
def test_moderate_rates_are_clear(text: float, family: str) -> None:
    catches_not(RULE, Case(settings={"unet_lr": 1e-4, "text_encoder_lr": text}, family=family), Status.CLEAR)


def test_an_encoder_left_alone_is_clear_whatever_its_rate() -> None:
    settings = {"unet_lr": 1e-4, "text_encoder_lr": 1e-3, "network_train_unet_only": True}
    catches_not(RULE, Case(settings=settings, family="sdxl"), Status.CLEAR)


def test_one_rate_for_all_is_not_compared() -> None:
    settings = {"unet_lr": 1.0, "text_encoder_lr": 1.0, "optimizer_type": "Prodigy"}
    catches_not(RULE, Case(settings=settings), Status.NOT_APPLICABLE)
