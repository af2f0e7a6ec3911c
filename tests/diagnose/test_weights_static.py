from __future__ import annotations

from dataclasses import replace

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.changes import next_changes
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rules import text_encoder_dominant, weight_blow_up
from orchestrator.diagnose.rules.weights_static import RULE
from orchestrator.diagnose.state import primary_state
from tests.diagnose.cases import catches, catches_not, checkpoint, observed, series
from tests.diagnose.recorded import approach, file_at, recorded


def test_modules_that_never_moved_are_certain() -> None:
    finding = catches(RULE, observed(checkpoints=[checkpoint(zero_up_count=200, norms={"unet": 1e-4})]), Severity.FIX)
    assert finding.confidence is Confidence.HIGH
    assert "98%" in finding.message.en


def test_tiny_updates_are_likely() -> None:
    finding = catches(RULE, observed(checkpoints=[checkpoint(norms={"unet": 4e-6, "te": 5.5e-6})]), Severity.FIX)
    assert finding.confidence is Confidence.MEDIUM


def test_a_text_encoder_left_alone_is_no_fault() -> None:
    file = checkpoint(zero_up_count=72, norms={"unet": 4e-3, "te": 0.0})
    catches_not(RULE, observed(checkpoints=[file]), Status.CLEAR)


def test_without_a_final_file_the_newest_is_read() -> None:
    files = [checkpoint(f"{step}", step=step, is_final=False, zero_up_count=204 * (step == 200)) for step in (200, 100)]
    catches(RULE, observed(checkpoints=files))


def test_numbers_that_were_not_read_are_not_judged() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint(is_scanned=False)]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(), Status.INCONCLUSIVE)


def test_nan_has_no_size() -> None:
    catches_not(RULE, observed(checkpoints=[checkpoint(nonfinite_count=1)]), Status.NOT_APPLICABLE)


def test_files_that_are_all_alike_stood_still() -> None:
    files = [file_at(step, 0.004, 0.001) for step in (100, 200, 300, 400)]
    finding = catches(RULE, observed(checkpoints=files), Severity.FIX)
    assert finding.state is State.NOT_LEARNING
    assert "step 100" in finding.message.en
    moved = [*files[:3], file_at(400, 0.0041, 0.001)]
    catches_not(RULE, observed(checkpoints=moved), Status.CLEAR)
    catches_not(RULE, observed(checkpoints=files[:2]), Status.CLEAR)


def test_a_rate_that_was_over_by_then_explains_it() -> None:
    files = [file_at(step, 0.004) for step in (200, 300, 400)]
    over = series([1e-4] * 150 + [0.0] * 250, "lr/unet")
    catches_not(RULE, observed(checkpoints=files, further=[over]), Status.CLEAR)
    still_on = series([1e-4] * 400, "lr/unet")
    assert catches(RULE, observed(checkpoints=files, further=[still_on])).confidence is Confidence.HIGH


def test_standing_norms_are_no_standing_weights_where_the_probe_or_a_limit_says_so() -> None:
    files = [file_at(step) for step in (200, 400, 600, 800, 1000, 1200)]
    catches(RULE, recorded([0.0] * 12, checkpoints=files))
    catches_not(RULE, recorded(approach(-10.0), checkpoints=files))
    held = replace(recorded([0.0] * 12, checkpoints=files), settings={"scale_weight_norms": 1.0}, cache={})
    catches_not(RULE, held)


def test_of_untouched_weights_no_ratio_or_growth_is_told_and_no_rate_lowered() -> None:
    files = [file_at(step, (step / 400) ** 3 * 4e-6, (step / 400) ** 3 * 1e-4) for step in (100, 200, 300)]
    files = [replace(file, zero_up_count=200) for file in files]
    for other in (weight_blow_up, text_encoder_dominant):
        catches(other.RULE, observed(checkpoints=files))
    verdict = judge(observed(checkpoints=files, unet_lr=1e-6, text_encoder_lr=5e-7), "after", reraise=True)
    fired = {finding.name for finding in verdict.fired}
    assert "weights-static" in fired
    assert not fired & {"weight-blow-up", "text-encoder-dominant", "rank-unused"}
    assert primary_state(verdict).state is State.NOT_LEARNING
    assert not any(change.key == "train.text_encoder_lr" for change in next_changes(verdict))
