from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.two_kinds_of_pictures import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import recorded

TWO = np.where(np.arange(20) < 8, 0.8, 0.0) + 0.03 * np.random.default_rng(3).standard_normal(20)


def test_two_kinds_are_caught_and_the_harder_named() -> None:
    finding = catches(RULE, recorded(effects=TWO), Severity.WATCH)
    assert "8 of 20" in finding.message.en
    assert "two subjects or styles" in (finding.why.en if finding.why else "")


def test_folders_that_explain_it_are_said() -> None:
    folders = ["5_photo"] * 8 + ["5_drawing"] * 12
    finding = catches(RULE, recorded(effects=TWO, folders=folders))
    assert "folders differ" in (finding.why.en if finding.why else "")


def test_one_kind_is_clear() -> None:
    catches_not(RULE, recorded(), Status.CLEAR)
    catches_not(RULE, recorded(effects=0.3 * np.random.default_rng(4).standard_normal(20)), Status.CLEAR)


def test_a_split_by_shape_is_left_to_the_rule_on_shapes() -> None:
    buckets = [(448, 576)] * 8 + [(512, 512)] * 12
    finding = catches_not(RULE, recorded(effects=TWO, buckets=buckets), Status.CLEAR)
    assert "buckets" in finding.message.en


def test_few_pictures_say_nothing() -> None:
    catches_not(RULE, recorded(200, 8), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
