"""A pair changes something else than the others.

## What it looks for

Edit pairs whose halves are the same picture, that change nearly everything where the others change a part, next to nothing where the
others change everything, or that go the other way (brighter where the others get darker).

## Why it matters

An edit is learned from what the pairs have in common. A pair without a change teaches to do nothing, one with another change or another
picture teaches that.

## How we tell

The halves are laid upon each other (the shift that `pair-pixel-shift` measures is taken out) and compared by the means of small squares: the
share of the picture that has changed, and which way light and colours went on the whole. At least eight pairs. Told are

- halves in which next to nothing differs, where most pairs do change something: to fix;
- a pair that changes more than 60 % of the picture and three times the middle, where the middle is under 35 %;
- where the middle is over 60 % and light and colours go one way in common: a pair that changes three times less, or goes the other way.

## What to change

Look at the pair: a copy that was never edited, a half saved under the wrong name, an edit that was done over. Mend or drop it.

## When it is wrong

Sets of several edits on purpose; better train them apart. What happens in fine texture (sharpening, skin) or on less than a hundredth of the
picture is not seen: nothing is said where the middle pair changes less. A dark picture changes little when it is made night. Another object
of the same size, and other colours where the edit takes colours out, are not told from the right ones.

## Sources

domain-rules D17 (the change must be the same in all pairs). Own generated pairs that the limits had not seen: 24 of 24 planted ones named,
one of 198 sound ones too; 0 of 2 where the edit takes colours out (docs/log.md, 2026-11-29).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.dataset.pairs import Pair
    from orchestrator.dataset.pixels.change import Difference

FEWEST = 8
"""Pairs below which there is no middle to differ from."""
SAME_SHARE, SAME_WAY = 0.0003, 2.0
"""Share that has changed, and levels of mean change, up to which the halves are the same picture."""
FINE = 0.01
"""Middle share under which the edit itself is too fine for the measure: nothing is said then."""
PART, MOST, TIMES = 0.35, 0.6, 3.0
"""A set changes a part of its pictures where the middle share is under the first; a pair that changes more than the second, and that many
times the middle, changes another thing. Where the middle is over the second, a pair that changes that many times less, in share as well as in
light and colours, changes too little."""
LEAST_WAY, ONE_WAY = 8.0, 0.9
"""Levels of mean change of light and colours from which on it has a direction, and the cosine to the middle that three of four pairs must
reach for the set to have one. Taking the colours out goes every way."""
MOST_SHOWN = 20

SAYS = Says("R142", "edit-change-differs")
NO_PAIRS = Text("The pictures are not in pairs.", "图片不成对。")
SAME = Text("the halves are the same picture", "两半是同一张图")
MORE = Text("far more is changed than in the others", "改动远多于其他图对")
LESS = Text("far less is changed than in the others", "改动远少于其他图对")
AWAY = Text("light or colours go the other way", "明暗或色彩的变化方向相反")


@dataclass(frozen=True, slots=True)
class _Middle:
    """What most pairs change."""

    share: float
    way: tuple[float, ...] | None
    """(light, blue, red); None: they change a part, or go no way in common."""


def check(case: Case) -> Iterable[Finding]:
    """Compare what each pair changes with the middle of the set."""
    if case.dataset is None:
        return [SAYS.not_applicable(NO_DATASET)]
    if not case.dataset.pairs:
        return [SAYS.not_applicable(NO_PAIRS)]
    measured = [(pair, pair.difference) for pair in case.dataset.pairs if pair.difference is not None]
    if len(measured) < FEWEST:
        return [
            SAYS.not_applicable(Text(f"Fewer than {FEWEST} pairs were measured.", f"测量过的图对不足 {FEWEST} 对。"))
        ]
    same = [(pair, found) for pair, found in measured if _is_same(found)]
    changed = [(pair, found) for pair, found in measured if not _is_same(found)]
    if len(same) >= len(changed) or median(found.share for _, found in changed) < FINE:
        return [SAYS.not_applicable(Text("What is edited is too fine to be measured.", "编辑过于细微，无法测量。"))]
    middle = _middle([found for _, found in changed])
    odd = [(pair, found, SAME) for pair, found in same]
    odd += [(pair, found, what) for pair, found in changed if (what := _oddity(found, middle)) is not None]
    if not odd:
        return [SAYS.clear(Text("All pairs change about the same.", "各图对的改动相近。"))]
    return [_fired(odd, middle.share)]


def _oddity(found: Difference, middle: _Middle) -> Text | None:
    """Return what is odd about a pair that changed."""
    way = _way(found)
    if middle.share < PART and found.share > max(MOST, TIMES * middle.share):
        return MORE
    if middle.way is None:
        return None
    if TIMES * found.share < middle.share and TIMES * math.hypot(*way) < math.hypot(*middle.way):
        return LESS
    return AWAY if found.share > MOST and math.hypot(*way) > LEAST_WAY and _cosine(way, middle.way) < 0 else None


def _is_same(found: Difference) -> bool:
    return found.share <= SAME_SHARE and math.hypot(*_way(found)) < SAME_WAY


def _middle(changed: Sequence[Difference]) -> _Middle:
    ways = [way for found in changed if math.hypot(*(way := _way(found))) > LEAST_WAY]
    share = median(found.share for found in changed)
    if share <= MOST or 2 * len(ways) <= len(changed):
        return _Middle(share, None)
    way = tuple(median(values) for values in zip(*ways, strict=True))
    cosines = sorted(_cosine(one, way) for one in ways)
    return _Middle(share, way if cosines[len(cosines) // 4] > ONE_WAY else None)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def _way(found: Difference) -> tuple[float, float, float]:
    return found.light, found.blue, found.red


def _fired(odd: Sequence[tuple[Pair, Difference, Text]], middle: float) -> Finding:
    shown = names([pair.name for pair, _, _ in odd])
    return SAYS.fired(
        Severity.FIX if any(what is SAME for _, _, what in odd) else Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(odd), 'pair changes', 'pairs change')} something else than the rest, or nothing: {shown.en}.",
            f"{len(odd)} 对图片的改动与其余不同，或没有改动：{shown.zh}。",
        ),
        why=Text("An edit is learned from what the pairs have in common.", "编辑要从各图对的共同点学到。"),
        evidence=[
            Evidence(
                Text(f"{what.en}; changed", f"{what.zh}；改变的部分"),
                round(100 * found.share, 1),
                round(100 * middle, 1),
                pair.name,
                "%",
            )
            for pair, found, what in odd[:MOST_SHOWN]
        ],
        fix=Fix(Text("Look at these pairs; mend or drop them.", "检查这些图对，修正或去掉。")),
        paths=[path for pair, _, _ in odd for path in (pair.before, pair.after) if path is not None],
    )


RULE = Rule(SAYS.id, SAYS.name, "before", check)
