"""The course of a run against its base model, from the fixed probe: what the rules that name its state ask, computed once.

All changes are percent against the base model (-2.0: a loss 2 % below it), all shares are of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import recording, significant, telemetry
from orchestrator.diagnose.measured import probe_curves
from orchestrator.diagnose.rates import summed_lr_at
from orchestrator.diagnose.signals.probe import NO_TRIGGER
from orchestrator.diagnose.signals.saturation import MOST_MISFIT, fit_saturation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.probe import ProbeCurve

LEAST_PROBES = 6
"""Fewer have no shape: a lowest point, something before it and something after it, and a jitter to hold them against."""
SAMPLE = 4
"""Held-out pictures that speak for others. Two in each of six runs with three training pictures hid in four of them that fresh ones got worse."""
LEARNED = 3.0
"""Jitters that a gain has to exceed to be one."""
SAME = 0.8
"""Percent either way that count as no change: public SD1.5 runs that move nothing stay within 0.1 %, sound ones gain 0.5 to 7.6 %."""
LATE = 1 / 3
"""Share of the run whose slope says whether it still went on."""
EVEN_PACE = 0.48
"""Of an even course over the summed learning rates: faster at the end, and only the schedule made the curve lie still."""
STILL = 0.10
"""Share of the whole gain that the last third may still bring, either way, in a run that came to rest."""
SURE = 1.645
"""One-sided 95 % of a normal distribution: two one-sided tests (Schuirmann 1987) against that margin."""
LEAST_JITTER = 0.01
"""Percentage points; what evaluations of almost untouched public models differ by."""
TO_DEVIATION = 1.4826
"""A median of absolute normal deviates times this is their standard deviation."""
PROBE = "telemetry: probe"


@dataclass(frozen=True, slots=True)
class Course:
    """What the probe says about a run."""

    train: ProbeCurve | None
    held_out: ProbeCurve | None
    """None for fewer than two held-out pictures: one picture is no sample."""

    @property
    def decisive(self) -> ProbeCurve:
        """The held-out pictures where there are any, else the training pictures."""
        curve = self.held_out or self.train
        if curve is None:  # pragma: no cover - `course` gives none without a curve
            raise AssertionError
        return curve

    @property
    def jitter(self) -> float:
        """Noise of the decisive curve between probes, percentage points; NaN where it is unknown."""
        return noise(self.decisive)


def course(case: Case) -> Course | None:
    """Return the course of a run; None without a base probe, or with fewer than `LEAST_PROBES` probes that are finite."""
    curves = probe_curves(case)
    if curves is None:
        return None
    held = curves.held_out if curves.held_out is not None and len(curves.held_out.pictures) > 1 else None
    kept = [c for c in (curves.train, held) if c is not None and sum(map(math.isfinite, c.changes)) >= LEAST_PROBES]
    if not kept:
        return None
    return Course(
        next((c for c in kept if c is curves.train), None), next((c for c in kept if c is curves.held_out), None)
    )


def unprobed(case: Case) -> tuple[Text, Text]:
    """Return why a run has no course, and what would give it one: only what is missing is asked for."""
    seen = telemetry(case)
    count = len({p.step for p in seen.probes if p.is_on and p.when != NO_TRIGGER}) if seen is not None else 0
    if count == 0:
        said = Text("The run was not probed against its base model.", "该次训练没有与底模作探针比较。")
    elif count < LEAST_PROBES:
        said = Text(
            f"The run was probed {plural(count, 'time', 'times')} only: no shape.",
            f"该次训练只有 {count} 次探针：看不出走势。",
        )
    else:
        said = Text(
            "The probes have no base model beside them, or are not finite.", "探针缺少底模的测量，或并非有限数。"
        )
    if recording(case) == "probe":
        return said, Text(
            f"A run long enough for {LEAST_PROBES} finite probes.",
            f"足够长的训练，至少得到 {LEAST_PROBES} 次有限的探针。",
        )
    return said, Text(
        f"`telemetry: probe` in the recipe and at least {LEAST_PROBES} probes.",
        f"配方中的 `telemetry: probe`，且至少 {LEAST_PROBES} 次探针。",
    )


def shaking(curve: ProbeCurve, share: float = 1.0, jumps: Sequence[int] = ()) -> float:
    """Return the noise between neighbouring probes of the last `share` of a curve, percentage points; NaN for fewer than 3.

    Median distance of a probe from the line through its neighbours, scaled to a standard deviation: single jumps (a restart of the
    schedule) and the bend of the fast fall at the start do not count as shaking, which the root mean square would let them. Three probes
    around a step of `jumps` are left out: what the schedule did there is known.
    """
    pairs = [(s, c) for s, c in zip(curve.steps, curve.changes, strict=True) if math.isfinite(c)]
    pairs = pairs[len(pairs) - max(3, math.ceil(share * len(pairs))) :]
    distances = []
    for (s0, c0), (s1, c1), (s2, c2) in zip(pairs, pairs[1:], pairs[2:], strict=False):
        if any(s0 < jump <= s2 for jump in jumps):
            continue
        b = (s1 - s0) / (s2 - s0)
        a = 1 - b
        distances.append(abs(c1 - a * c0 - b * c2) / math.sqrt(1 + a * a + b * b))
    return TO_DEVIATION * median(distances) if distances else math.nan


def noise(curve: ProbeCurve) -> float:
    """Return the jitter that counts for the end of a curve: of its second half, where the learning rate may have decayed.

    At least a third of the whole run's: a few calm probes at the end are no proof of precision.
    """
    known = [j for j in (shaking(curve, 0.5), shaking(curve) / 3) if math.isfinite(j)]
    return max(*known, LEAST_JITTER) if known else math.nan


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


def ending(case: Case, curve: ProbeCurve) -> Ending | None:
    """Return what the end of a curve still brought; None for fewer than `LEAST_PROBES` finite probes.

    The curve is fitted as an exponential approach over the summed learning rates (over the steps where those are not known), the base at 0
    included: all probes speak for the end then, not the last few only. A curve of another shape has a line through its last third.
    """
    pairs = [(s, c) for s, c in zip(curve.steps, curve.changes, strict=True) if math.isfinite(c)]
    jitter = noise(curve)
    if len(pairs) < LEAST_PROBES or not math.isfinite(jitter):
        return None
    last = pairs[-1][0]
    line = _line([pair for pair in pairs if pair[0] >= last * (1 - LATE)] if len(pairs) > 9 else pairs[-4:], jitter)
    whole = summed_lr_at(case, last)

    def done(step: float) -> float:
        so_far = summed_lr_at(case, step) if step >= 1 else 0.0
        return so_far / whole if whole and so_far is not None else step / last

    due = 1 - done(last * 2 / 3)
    fit = fit_saturation([0.0, *(done(s) for s, _ in pairs)], [0.0, *(c for _, c in pairs)])
    reach = max(MOST_MISFIT * shaking(curve), STILL / 2 * abs(curve.last))
    if fit is None or not fit.spread <= reach:
        return Ending(line.rate * last * LATE, line.rate * last / 4, line.error * last * LATE, due, is_fitted=False)
    third, quarter = fit.fall(done(last * 2 / 3)), fit.fall(done(last * 3 / 4))
    return Ending(third, quarter, min(jitter, line.error * last * LATE), due, is_fitted=True)


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


def late_share(curve: ProbeCurve, end: Ending) -> float:
    """Return the share of a curve's whole fall that its last quarter brought; 0 where nothing fell."""
    return end.quarter / -curve.last if curve.last < 0 else 0.0


