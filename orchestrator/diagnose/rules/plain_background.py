"""Most pictures have a plain background.

## What it looks for

Sets in which more than 60 % of the pictures show the subject cut out, or before one plain colour.

## Why it matters

What is on nearly every picture is learned into the trigger like the subject itself: the LoRA draws its plain background whatever is asked for. The
loss is lower for it, which says nothing about what was learned. A style learns that nothing has surroundings.

## How we tell

At least 60 % of the rim at left, top and right has one colour, evenly lit or falling off slowly, and so has more than 25 % of the
picture. Told less loudly where the captions of four in five of them name it (`white background`, `simple background`, a plain
backdrop): what is named can be left out of the prompt.

## What to change

Add pictures with surroundings; cut-outs are not needed, though they train faster. Where that cannot be done, name the background in
each of these captions. Look at `low-variety` too: it judges the pictures that are left.

## When it is wrong

Stickers, sprites and product shots that shall have no background. Snow, fog, a bare wall, a night sky and an even sky look plain.
A backdrop with a strong gradient, two colours or folds is not found.

## Sources

domain-rules D5, D11, T1, T2; the limit of 60 % is that of T6. Measured on labelled pictures: docs/log.md, 2026-11-29.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.background import PLAIN_SHARE_ABOVE
from orchestrator.dataset.pixels.exposure import is_flat
from orchestrator.dataset.vocabulary import FEWEST, NEARLY_ALL
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import NOT_LOOKED, looked_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST: Final = 0.60
_COLOURS: Final = "white|black|gr[ae]y|blue|red|green|pink|yellow|purple|orange|brown|beige|cream"
NAMED: Final = re.compile(
    rf"\b(?:simple|plain|solid|blank|empty|uniform|neutral|transparent|gradient|studio|{_COLOURS})(?: \w+){{0,2}} (?:background|backdrop)"
    r"|\b(?:plain|blank)(?: \w+)? wall|\bcut ?out\b|\bisolated (?:on|against)|[\u4e00-\u9fff]色背景|(?:简单|纯白|透明|单一)背景|白底"
)
"""Words of a caption, `_` and `-` as blanks."""

SAYS = Says("R132", "plain-background")


def check(case: Case) -> Iterator[Finding]:
    """Count plain backgrounds."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if kind(case) == "edit":
        yield SAYS.not_applicable(Text("Edit pairs learn the change alone.", "编辑图像对只学习变化。"))
        return
    seen = looked_at(case)
    if seen is None or case.dataset.looked is None or not case.dataset.looked.is_whole:
        yield SAYS.not_applicable(NOT_LOOKED)
        return
    shares = {path: f.background_share for path, f in seen if f.background_share is not None and not is_flat(f)}
    if len(shares) < FEWEST:
        yield SAYS.not_applicable(
            Text(f"Fewer than {FEWEST} pictures: a share would say nothing.", f"图片不足 {FEWEST} 张：比例没有意义。")
        )
        return
    yield _judged(case, [path for path, share in shares.items() if share > PLAIN_SHARE_ABOVE], len(shares))


def _judged(case: Case, plain: Sequence[Path], total: int) -> Finding:
    named = _named(case, plain)
    evidence = [
        Evidence(
            Text("pictures with a plain background", "背景单一的图片"),
            round(100 * len(plain) / total), round(100 * MOST), "pixels", "%",
        ),
        Evidence(
            Text("... whose caption names it", "……其中标注写明背景的"),
            round(100 * named / len(plain)) if plain else None, round(100 * NEARLY_ALL), "captions", "%",
        ),
    ]  # fmt: skip
    if len(plain) <= MOST * total:
        return SAYS.clear(Text("Plain backgrounds are not in excess.", "单一背景的图片不算多。"), evidence[:1])
    is_named = named >= NEARLY_ALL * len(plain)
    return SAYS.fired(
        _severity(kind(case), is_named=is_named),
        Confidence.MEDIUM,
        Text(
            f"{len(plain)} of {total} pictures have a plain background, {named} captions say so.",
            f"{total} 张图片中有 {len(plain)} 张背景单一，{named} 个标注写明了这一点。",
        ),
        why=Text("The background is learned with the subject.", "背景会和主体一起被学会。"),
        evidence=evidence,
        fix=Fix(
            Text("Add pictures with surroundings.", "增加有环境背景的图片。")
            if is_named
            else Text(
                "Add pictures with surroundings, or name the background in the captions (`white background`, `simple background`).",
                "增加有环境背景的图片，或在标注里写明背景（`white background`、`simple background`）。",
            )
        ),
        paths=plain,
    )


def _severity(subject: str | None, *, is_named: bool) -> Severity:
    """A style without surroundings is half a style; what captions name can be left out again."""
    if subject == "style":
        return Severity.WATCH if is_named else Severity.FIX
    return Severity.INFO if is_named else Severity.WATCH


def _named(case: Case, paths: Sequence[Path]) -> int:
    """Return how many of these pictures have a caption that names the background."""
    folders = case.dataset.folders if case.dataset is not None else ()
    captions = {p.path: p.caption or "" for folder in folders for p in folder.pictures}
    return sum(1 for path in paths if NAMED.search(re.sub(r"[_\-\s]+", " ", captions[path].lower())))


RULE = Rule(SAYS.id, SAYS.name, "both", check)
