from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.warmup_too_long import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, series, step_plan


def _ramp(share: float, steps: int = 400) -> Case:
    warm = round(share * steps)
    lr = [1e-4 * n / warm for n in range(warm)] + [1e-4] * (steps - warm)
    return observed(further=[series(lr, "lr/unet")], lr_warmup_steps=warm)


def test_a_logged_ramp_over_most_of_the_run_is_seen() -> None:
    finding = catches(RULE, _ramp(0.6), Severity.WATCH)
    assert "60%" in finding.message.en
    assert finding.evidence[0].value == pytest.approx(0.43)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("train.lr_warmup_steps", 0.05, True)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_usual_ramps_are_clear(share: float) -> None:
    catches_not(RULE, _ramp(share), Status.CLEAR)


def test_the_plan_is_judged_before_the_run() -> None:
    def planned(steps: int, scheduler: str) -> Case:
        train = {"lr_warmup_steps": steps, "lr_scheduler": scheduler}
        return Case(plan=plan(train, steps=step_plan(1000)))

    catches(RULE, planned(600, "constant_with_warmup"), Severity.WATCH)
    catches(RULE, planned(200, "cosine"), Severity.WATCH)
    catches_not(RULE, planned(200, "constant_with_warmup"), Status.CLEAR)
    catches_not(RULE, planned(0, "cosine"), Status.CLEAR)


def test_a_fraction_is_a_share_of_the_run() -> None:
    catches(RULE, Case(settings={"lr_warmup_steps": 0.5, "lr_scheduler": "cosine"}))
    catches_not(RULE, Case(settings={"lr_warmup_steps": 0.05, "lr_scheduler": "cosine"}), Status.CLEAR)


def test_few_steps_of_a_run_that_broke_say_nothing_about_its_warm_up() -> None:
    def of_three(warm: int) -> Case:
        ramp = [series([0.0, 1e11, 2e11], "lr/unet")]
        return observed(further=ramp, facts={"total_steps": 320}, lr_warmup_steps=warm, lr_scheduler="cosine")

    catches_not(RULE, of_three(10), Status.CLEAR)
    assert "50%" in catches(RULE, of_three(160)).message.en


def test_the_advised_warm_up_is_shorter_than_the_one_there_is() -> None:
    decaying = [1e-4 * (n + 1) / 10 for n in range(10)] + [1e-4 * 0.9**n for n in range(390)]
    finding = catches(RULE, observed(further=[series(decaying, "lr/unet")], lr_warmup_steps=10))
    assert finding.fix is not None
    (change,) = finding.fix.changes
    assert change.value == pytest.approx(0.011, abs=0.002)  # of 400 steps: fewer than its 10
    assert str(change.value) in finding.fix.advice.en


def test_without_settings_and_log_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 50), Status.INCONCLUSIVE)
    catches_not(RULE, Case(settings={"lr_warmup_steps": 300, "lr_scheduler": "cosine"}), Status.INCONCLUSIVE)
