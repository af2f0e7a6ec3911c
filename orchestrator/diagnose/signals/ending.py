"""The end of a probe curve: what it still brought, whether it came to rest, and since when.

All changes are percent against the base model (-2.0: a loss 2 % below it), all shares are of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.diagnose.signals.saturation import MOST_MISFIT, fit_saturation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_PROBES: Final = 6
"""Fewer have no shape: a lowest point, something before it and something after it, and a jitter to hold them against."""
LATE: Final = 1 / 3
"""Share of the run whose slope says whether it still went on."""
STILL: Final = 0.10
"""Share of the whole gain that the last third may still bring, either way, in a run that came to rest."""
SURE: Final = 1.645
"""One-sided 95 % of a normal distribution: two one-sided tests (Schuirmann 1987) against that margin."""

LAST: Final = 3
"""Probes at the end that are averaged."""
SURELY: Final = 0.99
"""1 % on each side: 98 % within."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of a run still brought."""

    third: float
    """Percentage points the curve fell by in the last third of the steps; negative where it rose."""
    quarter: float
    """Likewise in the last quarter."""
    error: float
    """Standard error of `third`, from the jitter; NaN where that is unknown."""
    due: float
    """Share of the run's summed learning rates that fell into the last third, 0 ... 1: what an even course would have brought there."""
    is_fitted: bool
    """From an exponential approach fitted to the whole curve; else from a straight line through the last third."""


def ending_of(curve: ProbeCurve, done: Callable[[float], float]) -> Ending | None:
    """Return what the end of a curve still brought; None for fewer than `LEAST_PROBES` finite probes.

    `done`: step -> share of the run's summed learning rates up to it. The curve is fitted as an exponential approach over that, the base
    at 0 included: all probes speak for the end then, not the last few only. A curve of another shape has a line through its last third.
    """
    pairs = [(s, c) for s, c in zip(curve.steps, curve.changes, strict=True) if math.isfinite(c)]
    if len(pairs) < LEAST_PROBES or not math.isfinite(curve.late_jitter):
        return None
    last = pairs[-1][0]
    late = [pair for pair in pairs if pair[0] >= last * (1 - LATE)] if len(pairs) > 9 else pairs[-4:]
    line = _line(late, curve.late_jitter)
    due = 1 - done(last * 2 / 3)
    fit = fit_saturation([0.0, *(done(s) for s, _ in pairs)], [0.0, *(c for _, c in pairs)])
    reach = max(MOST_MISFIT * curve.jitter, STILL / 2 * abs(curve.last))
    if fit is None or not fit.spread <= reach:
        return Ending(line.rate * last * LATE, line.rate * last / 4, line.error * last * LATE, due, is_fitted=False)
    third, quarter = fit.fall(done(last * 2 / 3)), fit.fall(done(last * 3 / 4))
    return Ending(third, quarter, min(curve.late_jitter, line.error * last * LATE), due, is_fitted=True)


@dataclass(frozen=True, slots=True)
class _Line:
    rate: float
    """Percentage points fallen per step."""
    error: float
    """Standard error of that: jitter / sqrt(sum (x - mean)^2)."""


def _line(pairs: Sequence[tuple[int, float]], jitter: float) -> _Line:
    middle = math.fsum(s for s, _ in pairs) / len(pairs)
    spread = math.fsum((s - middle) ** 2 for s, _ in pairs)
    if not spread:
        return _Line(0.0, math.inf)
    return _Line(-math.fsum((s - middle) * c for s, c in pairs) / spread, jitter / math.sqrt(spread))


def last_level(curve: ProbeCurve) -> tuple[float, float]:
    """Return the mean of the last `LAST` probes (%) and how far its 98 % interval reaches to either side; infinite where that is unknown.

    Student's t, with as many degrees of freedom as there are probes with two neighbours, on the larger of both jitters: a few probes that
    happen to lie close are no precision.
    """
    from orchestrator.diagnose.signals.distributions import student_t_quantile

    finite = [c for c in curve.changes if math.isfinite(c)]
    last = finite[-LAST:] if math.isfinite(curve.last) else []
    jitter = max(curve.late_jitter, curve.jitter)
    if not last or not math.isfinite(jitter) or len(finite) < 3:
        return math.nan, math.inf
    return math.fsum(last) / len(last), student_t_quantile(SURELY, len(finite) - 2) * jitter / math.sqrt(len(last))


def late_share(curve: ProbeCurve, end: Ending) -> float:
    """Return the share of a curve's whole fall that its last quarter brought; 0 where nothing fell."""
    return end.quarter / -curve.last if curve.last < 0 else 0.0


def is_still(curve: ProbeCurve, end: Ending) -> bool:
    """Return whether the last third is equivalent to no change: with 95 % confidence either way within a tenth of the gain."""
    return abs(end.third) + SURE * end.error < STILL * -curve.last


def is_at_best(curve: ProbeCurve) -> bool:
    """Return whether the end lies within three jitters, or a tenth of the gain, of the best, which is the luckiest of many probes."""
    return curve.last - curve.best < max(3 * curve.jitter, STILL * -curve.best)


def plateau_step(curve: ProbeCurve) -> int:
    """Return the first probed step from which on all probes lie within a tenth of the gain, or one jitter, of the end."""
    reach = max(STILL * -curve.last, curve.late_jitter)
    since = curve.steps[-1]
    for step, change in zip(reversed(curve.steps), reversed(curve.changes), strict=True):
        if not math.isfinite(change) or abs(change - curve.last) > reach:
            break
        since = step
    return since


def change_at(curve: ProbeCurve, step: float) -> float:
    """Return the change at a step, on the line between its neighbouring probes; the base (0 at step 0) counts as one."""
    before = (0.0, 0.0)
    for at, change in zip(curve.steps, curve.changes, strict=True):
        if not math.isfinite(change):
            continue
        if at >= step:
            share = (step - before[0]) / (at - before[0]) if at > before[0] else 1.0
            return before[1] + share * (change - before[1])
        before = (float(at), change)
    return before[1]
