"""Nearly all pictures face the camera.

## What it looks for

Sets of a character or person in which more than three of four captions say `looking at viewer` or alike.

## Why it matters

The tag is over-trained: whenever it is prompted later, the colours and the look of the set bleed in, and a lower weight of the
LoRA does not cure that. Other views are never learned.

## How we tell

The share of captions with a tag of facing the camera, beside the share with another view (`from side`, `from behind`, `looking
away` ...). At least ten captions of tags.

## What to change

Add pictures from the side and from behind, or that look elsewhere, or give those there are more repeats. Look whether the tag is
true: taggers give it too freely.

## When it is wrong

Sets for portraits only.

## Sources

domain-rules D3, T4; the limit of 75 % is this project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.vocabulary import FEWEST, written
from orchestrator.diagnose.captions import NO_TAGS, TOO_FEW, with_tags
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

FACING = frozenset(("looking at viewer", "facing viewer", "from front", "eye contact", "straight-on"))
ELSEWHERE = frozenset(
    (
        "from behind", "from side", "from above", "from below", "profile", "looking away", "looking back", "looking down",
        "looking up", "looking to the side", "looking afar", "looking ahead", "looking at another", "facing away",
        "facing to the side", "three-quarter view",
    )
)  # fmt: skip
MOST = 0.75
KINDS = ("character", "person", None)

SAYS = Says("R112", "view-monotony")


def check(case: Case) -> Iterator[Finding]:
    """Count the captions that say where the subject looks."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if kind(case) not in KINDS:
        yield SAYS.not_applicable(Text("The subject is no character or person.", "主体不是角色或人物。"))
        return
    captions = with_tags(case)
    if len(captions) < FEWEST:
        yield SAYS.not_applicable(TOO_FEW if captions else NO_TAGS)
        return
    total = len(captions)
    sets = [(one.path, {written(tag) for tag in one.text.tags}) for one in captions]
    facing = [path for path, tags in sets if tags & FACING]
    elsewhere = sum(1 for _, tags in sets if tags & ELSEWHERE)
    evidence = [
        Evidence(
            Text("captions facing the camera", "面向镜头的标注"), round(100 * len(facing) / total), 75, "captions", "%"
        ),
        Evidence(
            Text("captions with another view", "其他视角的标注"), round(100 * elsewhere / total), None, "captions", "%"
        ),
    ]
    if len(facing) <= MOST * total:
        yield SAYS.clear(Text("The views vary.", "视角有变化。"), evidence)
        return
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{len(facing)} of {total} captions face the camera, {elsewhere} have another view.",
            f"{total} 个标注中有 {len(facing)} 个面向镜头，{elsewhere} 个是其他视角。",
        ),
        why=Text("The tag is over-trained, and other views are not learned.", "该标签会训练过度，其他视角则学不到。"),
        evidence=evidence,
        fix=Fix(
            Text("Add pictures from the side, from behind, looking elsewhere.", "增加侧面、背面、看向别处的图片。")
        ),
        paths=facing,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
