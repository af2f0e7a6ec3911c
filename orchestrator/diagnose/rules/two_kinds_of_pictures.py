"""The pictures fall into two kinds.

## What it looks for

Two groups of pictures that stay apart in how hard they are, with next to none between them.

## Why it matters

One set of weights learns both at once: features mix, and the easier or larger kind wins. Two characters, photographs among drawings, or
sharp pictures among blurred ones look like this.

## How we tell

The pictures' effects on the loss, timestep taken out, are split into two groups: their means more than 45 % apart in log loss, clearly
separate (Ashman's D above 3), each at least 15 % of the pictures. At least 12 pictures. Where the split follows the buckets,
rule `bucket-effect` tells it instead.

## What to change

Put each kind into a concept of its own with its own words (`concepts.image_dir`), balance their repeats, or train two LoRAs.

## When it is wrong

One subject near and far may split like this and be fine. Two kinds that are equally hard are not seen.

## Sources

Simulated runs, even seeds: all 30 sets of two kinds found, none in 90 sound runs. Tutorials forbid teaching two things at once; what is
measured here says only that there are two levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.measured import PictureReport, picture_effects
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.single_pictures import LOST, PICTURES, is_lost, picture_names, unlogged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.signals.pictures import Clusters

LEAST_PICTURES = 12
LEAST_GAP = 0.45
"""Log units."""
LEAST_APART = 3.0
"""Ashman's D."""
LEAST_SHARE = 0.15
SAME_SPLIT = 0.01
"""p of the rank test below which buckets or folders explain the levels."""

SAYS = Says("R059", "two-kinds-of-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look at the best split of the pictures in two."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    report = picture_effects(case)
    if report is None or report.clusters is None or len(report.order) < LEAST_PICTURES:
        few = Text("Too few pictures to see two kinds.", "图片太少，看不出是否分为两类。")
        needs = Text(f"At least {LEAST_PICTURES} pictures.", f"至少 {LEAST_PICTURES} 张图片。")
        yield SAYS.inconclusive(*(unlogged(case) if report is None else (few, needs)))
        return
    if is_lost(case):
        yield SAYS.not_applicable(LOST)
        return
    split = report.clusters
    facts = [
        Evidence(
            Text("distance of the two groups, log loss", "两组的距离（对数损失）"),
            significant(split.gap),
            LEAST_GAP,
            PICTURES,
        ),
        Evidence(
            Text("how separate they are (Ashman's D)", "分离程度（Ashman D）"),
            significant(min(split.ashman, 99.0)),
            LEAST_APART,
            PICTURES,
        ),
    ]
    smaller = min(len(split.low), len(split.high))
    is_apart = split.gap > LEAST_GAP and split.ashman > LEAST_APART and smaller >= LEAST_SHARE * len(report.order)
    if not is_apart:
        yield SAYS.clear(Text("The pictures are of one kind.", "图片属于同一类。"), facts, confidence=Confidence.MEDIUM)
    elif report.by_bucket is not None and report.by_bucket.p < SAME_SPLIT:
        yield SAYS.clear(
            Text("The two groups are those of the buckets.", "两组与分桶一致。"), facts, confidence=Confidence.MEDIUM
        )
    else:
        yield _fired(case, report, split, facts)


def _fired(case: Case, report: PictureReport, split: Clusters, facts: list[Evidence]) -> Finding:
    harder = [report.order[place] for place in reversed(split.high)]
    who = picture_names(case, harder, 4)
    is_by_folder = report.by_folder is not None and report.by_folder.p < SAME_SPLIT
    cause = (
        Text("the folders differ in this way", "各文件夹之间正是如此不同")
        if is_by_folder
        else Text("two subjects or styles, or photographs among drawings", "两个主题或画风，或照片与绘画混在一起")
    )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"Two kinds of pictures: {len(split.high)} of {len(report.order)} stay {math.expm1(min(20, split.gap)):.0%} harder ({who.en}).",
            f"有两类图片：{len(report.order)} 张中的 {len(split.high)} 张始终难 {math.expm1(min(20, split.gap)):.0%}（{who.zh}）。",
        ),
        why=Text(f"Usual reasons: {cause.en}.", f"常见原因：{cause.zh}。"),
        evidence=facts,
        fix=Fix(
            Text(
                "Give each kind a concept and words of its own, balance their repeats, or train two LoRAs.",
                "为每类图片设置各自的概念与词语，平衡重复次数，或分别训练两个 LoRA。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
