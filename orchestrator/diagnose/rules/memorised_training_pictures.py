"""The training pictures got much better, and nothing shows whether others did.

## What it looks for

A large gain on the training pictures in a run without held-out pictures.

## Why it matters

Learning a subject and learning its pictures by heart look the same on training pictures. In public SD1.5 runs, a gain of more than 7 % there
went along with held-out pictures getting worse in every case; in our own labelled runs on subjects that the base does not know, honest runs gain
17 to 67 %.

## How we tell

The fixed probe on training pictures, where fewer than two pictures were held out: more than 7 % better than the base model. It is a question,
not an alarm: without held-out pictures nobody can tell the two apart, however large the gain. So it names no state of the run; what became of
it is told by the course of the probe, which did measure something: undertrained, converged or learning, each said to be about its own pictures, and at
low confidence as long as the question is open.

## What to change

Hold pictures out (`validate.hold_out`), so that it can be measured. If samples copy the training pictures: fewer steps
(`train.target_steps`), more varied pictures.

## When it is wrong

A subject that the base model does not know gains more than 7 % by honest learning: every sound run of our benchmark does.

## Sources

43 public SD1.5 runs of 3 data sets: a gain over 7 % on training pictures finds held-out rebounds above 1 % with precision 1.00 and recall
0.90 (limit chosen on the same runs). Labelled runs of both trainers judged as if nothing had been held out: fired in 15 of 15 that were sound
(docs/log.md, 2026-11-29), so it is `watch` at low confidence whatever the gain. When it still claimed "overfit", that claim outranked what was
measured in 32 of 33 healthy or shortened runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import MUCH, changed, course, may_be_by_heart, shaken, unprobed
from orchestrator.diagnose.facts import NO_RUN
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_FOR_HOLD_OUT = 12
"""Below this many pictures none can be spared."""

SAYS = Says("R054", "memorised-training-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look at the gain on training pictures where nothing else can be looked at."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = course(case)
    if seen is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    if seen.held_out is not None or seen.train is None:
        yield SAYS.not_applicable(Text("Held-out pictures were measured.", "已测量留出图片。"))
        return
    curve = seen.train
    facts = [changed(curve, -MUCH), shaken(curve)]
    if not may_be_by_heart(seen):
        yield SAYS.clear(
            Text("The gain on training pictures is not suspicious.", "训练图片上的收益并不可疑。"),
            facts,
            confidence=Confidence.MEDIUM,
        )
        return
    pictures = sum(len(s.sizes) for s in case.plan.subsets) if case.plan is not None else 0
    hold_out = (Change("validate.hold_out", 2, None),) if pictures >= LEAST_FOR_HOLD_OUT else ()
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"Its pictures got {-curve.last:.0f} % better than with the base model: learned, or learned by heart; unproved without held-out pictures.",
            f"训练图片比底模好了 {-curve.last:.0f} %：可能是学会，也可能是死记；没有留出图片无法证实。",
        ),
        why=Text(
            "A subject that the base model does not know gains as much by honest learning as pictures that are learned by heart.",
            "底模不认识的主题，正常学习的收益可以与死记图片一样大。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "Compare earlier checkpoints on prompts that no caption holds. Next time hold pictures out.",
                "用标注中没有的提示词比较更早的检查点。下次留出部分图片。",
            ),
            hold_out,
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
