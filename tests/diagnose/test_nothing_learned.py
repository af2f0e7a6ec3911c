from __future__ import annotations

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.nothing_learned import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, recorded, shaken


def test_an_end_that_is_surely_the_base_is_nothing() -> None:
    finding = catches(RULE, recorded(shaken([0.0] * 12, 0.02), unet_lr=1e-6), Severity.FIX)
    assert finding.state is State.NOT_LEARNING
    assert finding.confidence is Confidence.HIGH
    assert finding.fix is not None
    # Three times 1e-6 is still below what works for the family.
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.unet_lr", 7e-5)]


def test_no_rate_is_advised_above_the_familys_or_for_prodigy() -> None:
    for settings in ({"unet_lr": 1e-3}, {"unet_lr": 1.0, "optimizer_type": "Prodigy"}):
        fix = catches(RULE, recorded([0.0] * 12, **settings)).fix
        assert fix is not None
        assert fix.changes == ()


def test_a_sure_gain_is_learned() -> None:
    said = catches_not(RULE, recorded(approach(-5.0), approach(-2.0)), Status.CLEAR)
    assert said.state is State.LEARNING
    assert "did not see" in said.message.en
    assert catches_not(RULE, recorded(approach(-5.0)), Status.CLEAR).confidence is Confidence.MEDIUM


def test_a_shaking_end_is_neither() -> None:
    said = catches_not(RULE, recorded(shaken([-0.5] * 12, 1.0)), Status.INCONCLUSIVE)
    assert said.state is None


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
