from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.sample_copies import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import drawn


def test_a_run_that_ended_before_its_second_round_is_told_so() -> None:
    said = catches_not(RULE, drawn(_rounds(0.4, 0.95)[:1]), Status.INCONCLUSIVE)
    assert "after training began" in said.message.en
    assert said.needs is not None
    assert "sample_at_first" not in said.needs.en


def _rounds(first: float, last: float, **facts: Any) -> list[list[dict[str, Any]]]:
    return [[{"similarity": first}] * 4, [{"similarity": last, **facts}, *[{"similarity": first}] * 3]]


def test_a_copy_is_caught_with_both_names() -> None:
    finding = catches(RULE, drawn(_rounds(0.4, 0.95)), Severity.WATCH)
    assert "a_000100_00.png = 003.png" in finding.message.en


def test_alike_outlines_count_at_a_lower_correlation() -> None:
    catches(RULE, drawn(_rounds(0.4, 0.8, hash_distance=3)))
    catches_not(RULE, drawn(_rounds(0.4, 0.8)), Status.CLEAR)


def test_pictures_that_are_alike_anyway_ask_for_more() -> None:
    catches_not(RULE, drawn(_rounds(0.4, 0.95), usual=0.94), Status.CLEAR)


def test_what_was_there_before_training_is_no_copy() -> None:
    catches_not(RULE, drawn(_rounds(0.92, 0.95)), Status.CLEAR)


def test_without_training_pictures_first_round_or_samples_nobody_can_say() -> None:
    catches_not(RULE, drawn(_rounds(0.4, 0.95), compared=0), Status.INCONCLUSIVE)
    first = catches_not(RULE, drawn(_rounds(0.4, 0.95), first=100), Status.INCONCLUSIVE)
    assert "sample_at_first" in (first.needs.en if first.needs else "")
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
