"""Pictures of rare shapes train alone.

## What it looks for

Aspect buckets with fewer samples than a batch, and more buckets than the number of pictures can fill.

## Why it matters

A batch holds pictures of one bucket only. A bucket with two samples at batch 4 gives a half-empty batch that counts as a full step,
so rare shapes weigh more, and the steps are more than pictures x repeats / batch.

## How we tell

The plan sorts pictures into buckets as the trainer does. A bucket with fewer samples per epoch than `train.train_batch_size`: look
at it. More buckets than a quarter of the pictures and more than 6: look at it.

## What to change

Crop pictures of rare shapes, raise `dataset.bucket_reso_steps`, lower the batch size, or turn `dataset.enable_bucket` off.

## When it is wrong

With batch 1 nothing is lost.

## Sources

Practitioners' courses. sd-scripts 48d368fa, `train_util.py` (`BucketManager`: batches are rounded up per bucket).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import number
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY_BUCKETS = 6
"""Six buckets are passed for any number of pictures: portrait, square and landscape, each in two widths."""
PICTURES_PER_BUCKET = 4
"""Fewer pictures per bucket on average than this and most batches hold repeats of the same few."""

SAYS = Says("R022", "small-buckets")


def check(case: Case) -> Iterator[Finding]:
    """Look at the plan's buckets."""
    batch = number(case, "train_batch_size")
    if case.plan is None or batch is None or batch <= 1:
        yield SAYS.not_applicable(
            Text("At batch 1, or without a plan, buckets cost nothing.", "批大小为 1 或没有计划时，分桶没有影响。")
        )
        return
    buckets = case.plan.steps.buckets
    small = [bucket for bucket in buckets if bucket[2] < batch]
    pictures = sum(len(subset.sizes) for subset in case.plan.subsets)
    most = max(MANY_BUCKETS, pictures // PICTURES_PER_BUCKET)
    if small:
        shown = ", ".join(f"{width}x{height}" for width, height, _ in small[:3])
        yield _fired(
            Text(
                f"{len(small)} of {plural(len(buckets), 'bucket', 'buckets')} cannot fill a batch of {batch:.0f}: {shown}.",
                f"{len(buckets)} 个分桶中有 {len(small)} 个装不满一批（{batch:.0f}）：{shown}。",
            ),
            Evidence(
                Text("smallest bucket", "最小的分桶"), min(b[2] for b in small), batch, "plan", "samples per epoch"
            ),
        )
    elif len(buckets) > most:
        yield _fired(
            Text(
                f"{len(buckets)} buckets for {plural(pictures, 'picture', 'pictures')}: most batches hold the same few.",
                f"{pictures} 张图片分成 {len(buckets)} 个桶：多数批次只有那几张图片。",
            ),
            Evidence(Text("buckets", "分桶数"), len(buckets), most, "plan", "buckets"),
        )
    else:
        yield SAYS.clear(
            Text(
                f"{plural(len(buckets), 'bucket, large', 'buckets, all large')} enough.",
                f"{len(buckets)} 个分桶，均足够大。",
            )
        )


def _fired(message: Text, evidence: Evidence) -> Finding:
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        message,
        why=Text(
            "A batch holds one shape only, so rare shapes weigh more.", "每批只含一种形状，罕见形状的权重会变大。"
        ),
        evidence=[evidence],
        fix=Fix(
            Text(
                "Crop pictures of rare shapes, or raise `dataset.bucket_reso_steps`.",
                "裁剪罕见形状的图片，或提高 `dataset.bucket_reso_steps`。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
