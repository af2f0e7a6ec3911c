from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.final_file_unreadable import RULE
from tests.diagnose.cases import catches, catches_not, checkpoint, observed


def test_a_cut_file_stops_with_the_reason() -> None:
    cut = checkpoint(is_readable=False, problem="shorter than its header says", key_count=0)
    assert "shorter than" in catches(RULE, observed(checkpoints=[cut]), Severity.STOP).message.en


def test_a_file_without_tensors_stops() -> None:
    assert "no tensors" in catches(RULE, observed(checkpoints=[checkpoint(key_count=0)])).message.en


def test_a_whole_file_is_clear() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint()]), Status.CLEAR)
    catches_not(RULE, observed(), Status.NOT_APPLICABLE)
