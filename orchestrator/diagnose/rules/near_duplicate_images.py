"""Several pictures are one picture.

## What it looks for

Pictures that are one picture, recompressed, resized, mirrored, cropped, turned a little, framed, lightened or marked.

## Why it matters

They are repeats that nobody planned: what they share is learned several times as fast as the rest. Crops of one picture also
teach one pose only.

## How we tell

Pairs of similar layout are registered, one moved onto the other, and their overlap is compared, whole and in its details. The picture to keep is
the sharpest and largest. Pictures under 192 pixels are not compared.

## What to change

Keep the one that is named first of each group; to weigh a picture more, give it a folder of its own with more
`concepts.num_repeats`. Rare shots need not go: `num_repeats` of the others may be raised instead.

## When it is wrong

Frames of one scene and variants of one drawing (another expression, another mouth) count as one picture; for an expression set
that is what is wanted. Crops to less than about 60 % of the side are not found.

## Sources

domain-rules D3. Labelled pictures, seeds that the limits had not seen: precision and recall 1.0 on 13 to 153 planted pairs
(docs/log.md, 2026-11-29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.dataset.relations import RELATIONS
from orchestrator.dataset.subject_copies import contents_of, near_copies, near_groups_in_subject
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import NOT_LOOKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.looked import CopyGroup


SAYS = Says("R117", "near-duplicate-images")
MOST_NAMED = 3
"""Copies of one group named in one line."""
MOST_SHOWN = 20
"""Groups listed as evidence; the count and the paths say the rest."""


def check(case: Case) -> Iterator[Finding]:
    """Look for groups that are more than equal files."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    looked = case.dataset.looked
    if looked is None or looked.groups is None:
        yield SAYS.not_applicable(NOT_LOOKED)
        return
    groups = near_groups_in_subject(case.dataset)
    if not groups:
        yield SAYS.clear(Text("No two pictures are nearly the same.", "没有近似重复的图片。"))
        return
    yield _fired(groups, contents_of(case.dataset))


def _fired(groups: Sequence[CopyGroup], contents: Mapping[Path, int]) -> Finding:
    copies = [copy.path for group in groups for copy in near_copies(group, contents)]
    spare, who = len(copies), names(copies, 4)
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{plural(spare, 'picture shows', 'pictures show')} what another shows: {who.en}.",
            f"{spare} 张图片与其他图片内容相同：{who.zh}。",
        ),
        why=Text("What they share is learned several times as fast.", "共同的内容会快几倍被学会。"),
        evidence=_evidence(groups[:MOST_SHOWN]),
        fix=Fix(Text("Keep the first of each group.", "每组保留排在最前的一张。")),
        paths=[path for group in groups for path in group.paths],
    )


def _evidence(groups: Sequence[CopyGroup]) -> list[Evidence]:
    """Return for each way to differ the pictures to keep, each with its copies of that way."""
    found = []
    for relation, word in RELATIONS.items():
        for group in groups:
            copies = [copy.path for copy in group.copies if copy.relation == relation]
            if copies:
                kept = group.kept.name
                what = Text(f"kept: copies, {word.en}", f"保留：副本，{word.zh}")
                found.append(Evidence(what, f"{kept}: {_listed(copies)}", None, kept))
    return found


def _listed(paths: Sequence[Path]) -> str:
    """Return file names and how many more there are, in no language."""
    more = len(paths) - MOST_NAMED
    return ", ".join(path.name for path in paths[:MOST_NAMED]) + (f" + {more}" if more > 0 else "")


RULE = Rule(SAYS.id, SAYS.name, "both", check)