def is_still(curve: ProbeCurve, end: Ending) -> bool:
    """Return whether the last third is equivalent to no change: with 95 % confidence either way within a tenth of the gain."""
    return abs(end.third) + SURE * end.error < STILL * -curve.last


def is_at_best(curve: ProbeCurve) -> bool:
    """Return whether the end lies within three jitters, or a tenth of the gain, of the best, which is the luckiest of many probes."""
    return curve.last - curve.best < max(3 * shaking(curve), STILL * -curve.best)


def plateau_step(curve: ProbeCurve) -> int:
    """Return the first probed step from which on all probes lie within a tenth of the gain, or one jitter, of the end."""
    reach = max(STILL * -curve.last, noise(curve))
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


def has_learned(seen: Course) -> bool:
    """Return whether all curves ended better than the base model by more than three jitters."""
    return all(curve.last < -LEARNED * noise(curve) for curve in (seen.train, seen.held_out) if curve is not None)


def is_at_rest(case: Case, seen: Course) -> bool:
    """Return whether the run learned and then came to rest, by all curves, and not only because the learning rate had ended."""
    curves = [curve for curve in (seen.train, seen.held_out) if curve is not None]
    ends = [ending(case, curve) for curve in curves]
    is_quiet = all(end is not None and is_still(curve, end) for curve, end in zip(curves, ends, strict=True))
    if all(
        end is not None and end.third > EVEN_PACE * end.due * -curve.last
        for curve, end in zip(curves, ends, strict=True)
    ):
        return False
    return has_learned(seen) and is_quiet and is_at_best(seen.decisive)


def surety(case: Case, ratio: float, *, least: float = 2.0, is_about_others: bool = True) -> Confidence:
    """Return how sure a verdict of the probe is: high where the evidence is `least` times its limit, else medium.

    A verdict about pictures the run did not see is never high from fewer than four held-out ones: two can be luckier than all others.
    """
    seen = course(case)
    if seen is None or len(seen.decisive) < LEAST_PROBES + 2 or ratio < least:
        return Confidence.MEDIUM
    if not is_about_others:
        return Confidence.HIGH
    is_sample = seen.held_out is not None and len(seen.held_out.pictures) >= SAMPLE
    return Confidence.HIGH if is_sample else Confidence.MEDIUM


def caveat(curve: ProbeCurve, *, is_held_out: bool) -> Text:
    """Return how far a gain on held-out pictures speaks for pictures nobody measured, to stand behind it; empty for training pictures."""
    count, low, high = len(curve.pictures), -curve.highs[-1], -curve.lows[-1]
    if not is_held_out:
        return Text("", "")
    if count < SAMPLE or not (math.isfinite(low) and math.isfinite(high)):
        held = plural(count, "picture", "pictures")
        return Text(
            f" (measured on {held}: too few to speak for others)", f"（只测了 {count} 张图片：不足以代表其他图片）"
        )
    return Text(
        f" (95 % interval over {count} pictures: {low:.1f} to {high:.1f} %)",
        f"（{count} 张图片的 95 % 区间：{low:.1f} 至 {high:.1f} %）",
    )


def changed(curve: ProbeCurve, limit: float | None = None, *, is_held_out: bool = False) -> Evidence:
    """Return the end of a curve as evidence."""
    who = (
        Text("held-out pictures, loss against the base", "留出图片，相对底模的损失")
        if is_held_out
        else Text("training pictures, loss against the base", "训练图片，相对底模的损失")
    )
    return Evidence(who, significant(curve.last, 3), limit, PROBE, "%")


def shaken(curve: ProbeCurve, limit: float | None = None) -> Evidence:
    """Return the jitter of a curve as evidence."""
    return Evidence(Text("jitter between probes", "探针之间的抖动"), significant(shaking(curve), 2), limit, PROBE, "%")
