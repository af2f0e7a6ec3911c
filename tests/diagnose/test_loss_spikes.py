from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.loss_spikes import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import Floats, recorded

if TYPE_CHECKING:
    from collections.abc import Callable


def _shock(height: float, length: int = 1) -> Callable[[Floats, Floats], Floats]:
    def change(steps: Floats, _: Floats) -> Floats:
        return np.asarray(np.where((steps >= 300) & (steps < 300 + length), height, 0.0))

    return change


def test_a_shock_is_caught_with_its_step_and_picture() -> None:
    case = recorded(change=_shock(2.0))
    finding = catches(RULE, case, Severity.WATCH)
    assert "step 300" in finding.message.en
    seen = case.observations
    assert seen is not None
    assert seen.telemetry is not None
    picture = seen.telemetry.samples.pictures[299]
    assert f"10_alice/{picture:03d}.png" in finding.message.en


def test_noise_and_small_shocks_are_clear() -> None:
    catches_not(RULE, recorded(), Status.CLEAR)
    catches_not(RULE, recorded(change=_shock(0.4)), Status.CLEAR)


def test_a_shock_within_the_spread_of_the_pictures_is_clear() -> None:
    wide = 0.6 * np.random.default_rng(1).standard_normal(20)
    catches(RULE, recorded(change=_shock(1.2)))
    catches_not(RULE, recorded(effects=wide, change=_shock(1.2)), Status.CLEAR)


def test_a_rise_that_stays_is_no_shock() -> None:
    catches_not(RULE, recorded(change=_shock(1.0, 400)), Status.CLEAR)


def test_the_fast_fall_at_the_start_is_no_shock() -> None:
    catches_not(RULE, recorded(change=lambda s, _: np.asarray(np.where(s < 4, 2.0, 0.0))), Status.CLEAR)


def test_few_steps_and_no_telemetry_say_nothing() -> None:
    catches_not(RULE, recorded(140), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
