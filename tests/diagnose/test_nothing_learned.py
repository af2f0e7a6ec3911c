from __future__ import annotations

import random

import pytest

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.course import SAME
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.nothing_learned import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, ended_early, recorded, shaken


def test_an_end_that_is_surely_the_base_is_nothing() -> None:
    finding = catches(RULE, recorded(shaken([0.0] * 12, 0.02), unet_lr=1e-6), Severity.FIX)
    assert finding.state is State.NOT_LEARNING
    assert finding.confidence is Confidence.HIGH
    assert finding.fix is not None
    # 1e-6 is below what works for the family: its middle.
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.unet_lr", 1.3e-4)]


def test_a_gain_that_is_measurable_and_too_little_is_not_called_unmeasurable() -> None:
    finding = catches(RULE, recorded(approach(-0.7)), Severity.FIX)
    assert finding.message.en.startswith("Too little to matter was learned")
    assert "-0.70 %" in finding.message.en


@pytest.mark.parametrize("probes", [6, 8, 12])
def test_at_the_limit_it_errs_as_rarely_as_it_says(probes: int) -> None:
    draw = random.Random(probes)
    curves = [[-SAME + draw.gauss(0, 0.3) for _ in range(probes)] for _ in range(300)]
    assert sum(any(f.is_fired for f in RULE.check(recorded(curve))) for curve in curves) <= 8


def test_nothing_so_far_is_not_nothing() -> None:
    said = catches_not(RULE, ended_early(recorded(shaken([0.0] * 12, 0.02))), Status.INCONCLUSIVE)
    assert said.needs is not None
    assert "step 1200 of 5000" in said.needs.en
    assert said.state is None


def test_a_rate_within_the_familys_range_is_tripled_up_to_its_top() -> None:
    for before, after in ((7e-5, 2.1e-4), (1.5e-4, 2.5e-4)):
        fix = catches(RULE, recorded(shaken([0.0] * 12, 0.02), unet_lr=before)).fix
        assert fix is not None
        assert [(c.key, c.value) for c in fix.changes] == [("train.unet_lr", after)]


def test_an_alpha_that_divides_the_update_away_is_raised_instead_of_the_rate() -> None:
    fix = catches(RULE, recorded([0.0] * 12, unet_lr=1e-4, network_dim=32, network_alpha=0.001)).fix
    assert fix is not None
    assert [(c.key, c.value) for c in fix.changes] == [("network.network_alpha", 32.0)]
    assert "alpha / rank" in fix.advice.en


def test_no_rate_is_advised_above_the_familys_or_for_prodigy() -> None:
    for settings in ({"unet_lr": 1e-3}, {"unet_lr": 1.0, "optimizer_type": "Prodigy"}):
        fix = catches(RULE, recorded([0.0] * 12, **settings)).fix
        assert fix is not None
        assert fix.changes == ()


def test_a_sure_gain_is_learned() -> None:
    said = catches_not(RULE, recorded(approach(-5.0), approach(-2.0)), Status.CLEAR)
    assert said.state is State.LEARNING
    assert "did not see" in said.message.en
    assert "2 pictures: too few to speak for others" in said.message.en
    assert (
        "(" not in catches_not(RULE, recorded(approach(-5.0)), Status.CLEAR).message.en
    )  # its own pictures are all there are
    assert catches_not(RULE, recorded(approach(-5.0)), Status.CLEAR).confidence is Confidence.MEDIUM


def test_a_shaking_end_is_neither() -> None:
    said = catches_not(RULE, recorded(shaken([-0.5] * 12, 1.0)), Status.INCONCLUSIVE)
    assert said.state is None


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)


def test_a_few_dozen_steps_say_nothing_about_the_rate() -> None:
    catches_not(RULE, recorded([0.0] * 12, every=7), Status.INCONCLUSIVE)
    catches(RULE, recorded([0.0] * 12, every=9))
