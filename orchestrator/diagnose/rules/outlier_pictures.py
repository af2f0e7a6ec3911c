"""Single pictures stay much harder than the others.

## What it looks for

Pictures whose loss, at the same timesteps, lies far above that of all others for the whole run.

## Why it matters

A picture that cannot be learned with the others is often of another kind: a watermark, a wrong crop, a collage, a caption of another
picture. It pulls at the weights in each epoch and teaches what nobody wants.

## How we tell

The picture's effect on the loss, timestep taken out, against the median of all pictures: more than five robust standard deviations,
at least 30 % harder, a gap of 25 % to the next one, at most two or 15 % of the pictures, at least eight exposures, and a test at 5 % with
the false-discovery rate controlled over all pictures. Named.

## What to change

Look at it and its caption; crop, caption anew or leave it out.

## When it is wrong

Busy pictures are harder by nature: a crowd among portraits. On a small VAE pictures of pure noise did not stand out, so clear does not
prove that no picture is broken.

## Sources

Simulated runs, even seeds: 29 of 30 planted pictures found, none in 90 sound runs. A wrong picture in a real run shows only
where the VAE keeps it apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_RUN, significant
from orchestrator.diagnose.measured import picture_effects
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.single_pictures import (
    LOST,
    PICTURES,
    all_names,
    is_lost,
    picture_names,
    unlogged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.diagnose.signals.pictures import PictureEffect

LEAST_PICTURES = 6
LEAST_EXPOSURES = 8
LEAST_Z = 5.0
LEAST_EFFECT = math.log(1.3)
LEAST_SURE = 0.05
LEAST_GAP = 0.25
"""Log units to the next picture: the end of a wide spread is no outlier."""
FEW, MOST_SHARE = 2, 0.15
"""More than these are a kind of pictures, not outliers."""
MOST_SHOWN = 5

SAYS = Says("R058", "outlier-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look for pictures far above the others."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    report = picture_effects(case)
    enough = [row for row in report.rows if row.exposures >= LEAST_EXPOSURES] if report is not None else []
    if report is None or len(enough) < LEAST_PICTURES:
        few = Text("Too few pictures were seen often enough.", "出现次数足够的图片太少。")
        needs = Text(
            f"At least {LEAST_PICTURES} pictures, each shown {LEAST_EXPOSURES} times.",
            f"至少 {LEAST_PICTURES} 张图片，每张出现 {LEAST_EXPOSURES} 次。",
        )
        yield SAYS.inconclusive(*(unlogged(case) if report is None else (few, needs)))
        return
    if is_lost(case):
        yield SAYS.not_applicable(LOST)
        return
    odd = _standing_apart(enough)
    if not odd:
        hardest = enough[0]
        facts = [
            Evidence(
                Text("hardest picture, robust z", "最难的图片（稳健 z）"), significant(hardest.z, 3), LEAST_Z, PICTURES
            )
        ]
        yield SAYS.clear(
            Text("No picture stands out as harder.", "没有特别难的图片。"), facts, confidence=Confidence.MEDIUM
        )
        return
    yield _fired(case, odd)


def _standing_apart(rows: Sequence[PictureEffect]) -> list[PictureEffect]:
    """Return the hard pictures (`rows`: hardest first) if they are few and a gap lies below them."""
    odd = [row for row in rows if row.z > LEAST_Z and row.effect > LEAST_EFFECT and row.q < LEAST_SURE]
    if not odd or len(odd) > max(FEW, MOST_SHARE * len(rows)):
        return []
    rest = [row.effect for row in rows if row not in odd]
    return odd if odd[-1].effect - max(rest) > LEAST_GAP else []


def _fired(case: Case, odd: Sequence[PictureEffect]) -> Finding:
    who = picture_names(case, [row.index for row in odd], MOST_SHOWN)
    single = all_names(case, [row.index for row in odd[:MOST_SHOWN]])
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(odd), 'picture stays', 'pictures stay')} much harder than the others: {who.en}.",
            f"{len(odd)} 张图片始终比其他图片难得多：{who.zh}。",
        ),
        why=Text(
            "A watermark, a wrong crop or caption, or simply a busier picture.",
            "水印、错误的裁剪或标注，或只是画面更复杂。",
        ),
        evidence=[
            Evidence(
                Text(f"loss of {name} against the usual picture", f"{name} 的损失相对一般图片"),
                significant(math.exp(row.effect), 3),
                significant(math.exp(LEAST_EFFECT), 3),
                PICTURES,
                "x",
            )
            for name, row in zip(single, odd[:MOST_SHOWN], strict=True)
        ],
        fix=Fix(
            Text(
                f"Look at {who.en} and the caption; crop, caption anew or leave out.",
                f"检查 {who.zh} 及其标注；裁剪、重新标注或移除。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
