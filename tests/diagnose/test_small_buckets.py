from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.small_buckets import RULE
from tests.diagnose.cases import catches, catches_not, plan, step_plan


def _case(buckets: tuple[tuple[int, int, int], ...], batch: int = 4) -> Case:
    return Case(plan=plan({"train_batch_size": batch}, steps=step_plan(buckets=buckets)))


def test_a_bucket_that_cannot_fill_a_batch_is_named() -> None:
    assert "448x576" in catches(RULE, _case(((512, 512, 200), (448, 576, 3))), Severity.WATCH).message.en


def test_many_buckets_for_few_pictures_are_told() -> None:
    catches(RULE, _case(tuple((512, 64 * i, 20) for i in range(1, 8))), Severity.WATCH)


def test_large_buckets_are_clear() -> None:
    catches_not(RULE, _case(((512, 512, 200), (448, 576, 40))), Status.CLEAR)


def test_at_batch_1_buckets_cost_nothing() -> None:
    catches_not(RULE, _case(((448, 576, 1),), batch=1), Status.NOT_APPLICABLE)
