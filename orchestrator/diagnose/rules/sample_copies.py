"""Samples are copies of training pictures.

## What it looks for

Sample pictures that are nearly one of the training pictures, mirrored or not.

## Why it matters

A LoRA that draws its training pictures has learned them by heart; new poses and settings will not come.

## How we tell

Each sample of the last round against every training picture: correlation of the two at 32 x 32 in grey above 0.9 (or above 0.7 where the
difference hashes agree in 58 of 64 bits), higher than training pictures are to each other, and at least 0.1 above the same prompt
and seed before training. Sample and picture are named.

## What to change

An earlier checkpoint, fewer steps, more pictures.

## When it is wrong

Copies that are shifted, cropped or recoloured are not seen: clear proves nothing. Portraits on one ground are alike without being copies,
which is why the pictures' own likeness counts.

## Sources

The idea is that of copy detection, without its networks. Not calibrated on full-size models: low confidence. Small trainer: a sound run on
18 pictures reached 0.78, 900 steps on three pictures 0.85; both are clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.sample_rounds import (
    LONGER,
    NO_FIRST,
    NO_LATER,
    NO_SAMPLES,
    SAMPLES,
    Round,
    first_needed,
    rounds,
    samples_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.core.observation import SamplePixels, SampleReading

COPY = 0.9
ALIKE, FEW_BITS = 0.7, 6
"""Correlation that is enough where no more than so many of 64 bits differ."""
LEAST_RISE = 0.1
MOST_SHOWN = 3

SAYS = Says("R064", "sample-copies")


def check(case: Case) -> Iterator[Finding]:
    """Look for samples of the last round that are training pictures."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = rounds(case)
    reading = case.observations.sample_reading
    if not seen:
        yield SAYS.inconclusive(NO_SAMPLES, samples_needed(case))
    elif not reading.compared:
        yield SAYS.inconclusive(
            Text("The training pictures were not there to compare with.", "没有可供比较的训练图片。"),
            Text("A run folder of this tool with its `data` folder.", "本工具的训练文件夹及其中的 `data` 文件夹。"),
        )
    elif len(seen) < 2 and seen[0].step == 0:
        yield SAYS.inconclusive(NO_LATER, LONGER)
    elif seen[0].step != 0:
        yield SAYS.inconclusive(NO_FIRST, first_needed(case))
    else:
        yield _judge(seen[0], seen[-1], reading)


def _judge(first: Round, last: Round, reading: SampleReading) -> Finding:
    usual = reading.usual_similarity
    # Where the training pictures are alike anyway, a copy has to be nearer to one than half of what is left.
    limit = COPY if usual is None else max(COPY, (1 + usual) / 2)
    near = [p for key, p in last.pictures.items() if _is_copy(p, first.pictures.get(key), limit, usual)]
    near.sort(key=lambda picture: -(picture.similarity or 0.0))
    most = max((p.similarity or 0.0 for p in last.pictures.values()), default=0.0)
    facts = [
        Evidence(Text("most similar sample", "最相似的样图"), significant(most), significant(limit), SAMPLES),
        Evidence(
            Text("training pictures among themselves", "训练图片彼此之间"),
            None if usual is None else significant(usual),
            None,
            SAMPLES,
        ),
        Evidence(Text("training pictures compared", "参与比较的训练图片"), reading.compared, None, SAMPLES, "pictures"),
    ]
    if not near:
        return SAYS.clear(
            Text("No sample is a copy of a training picture.", "没有样图是训练图片的翻版。"),
            facts,
            confidence=Confidence.LOW,
        )
    return _fired(near, len(last.pictures), facts)


def _is_copy(picture: SamplePixels, before: SamplePixels | None, limit: float, usual: float | None) -> bool:
    score = picture.similarity
    if score is None or (
        before is not None and before.similarity is not None and score < before.similarity + LEAST_RISE
    ):
        return False
    is_hash_alike = picture.hash_distance <= FEW_BITS and score > max(ALIKE, usual or 0.0)
    return score > limit or is_hash_alike


def _fired(near: Sequence[SamplePixels], count: int, facts: list[Evidence]) -> Finding:
    pairs = ", ".join(
        f"{picture.path.rsplit('/', 1)[-1]} = {picture.nearest.rsplit('/', 1)[-1]}" for picture in near[:MOST_SHOWN]
    )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"{len(near)} of the last {plural(count, 'sample is', 'samples are')} nearly a training picture: {pairs}.",
            f"最后一轮 {count} 张样图中有 {len(near)} 张几乎就是训练图片：{pairs}。",
        ),
        why=Text("The pictures were learned by heart.", "模型记住了图片本身。"),
        evidence=facts,
        fix=Fix(
            Text(
                "Compare earlier checkpoints; next time fewer steps or more pictures.",
                "比较更早的检查点；下次减少步数或增加图片。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
