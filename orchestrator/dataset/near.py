"""Pictures that are the same picture: byte for byte, or recompressed, resized, mirrored, cropped, turned a little, framed, lightened, marked.

Three steps, each on fewer pairs than the one before: candidates by their low frequencies (pixels/candidates.py); the affine map between the two
(pixels/registration.py), from the window that fitted best; and the verdict here: correlation of what overlaps, of the whole and of its details,
under a map that a crop or a slight turn could have made. Thresholds: docs/log.md, 2026-11-29.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.dataset.pixels.candidates import Candidate, find_candidates
from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE
from orchestrator.dataset.pixels.registration import (
    correlation,
    details,
    normal,
    read_map,
    register,
    sample,
    soft,
    window_map,
)
from orchestrator.dataset.worth import SLANTED, find_slanted, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import PixelFacts

Relation = Literal[
    "exact", "same-pixels", "recompressed", "resized", "brightness", "framed", "altered", "crop", "turned", "flip", "through-another",
]  # fmt: skip
"""How a member came from the first of its group, the most telling of several. `altered`: a mark, a text, another expression;
`through-another`: it is like a member that is like the first."""

LEAST_SIDE: Final = 192
"""Pixels: icons hold too little detail to compare. Of twenty drawn ones of 128 pixels three pairs were taken for crops of each other."""
VERSION: Final = 2
"""Of the comparison: other limits are another version, and groups that were kept are found anew."""
WHOLE_ABOVE: Final = 0.97
"""Correlation of the overlap, of a near duplicate (true pairs: 0.98 and more) ..."""
WHOLE_MOVED_ABOVE: Final = 0.988
"""... where one shows another part or is turned: registration makes different pictures alike too (up to 0.994 in 50 million pairs
of one figure on white, 0.981 in sets of a thousand; true crops 0.989 and more) ..."""
DETAIL_ABOVE: Final = 0.92
"""... and of its details (true pairs: 0.934 and more; other pairs that pass the first limit: up to 0.90)."""
CHANGED_ABOVE: Final = 0.08
"""`_Match.change` over it at the same size: something was put on it or drawn anew (recompression: 0.04) ..."""
CHANGED_RESIZED_ABOVE: Final = 0.5
"""... and where the size differs, which by itself changes up to 0.44."""
BRIGHTNESS_ABOVE: Final = 8.0
"""Grey levels of the median or of the lights."""
MOVED_ABOVE: Final = 0.015
"""Of zoom; less is the grid's doing."""
TURNED_ABOVE_DEG: Final = 1.0
_ENOUGH_TIES: Final = 6
_LEAST_OVERLAP: Final = 0.6
_BATCH: Final = 256
_FIRST_ROUNDS: Final = 2
_ROUNDS: Final = 6
_HOPELESS_BELOW: Final = 0.92
"""Correlation after the first rounds; true pairs lie above 0.9 by then."""


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


@dataclass(frozen=True, slots=True)
class _Match:
    first: int
    second: int
    is_mirrored: bool
    whole: float
    detail: float
    overlap: float
    """Share of the larger one's field that both show."""
    zoom: float
    """How much larger the second one's field is."""
    turn_deg: float
    change: float
    """Largest difference at one place, of the 48 x 48, in standard deviations of the picture."""


