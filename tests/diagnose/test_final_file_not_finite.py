from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.final_file_not_finite import RULE
from tests.diagnose.cases import catches, catches_not, checkpoint, observed


def test_nan_in_the_file_stops() -> None:
    finding = catches(RULE, observed(checkpoints=[checkpoint(nonfinite_count=1)]), Severity.STOP)
    assert "1 of 612" in finding.message.en


def test_an_overflow_in_fp16_is_saved_in_another_format_next_time() -> None:
    finding = catches(RULE, observed(checkpoints=[checkpoint(nonfinite_count=1)], save_precision="fp16"))
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("save.save_precision", "bf16")]


def test_finite_files_are_clear_and_unread_ones_open() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint()]), Status.CLEAR)
    catches_not(RULE, observed(checkpoints=[checkpoint(is_scanned=False)]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(), Status.NOT_APPLICABLE)
