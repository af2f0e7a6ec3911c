from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.final_file_missing import RULE
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import catches, catches_not, checkpoint, outcome


def test_exit_code_0_without_a_file_stops() -> None:
    part = checkpoint("a-000001.safetensors", is_final=False)
    finding = catches(RULE, Case(observations=Observations(checkpoints=(part,)), outcome=outcome()), Severity.STOP)
    assert finding.evidence[1].value == 1


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (Ending.INTERRUPTED, Status.NOT_APPLICABLE),
        (Ending.STOPPED, Status.NOT_APPLICABLE),
        (Ending.UNKNOWN, Status.INCONCLUSIVE),
    ],
)
def test_other_endings_need_no_final_file(ending: Ending, status: Status) -> None:
    catches_not(RULE, Case(observations=Observations(), outcome=outcome(ending)), status)


def test_a_file_is_clear() -> None:
    catches_not(RULE, Case(observations=Observations(checkpoints=(checkpoint(),)), outcome=outcome()), Status.CLEAR)
