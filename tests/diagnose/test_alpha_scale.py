from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.alpha_scale import RULE
from tests.diagnose.cases import catches, catches_not


def _case(alpha: float, rank: int) -> Case:
    return Case(settings={"network_alpha": alpha, "network_dim": rank})


@pytest.mark.parametrize(
    ("alpha", "rank", "severity"),
    [(16, 2, Severity.WATCH), (24, 16, Severity.INFO), (1, 64, Severity.INFO), (0, 16, Severity.INFO)],
)
def test_odd_scales_are_told(alpha: float, rank: int, severity: Severity) -> None:
    catches(RULE, _case(alpha, rank), severity)


@pytest.mark.parametrize(("alpha", "rank"), [(16, 16), (16, 32), (1, 16)])
def test_usual_scales_are_clear(alpha: float, rank: int) -> None:
    catches_not(RULE, _case(alpha, rank), Status.CLEAR)


def test_unknown_alpha_is_not_judged() -> None:
    catches_not(RULE, Case(settings={"network_dim": 16}), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("lr", "optimizer", "severity"),
    [(1e-4, "AdamW", Severity.WATCH), (1e-3, "AdamW", Severity.INFO), (1.0, "Prodigy", Severity.INFO)],
)
def test_a_small_ratio_is_looked_at_where_no_rate_makes_up_for_it(
    lr: float, optimizer: str, severity: Severity
) -> None:
    settings = {"network_alpha": 1, "network_dim": 64, "unet_lr": lr, "optimizer_type": optimizer}
    catches(RULE, Case(settings=settings), severity)
