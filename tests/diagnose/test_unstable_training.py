from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.unstable_training import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, recorded, shaken


@pytest.mark.parametrize(("shake", "better"), [(0.6, 5e-5), (4.0, 3e-5)])
def test_shaking_without_a_gain_is_unstable(shake: float, better: float) -> None:
    finding = catches(RULE, recorded(shaken([2.0] * 12, shake)), Severity.FIX)
    assert finding.state is State.UNSTABLE
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.unet_lr", better)]


def test_shaking_less_than_the_gain_is_no_fault() -> None:
    catches_not(RULE, recorded(shaken(approach(-60.0), 1.0)), Status.CLEAR)
    catches_not(RULE, recorded(shaken([2.0] * 12, 0.2)), Status.CLEAR)


def test_shaking_by_more_than_a_sixteenth_of_the_gain_is_unstable() -> None:
    finding = catches(RULE, recorded(shaken(approach(-20.0), 3.0)), Severity.FIX)
    assert float(str(finding.evidence[2].value)) > 0.06


def test_held_out_pictures_that_shake_are_no_fault_where_its_own_were_learned() -> None:
    catches_not(RULE, recorded(shaken(approach(-40.0), 0.5), shaken([2.0] * 12, 1.5)), Status.CLEAR)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
