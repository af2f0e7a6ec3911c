"""The course of a run against its base model, from the fixed probe: what the rules that name its state ask, computed once.

All changes are percent against the base model (-2.0: a loss 2 % below it), all shares are of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import recording, setting, significant, telemetry
from orchestrator.diagnose.measured import probe_curves
from orchestrator.diagnose.rates import summed_lr_at
from orchestrator.diagnose.signals.ending import LEAST_PROBES, ending_of, is_at_best, is_still
from orchestrator.diagnose.signals.probe import NO_TRIGGER

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.ending import Ending
    from orchestrator.diagnose.signals.probe import ProbeCurve

SAMPLE = 4
"""Held-out pictures that speak for others. Two in each of six runs with three training pictures hid in four of them that fresh ones got worse."""
SAME = 0.8
"""Percent either way that count as no change: public SD1.5 runs that move nothing stay within 0.1 %, sound ones gain 0.5 to 7.6 %."""
LITTLE = 1.6
"""Percent gained that are too few to be of use: below it a rate did not work, and there is too little to ask anything of."""
MUCH = 7.0
"""Percent gained on training pictures beyond which public runs had learned by heart. Sound runs of ours gain more: a question, no proof."""
EVEN_PACE = 0.48
"""Of an even course over the summed learning rates: faster at the end, and only the schedule made the curve lie still."""
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


def ending(case: Case, curve: ProbeCurve) -> Ending | None:
    """Return what the end of a curve still brought, over the summed learning rates (over the steps where those are not known)."""
    last = max((s for s, c in zip(curve.steps, curve.changes, strict=True) if math.isfinite(c)), default=0)
    whole = summed_lr_at(case, last) if last else None

    def done(step: float) -> float:
        so_far = summed_lr_at(case, step) if step >= 1 else 0.0
        return so_far / whole if whole and so_far is not None else step / last

    return ending_of(curve, done)


def has_learned(seen: Course) -> bool:
    """Return whether all curves ended better than the base model by more than three jitters."""
    return all(curve.has_learned for curve in (seen.train, seen.held_out) if curve is not None)


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


def went_on(case: Case) -> bool:
    """Return whether training went on from other weights: at its first step the LoRA was not zero then."""
    return any(setting(case, key) for key in ("network_weights", "resume", "initial_step", "initial_epoch"))


def may_be_by_heart(seen: Course) -> bool:
    """Return whether the training pictures gained so much that they may have been learned by heart, and nothing was held out to tell."""
    curve = seen.train
    return seen.held_out is None and curve is not None and curve.has_learned and curve.last < -MUCH


def surety(case: Case, ratio: float, *, least: float = 2.0, is_about_others: bool = True) -> Confidence:
    """Return how sure a verdict of the probe is: high where the evidence is `least` times its limit, else medium.

    A verdict about pictures the run did not see is never high from fewer than four held-out ones: two can be luckier than all others. It is
    low where they may have been learned by heart and nothing was held out to tell.
    """
    seen = course(case)
    if seen is not None and is_about_others and may_be_by_heart(seen):
        return Confidence.LOW
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
    return Evidence(
        Text("jitter between probes", "探针之间的抖动"), significant(curve.late_jitter, 2), limit, PROBE, "%"
    )
