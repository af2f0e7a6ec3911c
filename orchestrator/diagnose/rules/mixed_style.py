"""A style is learned from pictures of several styles.

## What it looks for

Sets for a style whose captions say photo of some pictures and drawing, 3D or pixel art of others, and sets in which some pictures are
grey and others coloured.

## Why it matters

A style LoRA learns what all its pictures have in common. Of a photograph and a drawing that is hardly the style.

## How we tell

Words of the captions, tags or sentences: photo, 3D, pixel art, drawn (any drawn or painted kind). A caption with two of them says nothing.
From the pixels, where they were looked at: pictures without colour. Told where the rarer kind has at least three pictures and a tenth of
those that say it.

## What to change

Leave out what is not of the style, or train the styles apart. A word that is wrong, as captioners like to write `a photo of`: correct it.

## When it is wrong

Styles that are meant to join both, ink drawings with a few coloured ones among them. Captions without such words say nothing; whether
pictures without them were drawn or photographed is not measured, nor whether two drawings are by one hand.

## Sources

domain-rules D8 (one consistent style, many subjects). The tenth is set, not measured; grey pictures are told by a measured limit
(docs/log.md, 2026-11-29).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.colour import GREY_CHROMA_AT_MOST
from orchestrator.dataset.vocabulary import FEWEST
from orchestrator.diagnose.captions import captioned
from orchestrator.diagnose.facts import NO_DATASET, kind, names
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import looked_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FEWEST_OTHERS, LEAST_SHARE = 3, 0.1
"""What the rarer kind must reach."""
_KINDS: Mapping[str, tuple[Text, re.Pattern[str]]] = {
    "photo": (
        Text("photo", "照片"),
        re.compile(r"\b(photo|photos|photograph|photographs|photography|photorealistic|polaroid|film still)\b|照片|摄影"),
    ),
    "3d": (
        Text("3D", "3D"),
        re.compile(r"\b(3d|3d render|3d rendering|cgi|blender \(medium\)|octane render|unreal engine)(?!\w)|三维"),
    ),
    "pixel": (Text("pixel art", "像素画"), re.compile(r"\bpixel ?art\b|像素画")),
    "drawn": (
        Text("drawn", "绘画"),
        re.compile(
            r"\b(drawing|drawn|illustration|sketch|line ?art|anime (style|colou?ring|screencap)|manga|comic|cartoon|watercolou?r|oil painting|"
            r"painting|painted|gouache|cel[ -]shad(ing|ed)|ink|woodblock print|ukiyo-e|vector art|flat colou?rs?)\b|插画|水彩|油画|素描|漫画|手绘"
        ),
    ),
}  # fmt: skip

SAYS = Says("R140", "mixed-style")


def check(case: Case) -> Iterator[Finding]:
    """Sort captions by the kind of picture they speak of, and pictures by whether they have colours."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if kind(case) != "style":
        yield SAYS.not_applicable(Text("The subject is no style.", "主体不是画风。"))
        return
    said, seen = _said(case), _colours(case)
    if sum(map(len, said.values())) < FEWEST and sum(map(len, seen.values())) < FEWEST:
        yield SAYS.not_applicable(Text("Too few captions say what the pictures are.", "说明图片种类的标注太少。"))
        return
    found = [_fired(kinds) for kinds in (said, seen) if _is_mixed(kinds)]
    yield from found or [
        SAYS.clear(Text("The pictures are of one kind.", "图片属于同一种类。"), confidence=Confidence.LOW)
    ]


def _said(case: Case) -> dict[Text, list[Path]]:
    """Return the pictures by the one kind that their captions speak of."""
    found: dict[Text, list[Path]] = {name: [] for name, _ in _KINDS.values()}
    for one in captioned(case):
        text = one.text.caption.lower().replace("_", " ")
        held = [name for name, words in _KINDS.values() if words.search(text)]
        if len(held) == 1:
            found[held[0]].append(one.path)
    return found


def _colours(case: Case) -> dict[Text, list[Path]]:
    """Return the pictures with and without colours."""
    found: dict[Text, list[Path]] = {Text("coloured", "彩色"): [], Text("grey", "灰度"): []}
    coloured, grey = found.values()
    for path, facts in looked_at(case) or []:
        if facts.chroma is not None:
            (grey if facts.chroma <= GREY_CHROMA_AT_MOST else coloured).append(path)
    return found


def _is_mixed(kinds: Mapping[Text, Sequence[Path]]) -> bool:
    total, usual = sum(map(len, kinds.values())), max(map(len, kinds.values()))
    return total >= FEWEST and total - usual >= max(FEWEST_OTHERS, LEAST_SHARE * total)


def _fired(kinds: Mapping[Text, Sequence[Path]]) -> Finding:
    usual = max(kinds, key=lambda name: len(kinds[name]))
    others = [path for name, paths in kinds.items() if name != usual for path in paths]
    told = [(name, len(paths)) for name, paths in kinds.items() if paths]
    shown = names(others)
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"Pictures of several kinds for one style: {', '.join(f'{count} {name.en}' for name, count in told)}; the fewer: {shown.en}.",
            f"同一画风中有多种图片：{'、'.join(f'{name.zh} {count} 张' for name, count in told)}；较少的是：{shown.zh}。",
        ),
        why=Text("What they have in common is hardly the style.", "它们的共同点很难说是这一画风。"),
        evidence=[Evidence(name, count, None, "data set", "pictures") for name, count in told],
        fix=Fix(
            Text(
                "Leave out what is not of the style, or train the styles apart.", "去掉不属于该画风的图片，或分开训练。"
            )
        ),
        paths=others,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
