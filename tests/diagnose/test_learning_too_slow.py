from __future__ import annotations

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.learning_too_slow import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, ended_early, recorded, shaken

EVEN = [-1.2 * (n + 1) / 12 for n in range(12)]


def test_a_small_even_gain_in_a_long_run_wants_a_higher_rate() -> None:
    finding = catches(RULE, recorded(EVEN, unet_lr=1e-5), Severity.FIX)
    assert finding.state is State.NOT_LEARNING
    assert "1200 steps" in finding.message.en
    assert finding.fix is not None
    # 1e-5 is below what works for the family: its middle.
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.unet_lr", 1.3e-4)]
    usual = catches(RULE, recorded(EVEN, unet_lr=1e-4)).fix
    assert usual is not None
    assert [(c.key, c.value) for c in usual.changes] == [("train.unet_lr", 2e-4)]


def test_a_run_that_ended_early_may_have_had_the_right_rate() -> None:
    said = catches_not(RULE, ended_early(recorded(EVEN)), Status.INCONCLUSIVE)
    assert said.needs is not None
    assert "step 1200 of 5000" in said.needs.en


def test_short_large_finished_or_doubtful_gains_are_not_slow() -> None:
    catches_not(RULE, recorded(EVEN, every=7), Status.CLEAR)  # not a hundred steps yet
    catches_not(RULE, recorded([3 * change for change in EVEN]), Status.CLEAR)
    catches_not(RULE, recorded(approach(-1.2, rate=20)), Status.CLEAR)
    catches_not(RULE, recorded(shaken(EVEN, 0.7)), Status.CLEAR)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 1200), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
