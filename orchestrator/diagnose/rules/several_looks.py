"""One subject is shown with several looks that nothing tells apart.

## What it looks for

Sets of a character or person in which large parts of the captions hold looks that exclude each other, two hair colours, two lengths of
hair or two whole outfits, without a word of its own for each.

## Why it matters

All of them are bound to one trigger: what comes out of it is a mixture, and which look comes cannot be asked for.

## How we tell

Captions of tags with one person in them. Hair colours that taggers mix up (black and brown; white, silver and grey ...) count as one, hair
of several colours is left out; lengths are short or long. An outfit is at least three tags of clothes that come together and hardly
otherwise: changing clothes are wanted. Told are two looks or more, each in at least five captions and a fifth of them, unless each but one
has a word of its own that no vocabulary knows, in four of five of its captions and at most one of ten of the others.

## What to change

A LoRA, or at least a concept with `concepts.class_tokens` and a trigger of its own, for each look; triggers alone blend. Where the tagger
is wrong, correct the tags; where the look is fixed, remove the pictures of the other.

## When it is wrong

Light that colours the hair; a character whose hair is meant to change: keep the tags then, they are what it is asked for with. Looks that were
pruned from the captions are not seen.

## Sources

domain-rules D7, D10 (looks separated only by trigger words blend), T1. The shares are set, not measured. Captions of 11 generated sets (30 to 973
of them): nothing is told; a second look planted in about 25, 30 and 50 % of them: 29, 30 and 33 of 33 told (docs/log.md, 2026-11-29). All of
them are of one character, so how often real sets are told falsely is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, same
from orchestrator.dataset.vocabulary import FEWEST, SEVERAL_PEOPLE, common_words, vocabulary, written
from orchestrator.diagnose.captions import NO_TAGS, TOO_FEW, with_tags
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    Tags = frozenset[str]
    Looks = dict[str, list[tuple[Path, Tags]]]
    """Look -> its captions."""

KINDS = ("character", "person")
LEAST_CAPTIONS, LEAST_SHARE = 5, 0.2
"""What a look must reach."""
TOGETHER, APART = 0.8, 0.1
"""Share of the captions of a look that hold what belongs to it, and of the others that may."""
_COLOURS: Mapping[str, tuple[str, ...]] = {
    "black or brown hair": ("black hair", "brown hair", "dark brown hair", "dark hair"),
    "blonde hair": ("blonde hair", "yellow hair"),
    "white or grey hair": ("white hair", "silver hair", "grey hair"),
    "red hair": ("red hair", "orange hair", "ginger hair"),
    "pink hair": ("pink hair",),
    "purple hair": ("purple hair",),
    "blue hair": ("blue hair", "light blue hair", "aqua hair", "teal hair"),
    "green hair": ("green hair", "light green hair"),
}
"""Between two of these lie colours that are left out: light brown, auburn, dark blue, lavender, platinum."""
_SEVERAL_COLOURS = frozenset(
    ("multicolored hair", "two-tone hair", "gradient hair", "streaked hair", "rainbow hair", "colored inner hair", "split-color hair")
)  # fmt: skip
_LENGTHS: Mapping[str, tuple[str, ...]] = {
    "short hair": ("short hair", "very short hair", "bob cut", "pixie cut", "buzz cut"),
    "long hair": ("long hair", "very long hair", "absurdly long hair"),
}

SAYS = Says("R139", "several-looks")


def check(case: Case) -> Iterable[Finding]:
    """Sort the captions by hair and outfit."""
    if case.dataset is None:
        return [SAYS.not_applicable(NO_DATASET)]
    if kind(case) not in KINDS:
        return [SAYS.not_applicable(Text("The subject is no character or person.", "主体不是角色或人物。"))]
    captions = [(one.path, frozenset(written(tag) for tag in one.text.tags)) for one in with_tags(case)]
    captions = [(path, tags) for path, tags in captions if tags.isdisjoint(SEVERAL_PEOPLE)]
    if len(captions) < FEWEST:
        return [SAYS.not_applicable(TOO_FEW if captions else NO_TAGS)]
    least = max(LEAST_CAPTIONS, LEAST_SHARE * len(captions))
    plain = [(path, tags) for path, tags in captions if tags.isdisjoint(_SEVERAL_COLOURS)]
    axes = [_sorted(plain, _COLOURS), _sorted(captions, _LENGTHS), _outfits(captions, least)]
    for looks in axes:
        large = {look: some for look, some in looks.items() if len(some) >= least}
        if len(large) > 1 and sum(not _has_own_word(look, large) for look in large) > 1:
            return [_fired(large, len(captions))]
    return [
        SAYS.clear(
            Text("The captions hold one look, or each has its own word.", "标注只有一种造型，或每种造型各有其词。")
        )
    ]


def _sorted(captions: Iterable[tuple[Path, Tags]], kinds: Mapping[str, Collection[str]]) -> Looks:
    """Sort captions by the one kind that they hold; those with none or several are left out."""
    looks: Looks = {kind: [] for kind in kinds}
    for path, tags in captions:
        held = [kind for kind, words in kinds.items() if not tags.isdisjoint(words)]
        if len(held) == 1:
            looks[held[0]].append((path, tags))
    return looks


def _outfits(captions: Sequence[tuple[Path, Tags]], least: float) -> Looks:
    """Return the outfits by their tags: three of clothes or more that come together and hardly otherwise."""
    holding: dict[str, set[int]] = {}
    for place, (_, tags) in enumerate(captions):
        for tag in tags:
            if vocabulary().category(tag) == "clothing":
                holding.setdefault(tag, set()).add(place)
    looks: Looks = {}
    used: set[str] = set()
    for tag, places in sorted(holding.items(), key=lambda item: (-len(item[1]), item[0])):
        if tag in used or len(places) < least:
            continue
        others = len(captions) - len(places)
        outfit = [
            other
            for other, at in holding.items()
            if len(at) >= TOGETHER * len(places)
            and len(at & places) >= TOGETHER * len(places)
            and len(at - places) <= APART * others
        ]
        if len(outfit) >= 3:
            used.update(outfit)
            looks[", ".join(sorted(outfit)[:4])] = [captions[place] for place in sorted(places)]
    return looks


def _has_own_word(look: str, looks: Looks) -> bool:
    """Return whether a look has a word that is nowhere known, in most of its captions and hardly in those of other looks."""
    own = [tags for _, tags in looks[look]]
    others = [tags for other, some in looks.items() if other != look for _, tags in some]
    known = vocabulary()
    return any(
        known.category(word) is None
        and word not in common_words()
        and sum(word in tags for tags in own) >= TOGETHER * len(own)
        and sum(word in tags for tags in others) <= APART * len(others)
        for word in {word for tags in own for word in tags}
    )


def _fired(looks: Looks, total: int) -> Finding:
    shown = ", ".join(f"`{look}` ({len(some)})" for look, some in looks.items())
    usual = max(looks, key=lambda look: len(looks[look]))
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{len(looks)} looks under one trigger, in {total} captions: {shown}.",
            f"{total} 个标注中，同一触发词下有 {len(looks)} 种造型：{shown}。",
        ),
        why=Text("They blend, and neither can be asked for.", "它们会混在一起，想要哪一种都无法指定。"),
        evidence=[
            Evidence(same(look), round(100 * len(some) / total), round(100 * LEAST_SHARE), "captions", "%")
            for look, some in looks.items()
        ],
        fix=Fix(
            Text(
                "Train the looks apart, or give each a concept and a trigger of its own; correct the tags where they are wrong.",
                "分开训练各造型，或给每种造型单独的 concept 与触发词；标签有误时请改正。",
            )
        ),
        paths=[path for look, some in looks.items() if look != usual for path, _ in some],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
