"""Copies of a picture are learned faster than the rest.

## What it looks for

Groups of pictures with one caption whose loss falls far faster than that of the others.

## Why it matters

Ten copies are one picture with ten times the repeats: it is learned by heart long before the others are learned at all.

## How we tell

Pictures with the same caption, at most 60 % of all, whose loss (timestep and picture taken out) fell more than twice as far as that
of the others, by at least 5 % more and 2.6 standard errors.

## What to change

Keep one of each; to weigh a picture more give it a folder of its own with more `concepts.num_repeats`.

## When it is wrong

Where each picture has a caption of its own nothing is compared, so clear does not prove a set without copies: that is for
`exact-duplicate-images` and `near-duplicate-images`. A simple motif with one caption is learned fast too.

## Sources

Simulated runs, even seeds, copies with equal captions: 29 of 30 found, none in 90 sound runs. There only copies share a caption, which
flatters this number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, significant, telemetry
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.single_pictures import (
    LOST,
    PICTURES,
    falls,
    is_lost,
    picture_names,
    unlogged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.single_pictures import Fall

MOST_SHARE = 0.6
"""A caption that most pictures share tells no group."""
FASTER = 2.0
LEAST_EXTRA = 0.05
"""Log units that the group falls beyond the others."""
LEAST_Z = 2.6

SAYS = Says("R060", "easy-duplicates")


def check(case: Case) -> Iterator[Finding]:
    """Look for equal captions that fall faster."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = telemetry(case)
    if seen is None or not seen.pictures:
        yield SAYS.inconclusive(*unlogged(case))
        return
    if is_lost(case):
        yield SAYS.not_applicable(LOST)
        return
    yield _by_caption(case)


def _by_caption(case: Case) -> Finding:
    seen = telemetry(case)
    trained = [p for p in seen.pictures if p.is_subject] if seen is not None else []
    groups: dict[str, list[int]] = {}
    for picture in trained:
        if picture.caption:
            groups.setdefault(picture.caption, []).append(picture.index)
    alike = [group for group in groups.values() if 2 <= len(group) <= MOST_SHARE * len(trained)]
    # The more groups are looked at the further the luckiest lies out: Bonferroni, for small probabilities sqrt(z^2 + 2 ln n).
    limit = math.sqrt(LEAST_Z**2 + 2 * math.log(max(1, len(alike))))
    found = sorted(falls(case, alike), key=lambda fall: fall.z)
    fast = [fall for fall in found if _is_faster(fall, limit)]
    if not fast:
        facts = [_measured(found[0], limit)] if found else []
        return SAYS.clear(
            Text("No group of pictures is learned faster than the rest.", "没有哪组图片学得特别快。"),
            facts,
            confidence=Confidence.LOW,
        )
    return _fired(case, fast[0], limit)


def _is_faster(fall: Fall, limit: float) -> bool:
    extra = fall.others - fall.change
    return fall.z < -limit and extra > LEAST_EXTRA and fall.change < FASTER * min(0.0, fall.others)


def _measured(fall: Fall, limit: float) -> Evidence:
    return Evidence(
        Text("how much faster the fastest group fell, standard errors", "最快一组的额外下降（标准误）"),
        significant(-fall.z, 3),
        significant(limit, 3),
        PICTURES,
    )


def _fired(case: Case, fall: Fall, limit: float) -> Finding:
    who = picture_names(case, fall.pictures, 4)
    facts = [
        Evidence(
            Text("change of these pictures", "这些图片的变化"),
            significant(100 * math.expm1(fall.change), 3),
            None,
            PICTURES,
            "%",
        ),
        Evidence(
            Text("change of the others", "其余图片的变化"),
            significant(100 * math.expm1(fall.others), 3),
            None,
            PICTURES,
            "%",
        ),
        _measured(fall, limit),
    ]
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{len(fall.pictures)} pictures with one caption are learned far faster than the rest: {who.en}.",
            f"{len(fall.pictures)} 张标注相同的图片学得比其余快得多：{who.zh}。",
        ),
        why=Text(
            "Copies, or nearly: together they are one picture with many repeats.",
            "它们可能是副本或近似图：合起来等于一张图片重复多次。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                f"Look at {who.en}; keep one of each kind, or lower their repeats.",
                f"检查 {who.zh}；同类只留一张，或降低其重复次数。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
