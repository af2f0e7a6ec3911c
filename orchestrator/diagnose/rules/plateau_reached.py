"""More steps of the same would add nothing.

## What it looks for

A run that got better than its base model and then stood still.

## Why it matters

It is good news, and says where to stop next time: further steps only add risk.

## How we tell

An equivalence test on the last third of the fixed probe: with 95 % confidence it changed by less than a tenth of the whole gain, either way,
and its end lies within three jitters, or a tenth of the gain, of its best. What the last third brought, and its error, come from an
exponential approach fitted to the whole curve. Noise makes this harder to pass. A flat *raw* loss proves nothing of the kind.

## What to change

Nothing has to. A shorter run, to 1.1 times the step at which the plateau began, gives the same.

## When it is wrong

A cosine schedule ends with steps so small that any curve lies still. Likeness may still change where the loss does not.

## Sources

Equivalence instead of a missing trend: Schuirmann 1987. Measured on simulated runs shaped after public SD1.5 logs (training half); see
docs/benchmark.md for real runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence, Finding, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.course import (
    PROBE,
    Course,
    caveat,
    changed,
    course,
    ending,
    shaken,
    surety,
    unprobed,
)
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.ending import STILL, is_at_best, is_still, plateau_step
from orchestrator.diagnose.signals.jitter import JITTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.ending import Ending
    from orchestrator.diagnose.signals.probe import ProbeCurve

SAYS = Says("R052", "plateau-reached")


def check(case: Case) -> Iterator[Finding]:
    """Test whether the last third is equivalent to no change, on all curves there are."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    lines = {} if seen is None else _lines(case, seen)
    if seen is None or not lines:
        yield SAYS.inconclusive(*unprobed(case))
        return
    curve = seen.decisive
    facts = [changed(curve, is_held_out=seen.held_out is not None), shaken(curve)]
    if not all(c.has_learned for c, _ in lines.values()):
        yield SAYS.not_applicable(Text("It did not get better than its base model.", "没有优于底模。"))
    elif all(is_still(c, line) for c, line in lines.values()) and is_at_best(curve):
        yield _fired(case, seen, lines, facts)
    else:
        yield SAYS.clear(Text("It had not come to rest.", "尚未停下来。"), facts)


def _lines(case: Case, seen: Course) -> dict[str, tuple[ProbeCurve, Ending]]:
    found = {}
    for name, curve in (("train", seen.train), ("held-out", seen.held_out)):
        line = ending(case, curve) if curve is not None else None
        if curve is not None and line is not None:
            found[name] = (curve, line)
    return found


def _fired(case: Case, seen: Course, lines: dict[str, tuple[ProbeCurve, Ending]], facts: list[Evidence]) -> Finding:
    curve = seen.decisive
    since = max(plateau_step(c) for c, _ in lines.values())
    line = lines["held-out" if seen.held_out is not None else "train"][1]
    behind = caveat(curve, is_held_out=seen.held_out is not None)
    return SAYS.fired(
        Severity.INFO,
        surety(case, -curve.last / max(2.0 * JITTERS * curve.late_jitter, 1e-9), least=1.0),
        Text(
            f"It came to rest at about step {since}, {-curve.last:.1f} % better than its base model{behind.en}: more steps add nothing.",
            f"约在第 {since} 步趋于平稳，比底模好 {-curve.last:.1f} %{behind.zh}：继续训练不会再有收益。",
        ),
        evidence=[
            *facts,
            Evidence(
                Text("still gained in the last third", "末三分之一的收益"),
                significant(line.third, 2),
                significant(STILL * -curve.last, 2),
                PROBE,
                "%",
            ),
        ],
        state=State.CONVERGED,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
