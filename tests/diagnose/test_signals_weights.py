from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestrator.core.observation import Checkpoint, GroupWeights
from orchestrator.diagnose.signals import weights


def group(modules: int = 10, dead: int = 0, mean_norm: float = 0.3) -> GroupWeights:
    return GroupWeights(modules, dead, 8, mean_norm, 0.01, 0.1, 3.0, 1.5)


def file(step: int | None, rms: float, **groups: GroupWeights) -> Checkpoint:
    return Checkpoint(
        "x",
        step,
        None,
        is_final=False,
        size_bytes=1,
        is_readable=True,
        is_scanned=True,
        up_count=10,
        zero_up_count=4,
        norms={"unet": rms},
        groups=groups,
    )


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.floats(1e-6, 1e3)), min_size=3, max_size=20, unique_by=lambda p: p[0])
)
def test_growth_is_the_slope_of_logarithms(points: list[tuple[int, float]]) -> None:
    steps, norms = [float(s) for s, _ in points], [n for _, n in points]
    expected = stats.linregress([math.log(s) for s in steps], [math.log(n) for n in norms]).slope
    assert weights.growth_exponent(steps, norms) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_growth_as_recorded_on_a_sound_run() -> None:
    assert weights.growth_exponent([50, 100, 150, 200], [0.126, 0.225, 0.302, 0.369]) == pytest.approx(0.78, abs=0.01)


def test_growth_needs_three_points_above_zero() -> None:
    assert math.isnan(weights.growth_exponent([1, 2], [1, 2]))
    assert math.isnan(weights.growth_exponent([1, 2, 3], [1, 0, 2]))
    assert math.isnan(weights.growth_exponent([2, 2, 2], [1, 2, 3]))
    assert math.isnan(weights.growth_exponent([1, 2, 3], [1, math.inf, 2]))


def test_a_group_grows_over_its_files() -> None:
    files = [file(50, 0.1), file(None, 9.0), file(100, 0.2), file(150, 0.3), file(150, 0.33)]
    found = weights.group_growth(files, "unet")
    assert found is not None
    assert found.steps == (50, 100, 150)
    assert found.rms == (0.1, 0.2, 0.33)
    assert found.last_share == pytest.approx(0.65)
    assert weights.group_growth(files, "te") is None
    single = weights.group_growth(files[:1], "unet")
    assert single is not None
    assert math.isnan(single.last_share)
