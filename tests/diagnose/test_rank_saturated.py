from __future__ import annotations

import pytest

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.rank_saturated import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, ended_early, file_at, recorded, weights


def _run(effective_rank: float, rate: float) -> Case:
    files = [file_at(1200, groups={"unet": weights(effective_rank)})]
    return recorded(approach(-5.0, rate=rate), checkpoints=files)


def test_a_full_rank_in_a_run_that_went_on_is_told() -> None:
    finding = catches(RULE, _run(7.6, rate=0.5), Severity.INFO)
    assert finding.confidence is Confidence.LOW
    assert finding.fix is not None
    dim, alpha = finding.fix.changes
    assert (dim.key, dim.value) == ("network.network_dim", 16)
    assert alpha.value == pytest.approx(8 * 2**0.5, rel=0.01)


def test_a_run_that_ended_early_was_getting_better_for_that_reason() -> None:
    catches_not(RULE, ended_early(_run(7.6, rate=0.5)), Status.INCONCLUSIVE)


def test_rest_or_spare_rank_is_clear() -> None:
    catches_not(RULE, _run(7.6, rate=30), Status.CLEAR)
    catches_not(RULE, _run(3.1, rate=0.5), Status.CLEAR)


def test_without_spectra_or_probe_nobody_can_say() -> None:
    catches_not(RULE, observed(checkpoints=[file_at(400)]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(checkpoints=[file_at(400, groups={"unet": weights(7.6)})]), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
