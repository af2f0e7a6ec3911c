from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rules.final_file_zero import RULE
from tests.diagnose.cases import catches, catches_not, checkpoint, event, observed

ZERO = checkpoint(zero_up_count=204, norms={"unet": 0.0, "te": 0.0})


def test_an_untrained_file_stops_and_is_told_once() -> None:
    case = observed(checkpoints=[ZERO], events=[event("group-without-lr", "NO LR skipping!")])
    assert len(catches(RULE, case, Severity.STOP).evidence) == 2
    assert [f.name for f in judge(case, "after", reraise=True).fired] == ["final-file-zero"]


def test_one_module_that_moved_is_clear() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint(zero_up_count=203)]), Status.CLEAR)


def test_numbers_that_were_not_read_are_not_judged() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint(is_scanned=False)]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(checkpoints=[checkpoint(is_readable=False)]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, "Set `train.unet_lr`."),
        ({"unet_lr": 0.0, "text_encoder_lr": 0.0}, "Set `train.unet_lr`."),
        ({"unet_lr": 1.4e-4}, "The rate is set (`train.unet_lr` 1.4e-4). Look"),
        ({"unet_lr": 0.0, "text_encoder_lr": 5e-5}, "The rate is set (`train.text_encoder_lr` 5e-5). Look"),
        ({"unet_lr": 1.4e-4, "mixed_precision": "fp16"}, "The rate is set (`train.unet_lr` 1.4e-4). In fp16"),
    ],
)
def test_a_rate_that_is_set_is_not_blamed(settings: dict[str, Any], advice: str) -> None:
    fix = catches(RULE, observed(checkpoints=[ZERO], **settings)).fix
    assert fix is not None
    assert fix.advice.en.startswith(advice)
