from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rules.epoch_staircase import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import Floats, recorded


def _stairs(steps: Floats, _: Floats) -> Floats:
    return np.asarray(-0.05 * np.floor((steps - 1) / 40))


def _evenly(steps: Floats, _: Floats) -> Floats:
    return np.asarray(-0.05 * (steps - 1) / 40)


def test_a_loss_that_steps_down_each_epoch_is_caught() -> None:
    finding = catches(RULE, recorded(400, 40, change=_stairs), Severity.WATCH)
    assert finding.confidence is Confidence.LOW
    assert "10 epochs" in finding.message.en


def test_an_even_fall_is_clear() -> None:
    catches_not(RULE, recorded(400, 40, change=_evenly), Status.CLEAR)


def test_stairs_without_a_fall_are_clear() -> None:
    catches_not(RULE, recorded(400, 40, change=lambda s, p: _stairs(s, p) - _evenly(s, p)), Status.CLEAR)


def test_two_epochs_and_a_run_without_telemetry_say_nothing() -> None:
    catches_not(RULE, recorded(80, 40), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
