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


def test_without_a_logged_rate_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 300), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
