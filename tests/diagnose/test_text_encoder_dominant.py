from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.text_encoder_dominant import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import file_at, weights


def test_a_larger_update_is_to_fix() -> None:
    case = observed(checkpoints=[file_at(400, 0.01, 0.03)], text_encoder_lr=2e-3)
    finding = catches(RULE, case, Severity.FIX)
    assert "3.0 times" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.text_encoder_lr", 6e-4)]
    of_plan = observed(checkpoints=[file_at(400, 0.01, 0.03)], text_encoder_lr=[2e-3, 1e-3])
    both = catches(RULE, of_plan).fix
    assert both is not None
    assert [(c.key, c.value) for c in both.changes] == [("train.text_encoder_lr", [6e-4, 3e-4])]
    prodigy = observed(checkpoints=[file_at(400, 0.01, 0.03)], text_encoder_lr=1.0, optimizer_type="Prodigy")
    fix = catches(RULE, prodigy).fix
    assert fix is not None
    assert fix.changes == ()


@pytest.mark.parametrize("te", [0.0014, 0.004, 0.0075])
def test_usual_ratios_are_clear(te: float) -> None:
    catches_not(RULE, observed(checkpoints=[file_at(400, 0.01, te)]), Status.CLEAR)


def test_a_single_direction_that_grows_is_pointed_out() -> None:
    narrow = {"te": weights(1.3), "unet": weights(3.0)}
    files = [file_at(200, 0.01, 0.003), file_at(400, 0.012, 0.004, groups=narrow)]
    catches(RULE, observed(checkpoints=files), Severity.WATCH)
    resting = [file_at(200, 0.01, 0.004), file_at(400, 0.012, 0.004, groups=narrow)]
    catches_not(RULE, observed(checkpoints=resting), Status.CLEAR)


def test_weights_that_hardly_moved_are_not_compared() -> None:
    catches_not(RULE, observed(checkpoints=[file_at(400, 4e-6, 5.5e-6)]), Status.NOT_APPLICABLE)
    catches(RULE, observed(checkpoints=[file_at(400, 4e-6, 5e-4)]), Severity.FIX)


def test_one_part_alone_is_not_compared_and_no_file_says_nothing() -> None:
    catches_not(RULE, observed(checkpoints=[file_at(400)]), Status.NOT_APPLICABLE)
    catches_not(RULE, observed(), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
