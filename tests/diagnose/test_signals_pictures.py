from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from orchestrator.diagnose.signals import pictures
from orchestrator.diagnose.signals.conditioned import shrunken_effects


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@settings(deadline=None)
def test_false_discovery_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert pictures.false_discovery(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def test_a_test_that_was_not_made_does_not_count() -> None:
    plain = pictures.false_discovery([0.01, 0.04, 0.5])
    found = pictures.false_discovery([0.01, math.nan, 0.04, 0.5])
    assert [found[0], found[2], found[3]] == plain
    assert math.isnan(found[1])
    assert pictures.false_discovery([]) == []


groups = st.lists(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12), min_size=2, max_size=5)


@given(groups)
@settings(deadline=None)
def test_kruskal_wallis_agrees_with_scipy(found: list[list[float]]) -> None:
    ours = pictures.kruskal_wallis(found)
    assert ours is not None
    if len({value for group in found for value in group}) == 1:
        assert (math.isnan(ours.statistic), ours.p) == (True, 1.0)
        return
    theirs = stats.kruskal(*found)
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, abs=1e-9)


def test_kruskal_wallis_needs_two_groups_of_finite_values() -> None:
    assert pictures.kruskal_wallis([[1.0, 2.0], []]) is None
    assert pictures.kruskal_wallis([]) is None
    with pytest.raises(ValueError, match="not finite"):
        pictures.kruskal_wallis([[1.0], [math.nan]])


@given(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=30))
def test_ranks_agree_with_scipy(values: list[float]) -> None:
    ranks, sizes = pictures.average_ranks(np.array(values))
    assert ranks.tolist() == stats.rankdata(values).tolist()
    assert sizes.sum() == len(values)


def _set(seed: int, offsets: list[float], exposures: int = 60) -> tuple[pictures.PictureEffect, ...]:
    draw = np.random.default_rng(seed)
    indices = np.tile(np.arange(len(offsets)), exposures)
    residuals = np.array(offsets)[indices] + 0.2 * draw.normal(size=len(indices))
    return pictures.picture_effects(residuals, indices, shrunken_effects(residuals, indices))


def test_a_hard_picture_stands_first_and_apart() -> None:
    draw = np.random.default_rng(7)
    rows = _set(0, [*(0.03 * draw.normal(size=19)).tolist(), 0.6])
    assert rows[0].index == 19
    assert rows[0].exposures == 60
    assert rows[0].effect == pytest.approx(0.6, abs=0.1)
    assert rows[0].z > 5
    assert rows[0].q < 0.001


def test_equal_pictures_are_seldom_discovered() -> None:
    discovered = sum(any(row.q < 0.05 for row in _set(seed, [0.0] * 20)) for seed in range(100))
    assert discovered <= 12


def test_an_effect_is_drawn_towards_nothing_by_its_noise() -> None:
    draw = np.random.default_rng(8)
    indices = np.r_[np.repeat(np.arange(20), 50), np.full(2, 20)]
    offsets = 0.2 * draw.normal(size=21)
    offsets[20] = 0.5
    residuals = offsets[indices] + 0.3 * draw.normal(size=len(indices))
    effects = shrunken_effects(residuals, indices)
    raw = {i: float(np.median(residuals[indices == i])) for i in range(21)}
    centre = float(np.median(list(raw.values())))
    kept = {i: effects[i] / (raw[i] - centre) for i in (0, 20)}
    assert 0.9 < kept[0] < 1
    assert kept[20] < 0.75
    assert shrunken_effects(residuals, np.zeros(len(residuals), dtype=np.int64)) == {}
    assert shrunken_effects(residuals, np.full(len(residuals), -1)) == {}


def test_two_kinds_are_split_where_they_part() -> None:
    draw = np.random.default_rng(9)
    values = [*(0.05 * draw.normal(size=8)).tolist(), *(0.6 + 0.05 * draw.normal(size=8)).tolist()]
    found = pictures.two_clusters(values)
    assert found is not None
    assert sorted(found.low) == list(range(8))
    assert found.gap == pytest.approx(0.6, abs=0.06)
    assert found.ashman > 8
    one = pictures.two_clusters((0.05 * draw.normal(size=16)).tolist())
    assert one is not None
    assert one.gap < 0.15


def test_two_kinds_need_enough_finite_numbers() -> None:
    assert pictures.two_clusters([1.0] * 5) is None
    assert pictures.two_clusters([1.0] * 6 + [math.nan]) is None
    same = pictures.two_clusters([1.0] * 6)
    assert same is not None
    assert (same.gap, same.ashman) == (0.0, 0.0)
