from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.weight_blow_up import RULE
from tests.diagnose.cases import catches, catches_not, observed, series
from tests.diagnose.recorded import file_at, weights

if TYPE_CHECKING:
    from orchestrator.core.observation import Checkpoint


def _files(power: float, scale: float = 1e-4) -> list[Checkpoint]:
    return [file_at(step, scale * step**power) for step in (100, 200, 300, 400)]


def test_growth_faster_than_steps_is_unstable() -> None:
    finding = catches(RULE, observed(checkpoints=_files(2.0), unet_lr=1e-3), Severity.FIX)
    assert finding.state is State.UNSTABLE
    assert "exponent 2.0" in finding.message.en


def test_measured_sound_growth_is_clear() -> None:
    sound = [file_at(step, rms) for step, rms in ((50, 0.126), (100, 0.225), (150, 0.302), (200, 0.369))]
    said = catches_not(RULE, observed(checkpoints=sound), Status.CLEAR)
    assert said.evidence[0].value == pytest.approx(0.78, abs=0.005)


def test_a_warm_up_is_taken_out() -> None:
    lr = series([1e-4 * n / 400 for n in range(1, 401)], "lr/unet")
    # The summed rate grows with the square of the steps, and so does the update: steady.
    catches_not(RULE, observed(checkpoints=_files(2.0), further=[lr]), Status.CLEAR)


def test_a_few_directions_of_a_large_update_are_seen() -> None:
    files = [file_at(step, rms) for step, rms in ((100, 0.01), (200, 0.01), (300, 0.011))]
    jumped = file_at(400, 0.4, groups={"unet": weights(1.7)})
    steady = file_at(400, 0.012, groups={"unet": weights(1.7)})
    finding = catches(RULE, observed(checkpoints=[*files, jumped]))
    assert finding.state is State.UNSTABLE
    catches_not(RULE, observed(checkpoints=[*files, steady]), Status.CLEAR)


def test_fewer_than_three_files_show_no_growth() -> None:
    catches_not(RULE, observed(checkpoints=_files(2.0)[:2]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
