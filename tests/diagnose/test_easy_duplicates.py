from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.easy_duplicates import RULE
from tests.diagnose.cases import catches, catches_not, dataset, observed
from tests.diagnose.recorded_pictures import Floats, recorded

SHARED = ["aaaaaaaa"] * 5 + [f"{i:08x}" for i in range(15)]


def _faster(steps: Floats, pictures: Floats) -> Floats:
    return np.asarray(np.where(pictures < 5, -0.5, -0.05) * steps / 600)


def _evenly(steps: Floats, _: Floats) -> Floats:
    return np.asarray(-0.3 * steps / 600)


def test_equal_captions_that_fall_faster_are_caught() -> None:
    finding = catches(RULE, recorded(captions=SHARED, change=_faster), Severity.WATCH)
    assert "5 pictures" in finding.message.en
    assert "10_alice/000.png" in finding.message.en


def test_equal_captions_that_fall_like_the_others_are_clear() -> None:
    catches_not(RULE, recorded(captions=SHARED, change=_evenly), Status.CLEAR)


def test_one_caption_for_all_tells_no_group() -> None:
    catches_not(RULE, recorded(captions=["aaaaaaaa"] * 20, change=_faster), Status.CLEAR)


def test_before_a_run_it_has_nothing_to_say() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.NOT_APPLICABLE)


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
