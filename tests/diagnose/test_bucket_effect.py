from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.bucket_effect import RULE
from tests.diagnose.cases import catches, catches_not, observed, plan, step_plan, subset
from tests.diagnose.recorded_pictures import recorded

SHAPES = [(448, 576)] * 8 + [(512, 512)] * 12
HARDER = np.where(np.arange(20) < 8, 0.5, 0.0) + 0.05 * np.random.default_rng(5).standard_normal(20)


def _planned(lonely: int) -> Case:
    buckets = ((512, 512, 200), *((512, 64 * (i + 1), 10) for i in range(lonely)))
    return Case(plan=plan(steps=step_plan(buckets=buckets), subsets=(subset(20),)))


def test_a_harder_shape_is_caught() -> None:
    finding = catches(RULE, recorded(effects=HARDER, buckets=SHAPES), Severity.WATCH)
    assert "448x576" in finding.message.en


def test_many_lonely_shapes_are_told_before_the_run() -> None:
    assert "6 of 20" in catches(RULE, _planned(6), Severity.INFO).message.en


def test_shapes_of_one_level_and_few_lonely_ones_are_clear() -> None:
    catches_not(RULE, recorded(buckets=SHAPES), Status.CLEAR)
    catches_not(RULE, _planned(5), Status.CLEAR)


def test_one_shape_is_no_question() -> None:
    catches_not(RULE, recorded(), Status.NOT_APPLICABLE)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
