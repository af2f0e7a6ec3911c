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


def test_a_thousand_times_the_rank_is_a_slip() -> None:
    def case(alpha: float) -> Case:
        return Case(settings={"network_dim": 16, "network_alpha": alpha, "optimizer_type": "Prodigy"}, family="sd15")

    fix = catches(RULE, case(1e6), Severity.FIX).fix
    assert fix is not None
    assert [(change.key, change.value, change.before) for change in fix.changes] == [
        ("network.network_alpha", 8.0, 1e6)
    ]
    assert catches(RULE, case(16_000), Severity.WATCH).fix is not None
