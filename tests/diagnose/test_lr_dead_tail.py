from __future__ import annotations

import math

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.lr_dead_tail import RULE
from tests.diagnose.cases import catches, catches_not, observed, series


def _run(lr: list[float], scheduler: str = "polynomial") -> Case:
    return observed(further=[series(lr, "lr/unet")], lr_scheduler=scheduler)


def test_a_steep_polynomial_ends_long_before_the_run() -> None:
    finding = catches(RULE, _run([1e-3 * (1 - n / 300) ** 8 for n in range(300)]), Severity.WATCH)
    assert "step 118" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.lr_scheduler", "cosine")]


def test_cosine_linear_and_constant_last_to_the_end() -> None:
    for lr in (
        [1e-4 * (1 + math.cos(math.pi * n / 300)) for n in range(300)],
        [1e-4 * (1 - n / 300) for n in range(300)],
        [1e-4] * 300,
    ):
        catches_not(RULE, _run(lr), Status.CLEAR)


def test_a_cosine_that_ended_early_is_not_told_to_be_a_cosine() -> None:
    early = [1e-4 * (1 + math.cos(math.pi * min(1.0, n / 150))) for n in range(300)]
    finding = catches(RULE, _run(early, "cosine"))
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_a_run_that_ended_early_is_judged_by_the_steps_it_was_to_have() -> None:
    dead = [*[1e-4] * 100, *[1e-7] * 60]  # three eighths of what was done
    for planned, status in ((400, Status.INCONCLUSIVE), (160, None)):
        case = observed(further=[series(dead, "lr/unet")], facts={"total_steps": planned}, lr_scheduler="cosine")
        if status is None:
            catches(RULE, case)
        else:
            said = catches_not(RULE, case, status)
            assert said.needs is not None
            assert "step 160 of 400" in said.needs.en
    dead_for_long = [*[1e-4] * 100, *[1e-7] * 200]
    early = observed(further=[series(dead_for_long, "lr/unet")], facts={"total_steps": 500}, lr_scheduler="cosine")
    assert "40%" in catches(RULE, early).message.en


def test_a_rate_of_three_steps_is_logged_and_too_short() -> None:
    said = catches_not(RULE, _run([1e-4] * 3), Status.INCONCLUSIVE)
    assert said.needs is not None
    assert "3 steps" in said.message.en
    assert "telemetry" not in said.needs.en


def test_without_a_logged_rate_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 300), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
