"""Samples all look the same, or are one flat colour.

## What it looks for

Sample pictures of different seeds that lose their differences over training, and samples without any content.

## Why it matters

A LoRA that draws one picture whatever the seed has learned that picture. One flat colour is a lost model or a VAE that overflowed.

## How we tell

Mean distance of the 16 x 16 colour layouts over seeds of the same prompt (over all prompts where each has one seed), against the
round before training: below 30 % in the last two rounds. Flat: a standard deviation below 2 of 255 in the last round.

## What to change

An earlier checkpoint and fewer steps; more varied pictures. For flat samples: `train.no_half_vae: true` where it is an SDXL model in
fp16, else look at what the loss says.

## When it is wrong

A subject on the same white ground in all training pictures makes alike samples without any harm. Few seeds are few.

## Sources

Practitioners' courses (one pose, one picture). Not calibrated on full-size models: low confidence. On the small trainer a sound run
kept 120 % of the base model's distance and 900 steps on three pictures 82 %: both are clear.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_RUN, names, significant
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.sample_rounds import (
    NO_FIRST,
    NO_SAMPLES,
    SAMPLES,
    first_needed,
    mean_distance,
    rounds,
    samples_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.core.observation import SamplePixels
    from orchestrator.diagnose.sample_rounds import Round

FLAT = 2.0
"""Standard deviation, of 255."""
LEAST_KEPT = 0.3
LEAST_LATER = 2
LEAST_APART = 4.0
"""Layout distance before training, of 255: samples that were alike from the start cannot become so."""

SAYS = Says("R063", "sample-collapse")


def check(case: Case) -> Iterator[Finding]:
    """Look for flat samples, then for seeds that lost their differences."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = rounds(case)
    if not seen:
        yield SAYS.inconclusive(NO_SAMPLES, samples_needed(case))
        return
    flat = [picture for picture in seen[-1].pictures.values() if picture.deviation < FLAT]
    if flat:
        yield _dead(flat, seen)
        return
    if seen[0].step != 0:
        yield SAYS.inconclusive(NO_FIRST, first_needed(case))
        return
    yield _compared(seen)


def _dead(flat: Sequence[SamplePixels], seen: Sequence[Round]) -> Finding:
    is_base = seen[0].step == 0 and any(picture.deviation < FLAT for picture in seen[0].pictures.values())
    who = names([picture.path for picture in flat])
    cause = (
        Text("so was one before training: the VAE or the base model", "训练前就有：问题在 VAE 或底模")
        if is_base
        else Text("the model was lost, or the VAE overflowed", "模型已崩坏，或 VAE 溢出")
    )
    return SAYS.fired(
        Severity.FIX,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(flat), 'sample is', 'samples are')} one flat colour at step {seen[-1].step}: {who.en}.",
            f"第 {seen[-1].step} 步有 {len(flat)} 张样图是纯色：{who.zh}。",
        ),
        why=Text(f"Usual reason: {cause.en}.", f"常见原因：{cause.zh}。"),
        evidence=[
            Evidence(
                Text("standard deviation of the flattest sample", "最平样图的标准差"),
                significant(min(picture.deviation for picture in flat)),
                FLAT,
                SAMPLES,
                "of 255",
            )
        ],
        fix=Fix(
            Text(
                "Look at the loss first; for SDXL in fp16 `train.no_half_vae: true`.",
                "先看损失；SDXL 使用 fp16 时设置 `train.no_half_vae: true`。",
            )
        ),
    )


def _groups(one: Round) -> list[list[SamplePixels]]:
    """Return the samples of each prompt with several seeds; where none has, all samples as one group."""
    by_prompt: dict[str, list[SamplePixels]] = {}
    for (prompt, _, _), picture in one.pictures.items():
        if prompt:
            by_prompt.setdefault(prompt, []).append(picture)
    several = [group for group in by_prompt.values() if len(group) > 1]
    return several or [list(one.pictures.values())]


def _distance(one: Round) -> float:
    found = [d for d in map(mean_distance, _groups(one)) if math.isfinite(d)]
    return math.fsum(found) / len(found) if found else math.nan


def _compared(seen: Sequence[Round]) -> Finding:
    first, later = _distance(seen[0]), [_distance(one) for one in seen[1:]]
    if len(later) < LEAST_LATER or not all(map(math.isfinite, (first, *later[-LEAST_LATER:]))) or first < LEAST_APART:
        return SAYS.inconclusive(
            Text("Too few samples to compare seeds.", "样图太少，无法比较不同种子。"),
            Text(
                "At least two seeds of one prompt, and two rounds after the first.",
                "同一提示词至少两个种子，且首轮之后至少两轮样图。",
            ),
        )
    kept = [value / first for value in later]
    facts = [
        Evidence(
            Text("distance between seeds, against before training", "不同种子间的距离（相对训练前）"),
            significant(kept[-1]),
            LEAST_KEPT,
            SAMPLES,
            "x",
        ),
        Evidence(Text("distance before training", "训练前的距离"), significant(first), None, SAMPLES, "of 255"),
    ]
    if not all(value < LEAST_KEPT for value in kept[-LEAST_LATER:]):
        return SAYS.clear(
            Text("Samples of different seeds stayed different.", "不同种子的样图仍有差异。"),
            facts,
            confidence=Confidence.LOW,
        )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"Samples of different seeds look alike: {kept[-1]:.0%} of the differences before training are left.",
            f"不同种子的样图趋于相同：差异只剩训练前的 {kept[-1]:.0%}。",
        ),
        why=Text("One picture was learned instead of a subject.", "学到的是一张图，而不是主题。"),
        evidence=facts,
        fix=Fix(
            Text(
                "Compare earlier checkpoints; next time fewer steps or more varied pictures.",
                "比较更早的检查点；下次减少步数或使用更多样的图片。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
