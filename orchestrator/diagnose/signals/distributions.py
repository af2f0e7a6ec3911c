"""Tails of Student's t and chi-square without scipy, which is too heavy a dependency for two functions. Checked against it in tests."""

from __future__ import annotations

import math
from typing import Final

_TINY: Final = 1e-300
_CLOSE: Final = 1e-15


def student_t_tail(t: float, freedom: float) -> float:
    """Return P(T > t) for `freedom` degrees of freedom (> 0, infinity allowed); NaN for NaN or none."""
    if math.isnan(t) or not freedom > 0:
        return math.nan
    if math.isinf(freedom):
        return 0.5 * math.erfc(t / math.sqrt(2))
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    square = t * t
    # The half that is not near 1 is computed, so that digits are not lost.
    if square < freedom:
        half = 0.5 - 0.5 * incomplete_beta(0.5, freedom / 2, square / (freedom + square))
    else:
        half = 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + square))
    return half if t >= 0 else 1 - half


def student_t_quantile(p: float, freedom: float) -> float:
    """Return t with P(T <= t) = p, 0 < p < 1, by bisection."""
    if not 0 < p < 1:
        raise ValueError(f"p = {p}: must lie between 0 and 1")
    if p < 0.5:
        return -student_t_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while student_t_tail(high, freedom) > 1 - p:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if student_t_tail(middle, freedom) > 1 - p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def chi_square_tail(x: float, freedom: float) -> float:
    """Return P(X > x) for `freedom` degrees of freedom (at least 0.5): the upper regularised gamma function; NaN for NaN or none."""
    if math.isnan(x) or not freedom > 0:
        return math.nan
    if x < 1e-300:
        return 1.0
    if math.isinf(x):
        return 0.0
    a, z = freedom / 2, x / 2
    front = math.exp(-z + a * math.log(z) - math.lgamma(a))
    return 1 - front * _gamma_series(a, z) if z < a + 1 else front * _gamma_fraction(a, z)


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    n = a
    while abs(term) > abs(total) * _CLOSE:
        n += 1
        term *= x / n
        total += term
    return total


def _gamma_fraction(a: float, x: float) -> float:
    """Lentz's method (Numerical Recipes, 6.2)."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value = d
    for i in range(1, 10_000):
        factor = -i * (i - a)
        b += 2
        d = 1 / _nonzero(factor * d + b)
        c = _nonzero(b + factor / c)
        value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), 0 <= x <= 1 (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a - 1 + 2 * m) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1 + 2 * m))
        for factor in (even, odd):
            d = 1 / _nonzero(1 + factor * d)
            c = _nonzero(1 + factor / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
