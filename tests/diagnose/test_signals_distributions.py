from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from orchestrator.diagnose.signals import distributions as ours


@given(st.floats(-60, 60), st.floats(0.3, 5000))
@settings(deadline=None)
def test_student_t_agrees_with_scipy(t: float, freedom: float) -> None:
    assert ours.student_t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9, abs=1e-14)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1, 500))
@settings(deadline=None)
def test_student_t_quantile_agrees_with_scipy(p: float, freedom: float) -> None:
    assert ours.student_t_quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-7, abs=1e-9)


@given(st.floats(0, 900), st.floats(0.5, 800))
@settings(deadline=None)
def test_chi_square_agrees_with_scipy(x: float, freedom: float) -> None:
    assert ours.chi_square_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-8, abs=1e-13)


@given(st.floats(0, 1), st.floats(0.2, 200), st.floats(0.2, 200))
@settings(deadline=None)
def test_incomplete_beta_agrees_with_scipy(x: float, a: float, b: float) -> None:
    assert ours.incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)


def test_edges() -> None:
    assert math.isnan(ours.student_t_tail(math.nan, 3))
    assert math.isnan(ours.student_t_tail(1, 0))
    assert ours.student_t_tail(math.inf, 3) == 0
    assert ours.student_t_tail(-math.inf, 3) == 1
    assert ours.student_t_tail(1.5, math.inf) == pytest.approx(stats.norm.sf(1.5))
    assert math.isnan(ours.chi_square_tail(math.nan, 3))
    assert ours.chi_square_tail(math.inf, 3) == 0
    assert ours.chi_square_tail(-1, 3) == 1
    with pytest.raises(ValueError, match="between 0 and 1"):
        ours.student_t_quantile(1, 3)
