from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.early_plateau import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, recorded


def test_a_gain_within_the_first_eighth_is_told_with_a_shorter_run() -> None:
    finding = catches(RULE, recorded(approach(-6.0, 24, rate=15)), Severity.INFO)
    assert finding.state is None
    assert finding.fix is not None
    change = finding.fix.changes[0]
    assert (change.key, change.before) == ("train.target_steps", 2400)
    assert change.value < 1200


def test_a_gain_over_the_run_is_not() -> None:
    catches_not(RULE, recorded(approach(-6.0, 24, rate=6)), Status.CLEAR)
    catches_not(RULE, recorded([*approach(-5.0, 16, rate=40), *[-6.0 - 0.2 * n for n in range(8)]]), Status.CLEAR)


def test_a_run_that_began_far_from_its_base_is_no_early_gain() -> None:
    resumed = [-5.5, *[-5.5 - 0.5 * n / 23 for n in range(1, 24)]]
    catches_not(RULE, recorded(resumed), Status.INCONCLUSIVE)
    catches_not(RULE, recorded(approach(-6.0, 24, rate=15), network_weights="other.safetensors"), Status.INCONCLUSIVE)
    finding = catches_not(RULE, recorded([-6.0] * 24), Status.INCONCLUSIVE)
    assert "far from the base model already" in finding.message.en


def test_nothing_gained_has_no_plateau() -> None:
    catches_not(RULE, recorded([0.0] * 12), Status.NOT_APPLICABLE)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
