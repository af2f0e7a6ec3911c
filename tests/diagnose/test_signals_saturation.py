from __future__ import annotations

import math
import random

import pytest

from orchestrator.diagnose.signals.saturation import fit_saturation

X = [n / 20 for n in range(21)]


@pytest.mark.parametrize("rate", [0.3, 3.0, 12.0])
def test_an_exponential_approach_is_found_again(rate: float) -> None:
    found = fit_saturation(X, [-5 + 4 * math.exp(-rate * x) for x in X])
    assert found is not None
    assert found.spread < 0.06
    truth = 4 * (math.exp(-rate * 2 / 3) - math.exp(-rate))
    assert found.fall(2 / 3) == pytest.approx(truth, abs=0.03)


def test_noise_is_averaged_over_the_whole_curve() -> None:
    draw = random.Random(1)
    falls = []
    for _ in range(50):
        found = fit_saturation(X, [-5 + 5 * math.exp(-4 * x) + draw.gauss(0, 0.3) for x in X])
        assert found is not None
        falls.append(found.fall(2 / 3))
    assert math.fsum(falls) / 50 == pytest.approx(5 * (math.exp(-8 / 3) - math.exp(-4)), abs=0.1)


def test_another_shape_shows_in_the_spread() -> None:
    turned = [abs(x - 0.5) for x in X]
    found = fit_saturation(X, turned)
    assert found is not None
    assert found.spread > 0.1


def test_too_few_finite_points_have_no_fit() -> None:
    assert fit_saturation([0, 0.3, 0.6, 1], [0, 1, 2, 3]) is None
    assert fit_saturation([0, 0.2, 0.4, 0.6, 1], [0, 1, math.nan, 2, 3]) is None
    level = fit_saturation([0, 0.2, 0.4, 0.6, 1], [2.0] * 5)
    assert level is not None
    assert level.at(0.5) == pytest.approx(2.0)