def find_near(facts: Sequence[PixelFacts], go_on: Callable[[], None] | None = None) -> list[Group]:
    """Return the groups among `facts`, by the place of their best picture. Pictures with a problem only have exact copies.

    `go_on` is called for every few hundred pairs; what it raises ends the search.
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
    distinct = [place for place in leaders.values() if _has_something(facts[place])]
    matches = find_matches([facts[place].fingerprint for place in distinct], go_on)
    matches = [replace(match, first=distinct[match.first], second=distinct[match.second]) for match in matches]
    return _groups(facts, matches, copies)


def pack_groups(groups: Sequence[Group]) -> str:
    """Return groups as JSON."""
    rows = [[g.best, [[m.index, m.relation, m.is_mirrored, m.likeness, m.overlap] for m in g.members]] for g in groups]
    return json.dumps(rows)


def unpack_groups(text: str) -> list[Group]:
    """Undo `pack_groups`. Raises ValueError or TypeError for damage."""
    return [Group(best, tuple(Member(*member) for member in members)) for best, members in json.loads(text)]


def _has_something(facts: PixelFacts) -> bool:
    return facts.is_measured and not facts.problem and min(facts.width, facts.height) >= LEAST_SIDE


def find_matches(fingerprints: Sequence[bytes], go_on: Callable[[], None] | None = None) -> list[_Match]:
    """Return the pairs among `fingerprints` (each 48 x 48 bytes) that show one picture. `go_on`: see `find_near`."""
    import numpy as np

    if len(fingerprints) < 2:
        return []
    stored = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(-1, FINGERPRINT_SIDE, FINGERPRINT_SIDE)
    found: list[_Match] = []
    families, matched = _Families(), [0] * len(stored)
    candidates = find_candidates(stored)
    while batch := list(islice(candidates, _BATCH)):
        if go_on is not None:
            go_on()
        # Thousands of frames of one scene: enough ties hold a family together.
        batch = [
            pair for pair in batch
            if min(matched[pair.first], matched[pair.second]) < _ENOUGH_TIES or not families.is_one(pair.first, pair.second)
        ]  # fmt: skip
        for match in _verify(stored, batch) if batch else ():
            found.append(match)
            families.tie(match.first, match.second)
            matched[match.first] += 1
            matched[match.second] += 1
    return _one_of_each(found)


def _one_of_each(found: Iterable[_Match]) -> list[_Match]:
    best: dict[tuple[int, int], _Match] = {}
    for match in found:
        pair = (match.first, match.second)
        if pair not in best or best[pair].whole < match.whole:
            best[pair] = match
    return [best[pair] for pair in sorted(best)]


def _verify(stored: NDArray[np.uint8], pairs: Sequence[Candidate]) -> list[_Match]:
    """Register the pairs and return those that show one picture."""
    import numpy as np

    fixed = soft(stored[[pair.first for pair in pairs]].astype(np.float32))
    other = stored[[pair.second for pair in pairs]].astype(np.float32)
    is_mirrored = np.array([pair.is_mirrored for pair in pairs])
    other[is_mirrored] = other[is_mirrored][:, :, ::-1]
    other = soft(other)
    maps = register(fixed, other, np.stack([_first_map(pair) for pair in pairs]), _FIRST_ROUNDS)
    is_hopeful = correlation(fixed, *sample(other, maps)) > _HOPELESS_BELOW
    pairs = [pair for pair, is_kept in zip(pairs, is_hopeful, strict=True) if is_kept]
    if not pairs:
        return []
    fixed, other = fixed[is_hopeful], other[is_hopeful]
    maps = register(fixed, other, maps[is_hopeful], _ROUNDS)
    moved, inside = sample(other, maps)
    measured = np.stack((
        correlation(fixed, moved, inside),
        details(fixed, moved, inside),
        inside.mean(axis=(1, 2)),
        np.abs(normal(fixed, inside) - normal(moved, inside)).max(axis=(1, 2)),
    ), axis=1)  # fmt: skip
    found = []
    for pair, found_map, (whole, detail, overlap, change) in zip(pairs, maps, measured.tolist(), strict=True):
        move = read_map(found_map)
        # Of the smaller field, then of the larger one.
        if not move.is_likely or overlap * max(1.0, move.zoom**-2) < _LEAST_OVERLAP:
            continue
        is_moved = abs(move.zoom - 1) > MOVED_ABOVE or abs(move.turn_deg) > TURNED_ABOVE_DEG
        if whole > (WHOLE_MOVED_ABOVE if is_moved else WHOLE_ABOVE) and detail > DETAIL_ABOVE:
            seen = min(1.0, overlap * min(1.0, move.zoom**2))
            places = min(pair.first, pair.second), max(pair.first, pair.second)
            found.append(_Match(*places, pair.is_mirrored, whole, detail, seen, move.zoom, move.turn_deg, change))
    return found


def _first_map(pair: Candidate) -> NDArray[np.float32]:
    scale, left, top = pair.window
    return window_map(scale, 1 - scale - left if pair.is_mirrored else left, top)


def _groups(facts: Sequence[PixelFacts], matches: Iterable[_Match], copies: dict[int, list[int]]) -> list[Group]:
    by_pair = {(match.first, match.second): match for match in matches}
    leader_of = {copy: leader for leader, others in copies.items() for copy in others}
    nearest: dict[int, _Match] = {}
    for match in by_pair.values():
        for place in (match.first, match.second):
            if place not in nearest or nearest[place].whole < match.whole:
                nearest[place] = match
    families = _Families()
    for first, second in (*by_pair, *((leader, copy) for copy, leader in leader_of.items())):
        families.tie(first, second)
    turns = ((match.first, match.second, abs(match.turn_deg) > TURNED_ABOVE_DEG) for match in by_pair.values())
    slanted = find_slanted(facts, turns)
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
            members.append(_member(facts, place, (centre, leader), match_or_none, nearest.get(leader)))
        groups.append(Group(best, tuple(members)))
    return sorted(groups, key=lambda group: group.best)


class _Families:
    """What hangs together (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def _root(self, place: int) -> int:
        parent = self._parent
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    def is_one(self, first: int, second: int) -> bool:
        return self._root(first) == self._root(second)

    def tie(self, first: int, second: int) -> None:
        self._parent[self._root(second)] = self._root(first)

    def all(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for place in sorted(self._parent):
            found.setdefault(self._root(place), []).append(place)
        return list(found.values())


def _member(
    facts: Sequence[PixelFacts], place: int, leaders: tuple[int, int], match: _Match | None, nearest: _Match | None
) -> Member:
    centre, leader = leaders
    if leader == centre:
        return Member(place, "exact", is_mirrored=False, likeness=1.0, overlap=1.0)
    if match is not None:
        relation = _relation(facts[centre], facts[leader], match)
        return Member(place, relation, match.is_mirrored, match.whole, match.overlap)
    assert nearest is not None  # noqa: S101  no match with the best one, so with another: else it were in no family
    return Member(place, "through-another", nearest.is_mirrored, nearest.whole, nearest.overlap)


def _relation(best: PixelFacts, other: PixelFacts, match: _Match) -> Relation:  # noqa: PLR0911 - one line per relation
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
    return "same-pixels" if best.fingerprint == other.fingerprint else "recompressed"


def _is_framed(facts: PixelFacts) -> bool:
    left, top, right, bottom = facts.bars
    return bool((left and right) or (top and bottom))
