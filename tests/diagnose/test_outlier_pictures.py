from __future__ import annotations

import numpy as np

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.outlier_pictures import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import Floats, recorded


def _effects(**odd: float) -> Floats:
    values = 0.04 * np.random.default_rng(2).standard_normal(20)
    for name, value in odd.items():
        values[int(name[1:])] = value
    return np.asarray(values)


def test_a_hard_picture_is_caught_by_name() -> None:
    finding = catches(RULE, recorded(effects=_effects(p7=0.9)), Severity.WATCH)
    assert "10_alice/007.png" in finding.message.en
    assert "1 picture stays" in finding.message.en


def test_a_spread_without_a_gap_is_clear() -> None:
    catches_not(RULE, recorded(effects=_effects()), Status.CLEAR)
    catches_not(RULE, recorded(effects=_effects(p7=0.22)), Status.CLEAR)


def test_an_easy_picture_is_clear() -> None:
    catches_not(RULE, recorded(effects=_effects(p7=-0.9)), Status.CLEAR)


def test_many_hard_pictures_are_a_kind_and_no_outliers() -> None:
    catches_not(RULE, recorded(effects=_effects(p1=0.9, p2=0.9, p3=0.95, p4=0.92)), Status.CLEAR)


def test_pictures_seen_twice_say_nothing() -> None:
    catches_not(RULE, recorded(60, 30), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
