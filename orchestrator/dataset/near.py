"""Pictures that are the same picture: byte for byte, or recompressed, resized, mirrored, cropped, turned a little, framed, lightened, marked.

Which pairs of them are is matches.py's; here they become groups: which one is the one to keep, and how the others differ from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.dataset.families import Families
from orchestrator.dataset.matches import MOVED_ABOVE, TURNED_ABOVE_DEG, Match, find_matches
from orchestrator.dataset.prints import Prints
from orchestrator.dataset.worth import SLANTED, find_slanted, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.dataset.pixels.model import PixelFacts

Relation = Literal[
    "exact", "same-pixels", "recompressed", "resized", "brightness", "framed", "altered", "crop", "turned", "flip", "through-another",
]  # fmt: skip
"""How a member came from the first of its group, the most telling of several. `altered`: a mark, a text, another expression;
`through-another`: it is like a member that is like the first."""

VERSION: Final = 2
"""Of the comparison: other limits are another version, and groups that were kept are found anew."""
CHANGED_ABOVE: Final = 0.08
"""`Match.change` over it at the same size: something was put on it or drawn anew (recompression: 0.04) ..."""
CHANGED_RESIZED_ABOVE: Final = 0.5
"""... and where the size differs, which by itself changes up to 0.44."""
BRIGHTNESS_ABOVE: Final = 8.0
"""Grey levels of the median or of the lights."""


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of a group."""

    index: int
    """Place in the sequence that was given."""
    relation: Relation
    is_mirrored: bool
    likeness: float
    """Correlation of what both show, 1 for the same bytes; that with its neighbour for `through-another`."""
    overlap: float
    """Share of the picture that the first one shows too."""


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that are one picture. The first is the one to keep: sharpest and largest; the others follow by place."""

    best: int
    members: tuple[Member, ...]
    """The others."""

    @property
    def indices(self) -> tuple[int, ...]:
        """All places, the best first."""
        return (self.best, *(member.index for member in self.members))

    @property
    def is_exact(self) -> bool:
        """Whether all have the same bytes."""
        return all(member.relation == "exact" for member in self.members)


def find_near(
    facts: Sequence[PixelFacts], go_on: Callable[[], None] | None = None, prints: Prints | None = None
) -> list[Group]:
    """Return the groups among `facts`, by the place of their best picture. Pictures with a problem only have exact copies.

    `go_on` is called for every few hundred pairs; what it raises ends the search. `prints`: the fingerprints, where `facts` are without.
    """
    leaders: dict[bytes, int] = {}
    copies: dict[int, list[int]] = {}
    for place, one in enumerate(facts):
        # Two empty files or two pages of an error are no two copies of a picture.
        if not one.digest or not one.width:
            continue
        leader = leaders.setdefault(one.digest, place)
        if leader != place:
            copies.setdefault(leader, []).append(place)
    prints = Prints(facts) if prints is None else prints
    distinct = [leaders[digest] for digest in prints.digests]
    matches = find_matches(prints.rows(), go_on)
    matches = [replace(match, first=distinct[match.first], second=distinct[match.second]) for match in matches]
    return _groups(facts, prints, matches, copies)


def pack_groups(groups: Sequence[Group]) -> str:
    """Return groups as JSON."""
    rows = [[g.best, [[m.index, m.relation, m.is_mirrored, m.likeness, m.overlap] for m in g.members]] for g in groups]
    return json.dumps(rows)


def unpack_groups(text: str) -> list[Group]:
    """Undo `pack_groups`. Raises ValueError or TypeError for damage."""
    return [Group(best, tuple(Member(*member) for member in members)) for best, members in json.loads(text)]


def _groups(
    facts: Sequence[PixelFacts], prints: Prints, matches: Iterable[Match], copies: dict[int, list[int]]
) -> list[Group]:
    by_pair = {(match.first, match.second): match for match in matches}
    leader_of = {copy: leader for leader, others in copies.items() for copy in others}
    nearest: dict[int, Match] = {}
    for match in by_pair.values():
        for place in (match.first, match.second):
            if place not in nearest or nearest[place].whole < match.whole:
                nearest[place] = match
    families = Families()
    for first, second in (*by_pair, *((leader, copy) for copy, leader in leader_of.items())):
        families.tie(first, second)
    turns = ((match.first, match.second, abs(match.turn_deg) > TURNED_ABOVE_DEG) for match in by_pair.values())
    slanted = find_slanted(turns, lambda place: prints.of(facts[place].digest))
    groups = []
    for family in families.all():
        worths = {
            place: worth(facts[place]) * (SLANTED if leader_of.get(place, place) in slanted else 1) for place in family
        }
        best = max(family, key=lambda place: (worths[place], -place))
        centre = leader_of.get(best, best)
        members = []
        for place in family:
            leader = leader_of.get(place, place)
            if place == best:
                continue
            match_or_none = by_pair.get((min(centre, leader), max(centre, leader)))
            members.append(_member(facts, prints, place, (centre, leader), match_or_none, nearest.get(leader)))
        groups.append(Group(best, tuple(members)))
    return sorted(groups, key=lambda group: group.best)


def _member(
    facts: Sequence[PixelFacts],
    prints: Prints,
    place: int,
    leaders: tuple[int, int],
    match: Match | None,
    nearest: Match | None,
) -> Member:
    centre, leader = leaders
    if leader == centre:
        return Member(place, "exact", is_mirrored=False, likeness=1.0, overlap=1.0)
    if match is not None:
        relation = _relation(facts[centre], facts[leader], match, prints)
        return Member(place, relation, match.is_mirrored, match.whole, match.overlap)
    assert nearest is not None  # noqa: S101  no match with the best one, so with another: else it were in no family
    return Member(place, "through-another", nearest.is_mirrored, nearest.whole, nearest.overlap)


def _relation(  # noqa: PLR0911 - one line per relation
    best: PixelFacts, other: PixelFacts, match: Match, prints: Prints
) -> Relation:
    if match.is_mirrored:
        return "flip"
    if abs(match.turn_deg) > TURNED_ABOVE_DEG:
        return "turned"
    if abs(match.zoom - 1) > MOVED_ABOVE or match.overlap < 0.97:
        return "crop"
    if _is_framed(best) != _is_framed(other):
        return "framed"
    tones = [(a, b) for a, b in ((best.p50, other.p50), (best.p95, other.p95)) if a is not None and b is not None]
    if any(abs(a - b) > BRIGHTNESS_ABOVE for a, b in tones):
        return "brightness"
    is_resized = (best.width, best.height) != (other.width, other.height)
    if match.change > (CHANGED_RESIZED_ABOVE if is_resized else CHANGED_ABOVE):
        return "altered"
    if is_resized:
        return "resized"
    return "same-pixels" if prints.of(best.digest) == prints.of(other.digest) else "recompressed"


def _is_framed(facts: PixelFacts) -> bool:
    left, top, right, bottom = facts.bars
    return bool((left and right) or (top and bottom))
