"""Pictures of some shapes stay harder, or are alone in their shape.

## What it looks for

Aspect buckets whose pictures are harder than those of the others, and sets where many buckets hold a single picture.

## Why it matters

A batch holds one shape. A shape with a hard or lonely picture is learned from that picture only, and its crop may cut off what matters.

## How we tell

Before the run: more buckets with one picture than a quarter of the pictures. After it: a rank test (Kruskal and Wallis) of the
pictures' effects over buckets with p below 1 %, and medians of buckets with at least three pictures more than 20 % apart.

## What to change

Crop odd shapes to the common ones, raise `dataset.bucket_reso_steps`, or look at what the harder shape shows.

## When it is wrong

Close-ups are often square and full figures upright: then the motif is harder, not the shape. One test in a hundred is wrong by chance.

## Sources

Simulated runs, even seeds: 29 of 30 found, none in 90 sound runs. sd-scripts 48d368fa, `train_util.py` (`BucketManager`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, significant
from orchestrator.diagnose.measured import picture_effects
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.single_pictures import (
    LOST,
    PICTURES,
    bucket_levels,
    is_lost,
    unlogged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.plan.model import Plan

MOST_LONELY = 0.25
"""Buckets with one picture over pictures."""
LEAST_LONELY = 3
"""So many odd pictures are in any set."""
SURE = 0.01
LEAST_GAP = 0.2
"""Log units between the hardest and the easiest bucket."""

SAYS = Says("R061", "bucket-effect")


def check(case: Case) -> Iterator[Finding]:
    """Count lonely pictures in the plan, then compare the buckets' levels."""
    said = False
    if case.plan is not None:
        lonely, pictures = _lonely(case.plan)
        if lonely > max(LEAST_LONELY, MOST_LONELY * pictures):
            said = True
            yield _alone(lonely, pictures)
    if case.observations is not None:
        yield _compared(case)
    elif not said:
        yield (
            SAYS.not_applicable(NO_DATASET)
            if case.plan is None
            else SAYS.clear(Text("Few pictures are alone in their shape.", "单独成桶的图片很少。"))
        )


def _lonely(plan: Plan) -> tuple[int, int]:
    """Return the buckets that hold one picture, and the number of pictures."""
    repeats = [subset.num_repeats for subset in plan.subsets if not subset.is_reg]
    pictures = sum(len(subset.sizes) for subset in plan.subsets if not subset.is_reg)
    # Samples of a bucket are pictures x repeats: what is no more than the smallest repeats is one picture.
    least = min(repeats, default=1)
    return sum(1 for _, _, samples in plan.steps.buckets if samples <= least), pictures


def _alone(lonely: int, pictures: int) -> Finding:
    return SAYS.fired(
        Severity.INFO,
        Confidence.MEDIUM,
        Text(
            f"{lonely} of {pictures} pictures are alone in their shape: rare shapes train alone.",
            f"{pictures} 张图片中有 {lonely} 张单独成桶：罕见形状单独训练。",
        ),
        why=Text("A batch holds pictures of one shape only.", "每批只含一种形状的图片。"),
        evidence=[
            Evidence(
                Text("buckets with one picture", "只有一张图片的分桶"),
                lonely,
                significant(max(LEAST_LONELY, MOST_LONELY * pictures)),
                "plan",
                "buckets",
            )
        ],
        fix=Fix(
            Text(
                "Crop odd shapes to the common ones, or raise `dataset.bucket_reso_steps`.",
                "把罕见形状裁成常见形状，或提高 `dataset.bucket_reso_steps`。",
            )
        ),
    )


def _compared(case: Case) -> Finding:
    report = picture_effects(case)
    if report is None:
        return SAYS.inconclusive(*unlogged(case))
    if is_lost(case):
        return SAYS.not_applicable(LOST)
    levels = bucket_levels(case, {row.index: row.effect for row in report.rows})
    if report.by_bucket is None or len(levels) < 2:
        return SAYS.not_applicable(
            Text("There are no two shapes with three pictures each.", "没有两种各含三张图片的形状。")
        )
    hardest = max(levels, key=lambda bucket: levels[bucket])
    gap = levels[hardest] - min(levels.values())
    facts = [
        Evidence(
            Text("chance that buckets differ so by luck", "分桶差异出于偶然的概率"),
            significant(report.by_bucket.p),
            SURE,
            PICTURES,
        ),
        Evidence(
            Text("hardest bucket against the easiest", "最难分桶相对最易分桶"),
            significant(100 * math.expm1(gap)),
            significant(100 * math.expm1(LEAST_GAP)),
            PICTURES,
            "%",
        ),
    ]
    if not (report.by_bucket.p < SURE and gap > LEAST_GAP):
        return SAYS.clear(
            Text("No shape is harder than the others.", "没有更难的形状。"), facts, confidence=Confidence.MEDIUM
        )
    shape = f"{hardest[0]}x{hardest[1]}"
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"Pictures of shape {shape} stay {math.expm1(gap):.0%} harder than those of the easiest shape.",
            f"形状为 {shape} 的图片始终比最容易的形状难 {math.expm1(gap):.0%}。",
        ),
        why=Text(
            "Their crop cuts off what matters, or another kind of motif has this shape.",
            "裁剪丢掉了关键内容，或这种形状的画面内容不同。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                f"Look at the pictures of shape {shape} and how they are cropped.",
                f"检查形状为 {shape} 的图片及其裁剪。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
