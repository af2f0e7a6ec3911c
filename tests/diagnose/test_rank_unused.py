from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.rank_unused import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, file_at, recorded, weights

LOW = (0.07, 0.09, 0.12, 0.15, 0.17, 0.19, 0.22, 0.24, 0.26, 0.31, 0.44)
"""Effective rank / rank of a recorded run at rank 16."""
USED = (0.26, 0.32, 0.36, 0.40, 0.43, 0.46, 0.50, 0.56, 0.61, 0.68, 0.83)


def _run(shares: tuple[float, ...], end: float = -5.0, rank: int = 16) -> Case:
    groups = {"unet": weights(shares[5] * rank, rank, shares=shares)}
    return recorded(approach(end), checkpoints=[file_at(1200, groups=groups)], network_dim=rank, network_alpha=8)


def test_a_rank_that_is_hardly_used_is_told() -> None:
    finding = catches(RULE, _run(LOW), Severity.INFO)
    assert "26%" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("network.network_dim", 8), ("network.network_alpha", 4)]


def test_a_rank_in_use_or_a_small_one_is_not() -> None:
    catches_not(RULE, _run(USED), Status.CLEAR)
    catches_not(RULE, _run(LOW, rank=4), Status.INCONCLUSIVE)


def test_a_run_that_did_not_learn_says_nothing() -> None:
    catches_not(RULE, _run(LOW, end=0.0), Status.NOT_APPLICABLE)


def test_without_spectra_or_probe_nobody_can_say() -> None:
    catches_not(RULE, recorded(approach(-5.0), checkpoints=[file_at(1200)]), Status.INCONCLUSIVE)
    groups = {"unet": weights(3.0, 16, shares=LOW)}
    catches_not(RULE, observed(checkpoints=[file_at(1200, groups=groups)]), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
