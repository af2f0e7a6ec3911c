from __future__ import annotations

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.diverging import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import recorded

RISING = [-1.0, -2.0, -2.0, 1.0, 5.0, 10.0, 18.0, 30.0, 40.0]


def test_an_end_far_above_the_base_is_broken_from_where_it_left_it() -> None:
    finding = catches(RULE, recorded(RISING, unet_lr=2e-4), Severity.STOP)
    assert finding.state is State.BROKEN
    assert "step 400" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("train.unet_lr", 6e-5, True)]


def test_a_clip_that_is_off_is_switched_on() -> None:
    fix = catches(RULE, recorded(RISING, max_grad_norm=0)).fix
    assert fix is not None
    assert ("train.max_grad_norm", 1.0) in [(c.key, c.value) for c in fix.changes]


def test_a_little_worse_or_back_again_is_not_diverging() -> None:
    catches_not(RULE, recorded([2.0, 4.0, 8.0, 10.0, 12.0, 12.0, 12.0, 12.0]), Status.CLEAR)
    catches_not(RULE, recorded([5.0, 20.0, 30.0, 20.0, 5.0, 0.0, -1.0, -2.0]), Status.CLEAR)


def test_without_telemetry_or_with_few_probes_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, recorded(RISING[-5:]), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
