"""The pictures vary little in background, light or colour.

## What it looks for

Sets in which more than 60 % of the pictures have one background, one light, or one colour. The three are told apart.

## Why it matters

A model generalises only over what it saw vary. What stays the same in the set is learned as if it belonged to the subject; most
overfitting comes from this and not from the number of steps.

## How we tell

Each picture is reduced to 4 x 4 cells. Background: the cells along the top and both sides; light: median grey and contrast; colour:
the mean colour. The largest group of pictures that are nearly equal in it is counted. Copies, grey pictures (for colour) and plain
backgrounds (rule `plain-background`) are left out. At least ten must remain. **Pose, expression and clothes are not measured.**

## What to change

Add pictures from other places, at other times of day, with other lamps and other things around, that keep what shall be
learned. More repeats of the same do not help.

## When it is wrong

A style may live from one palette or one light: there these two are only mentioned. Different places of the same colours look
alike here, cameras with automatic exposure even light out, and the subject itself counts into light and colour.

## Sources

domain-rules D1, D9, D11. Limits measured on sets drawn from labelled pictures and photographs: docs/log.md, 2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.background import PLAIN_SHARE_ABOVE
from orchestrator.dataset.pixels.colour import GREY_CHROMA_AT_MOST
from orchestrator.dataset.pixels.exposure import is_flat
from orchestrator.dataset.vocabulary import FEWEST
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.seen_pictures import NOT_LOOKED, looked_at
from orchestrator.diagnose.signals.likeness import backgrounds, colours, largest_group, lights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.dataset.pixels.model import PixelFacts

    Seen = Sequence[tuple[Path, PixelFacts]]

MOST: Final = 0.60
BACKGROUND_WITHIN: Final = 16.0
"""Levels of Y, Cb and Cr, root mean square over the cells of the rim."""
LIGHT_WITHIN: Final = 6.0
"""Levels of grey, root mean square of median and contrast."""
COLOUR_WITHIN: Final = 3.0
"""Levels of Cb and Cr, root mean square. All three: docs/log.md, 2026-11-29."""


class Narrow(NamedTuple):
    """One of the three."""

    name: Text
    advice: Text
    alike: tuple[Path, ...]
    """The largest group of pictures that are nearly equal in it."""
    total: int
    style: Severity
    """How much it matters to a style; to everything else it is to be looked at."""

    @property
    def is_narrow(self) -> bool:
        """Whether it is to be told."""
        return len(self.alike) > MOST * self.total


SAYS = Says("R133", "low-variety")


def check(case: Case) -> Iterator[Finding]:
    """Count the pictures that are nearly equal."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if kind(case) == "edit":
        yield SAYS.not_applicable(Text("Edit pairs learn the change alone.", "编辑图像对只学习变化。"))
        return
    looked, seen = case.dataset.looked, looked_at(case)
    if seen is None or looked is None or not looked.is_whole:
        yield SAYS.not_applicable(NOT_LOOKED)
        return
    copies = {copy.path for group in looked.groups or () for copy in group.copies}
    judged = [(path, facts) for path, facts in seen if path not in copies and _is_judged(facts)]
    if len(judged) < FEWEST:
        yield SAYS.not_applicable(
            Text(
                f"Fewer than {FEWEST} different pictures without a plain background.",
                f"背景不单一且互不相同的图片不足 {FEWEST} 张。",
            )
        )
        return
    yield _judged(case, _measured(judged), copies=len(copies))


def _is_judged(facts: PixelFacts) -> bool:
    is_plain = facts.background_share is not None and facts.background_share > PLAIN_SHARE_ABOVE
    return bool(facts.layout) and facts.p50 is not None and not is_plain and not is_flat(facts)


def _measured(seen: Seen) -> list[Narrow]:
    """Return background, light and, where enough pictures have any, colour."""
    facts = [one for _, one in seen]
    coloured = [(path, one) for path, one in seen if (one.chroma or 0.0) > GREY_CHROMA_AT_MOST]
    found = [
        Narrow(
            Text("background", "背景"), Text("in other places", "其他地点"),
            _alike(seen, largest_group(backgrounds(facts), BACKGROUND_WITHIN)), len(seen), Severity.WATCH,
        ),
        Narrow(
            Text("light", "光线"), Text("in other light", "其他光线"),
            _alike(seen, largest_group(lights(facts), LIGHT_WITHIN)), len(seen), Severity.INFO,
        ),
    ]  # fmt: skip
    if len(coloured) >= FEWEST:
        group = largest_group(colours([one for _, one in coloured]), COLOUR_WITHIN)
        name, advice = Text("colour", "色彩"), Text("with other colours around", "周围有其他色彩")
        found.append(Narrow(name, advice, _alike(coloured, group), len(coloured), Severity.INFO))
    return found


def _alike(seen: Seen, places: Sequence[int]) -> tuple[Path, ...]:
    return tuple(seen[place][0] for place in places)


def _judged(case: Case, measured: Sequence[Narrow], copies: int) -> Finding:
    evidence = [
        Evidence(
            Text(f"pictures with nearly one {one.name.en}", f"{one.name.zh}几乎相同的图片"),
            round(100 * len(one.alike) / one.total), round(100 * MOST), "pixels", "%",
        )
        for one in measured
    ]  # fmt: skip
    evidence.append(Evidence(Text("copies left out", "未计入的重复图片"), copies, None, "pixels", "pictures"))
    narrow = [one for one in measured if one.is_narrow]
    if not narrow:
        names = _joined([one.name for one in measured])
        said = Text(f"Varied: {names.en}. Poses were not measured.", f"有变化：{names.zh}。姿势未测量。")
        return SAYS.clear(said, evidence, confidence=Confidence.MEDIUM)
    told = _joined([
        Text(f"{one.name.en} ({len(one.alike)} of {one.total} alike)", f"{one.name.zh}（{one.total} 张中 {len(one.alike)} 张相近）")
        for one in narrow
    ])  # fmt: skip
    advice = _joined([one.advice for one in narrow])
    severities = [one.style if kind(case) in {"style", None} else Severity.WATCH for one in narrow]
    return SAYS.fired(
        min(severities, key=lambda severity: severity.rank),
        Confidence.MEDIUM,
        Text(f"The pictures vary little: {told.en}.", f"图片变化太少：{told.zh}。"),
        why=Text("What never varies is learned as part of the subject.", "从不变化的东西会被当成主体的一部分。"),
        evidence=evidence,
        fix=Fix(Text(f"Add pictures {advice.en}.", f"增加{advice.zh}的图片。")),
        paths=list(dict.fromkeys(path for one in narrow for path in one.alike)),
    )


def _joined(texts: Sequence[Text]) -> Text:
    return Text(", ".join(text.en for text in texts), "、".join(text.zh for text in texts))


RULE = Rule(SAYS.id, SAYS.name, "both", check)
