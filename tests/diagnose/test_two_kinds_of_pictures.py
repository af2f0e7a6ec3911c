from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.measured import level_change, picture_effects
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


def test_regularisation_pictures_are_no_second_kind_and_stand_in_no_table() -> None:
    effects = np.where(np.arange(28) < 14, 0.8, 0.0) + 0.03 * np.random.default_rng(3).standard_normal(28)
    catches(RULE, recorded(1200, 28, effects=effects))
    case = recorded(1200, 28, effects=effects, reg=range(14))
    catches_not(RULE, case, Status.CLEAR)
    found = picture_effects(case)
    assert found is not None
    assert sorted(row.index for row in found.rows) == list(range(14, 28))


def test_the_course_of_the_loss_is_that_of_the_subject() -> None:
    def forgets(steps: np.ndarray, pictures: np.ndarray) -> np.ndarray:
        return np.where(pictures < 14, steps / 400, -steps / 4000)

    case = recorded(1200, 28, change=forgets, reg=range(14))
    change = level_change(case)
    assert change is not None
    assert change.percent < 0
