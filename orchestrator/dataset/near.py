"""Pictures that are the same picture: byte for byte, or recompressed, resized, mirrored, cropped, turned a little, framed, lightened, marked.

Three steps, each on fewer pairs than the one before.
1. Candidates: the low frequencies (DCT) of each picture against those of each crop window of each other, as correlations, straight and mirrored in one
   go: mirroring flips the sign of the odd ones. Matrix products in blocks, so memory stays bounded.
2. Registration: the affine map between the two fingerprints by inverse compositional Lucas-Kanade (Baker and Matthews, "Lucas-Kanade 20 years on",
   IJCV 2004), from the window that fitted best.
3. Verdict: correlation of what overlaps, of the picture as a whole and of its details, and a map that a crop could have made.
Thresholds: docs/log.md, 2026-11-29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import PixelFacts

    Floats = NDArray[np.float32]

Relation = Literal["exact", "same-pixels", "recompressed", "resized", "brightness", "framed", "marked", "crop", "turned", "flip", "through-another"]
"""How a member came from the first of its group; `through-another`: it is like a member that is like the first."""

CANDIDATE_ABOVE: Final = 0.90
"""Correlation of low frequencies from which a pair is looked at closely."""
WHOLE_ABOVE: Final = 0.97
"""Correlation of the overlap, of a near duplicate ..."""
DETAIL_ABOVE: Final = 0.92
"""... and of its details (what a 5 x 5 mean leaves)."""
MOST_PER_PICTURE: Final = 24
"""Candidates of one picture that are looked at closely, best first: more is a folder of one background."""
SIDE: Final = 48
_SCALES: Final = (0.95, 0.88)
_BAND: Final = 8
"""Frequencies along each side."""
_FLATTEST: Final = 3.0
"""Standard deviation of grey under which a picture resembles nothing but its exact copies."""
_BLOCK: Final = 1024
_BATCH: Final = 256
_ROUNDS: Final = 10
_LEAST_OVERLAP: Final = 0.6
_MOST_TURN_DEG: Final = 8.0
_SCALE_RANGE: Final = (0.74, 1.35)
_MOST_STRETCH: Final = 1.12


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
    """Share of the smaller one's field that both show."""
    zoom: float
    """How much larger the second one's field is."""
    turn_deg: float


def find_near(facts: Sequence[PixelFacts]) -> list[Group]:
    """Return the groups among `facts`, by the place of their best picture. Pictures with a problem only have exact copies."""
    leaders: dict[bytes, int] = {}
    copies: dict[int, list[int]] = {}
    for place, one in enumerate(facts):
        if not one.digest:
            continue
        if not one.size_bytes:
            continue
        leader = leaders.setdefault(one.digest, place)
        if leader != place:
            copies.setdefault(leader, []).append(place)
    distinct = [place for place in leaders.values() if facts[place].is_measured and not facts[place].problem]
    matches = find_matches([facts[place].fingerprint for place in distinct])
    matches = [_moved(match, distinct) for match in matches]
    return _groups(facts, matches, copies)


def _moved(match: _Match, places: Sequence[int]) -> _Match:
    return _Match(
        places[match.first], places[match.second], match.is_mirrored,
        match.whole, match.detail, match.overlap, match.zoom, match.turn_deg,
    )  # fmt: skip


# -- groups ---------------------------------------------------------------------------------------------------------


def _groups(facts: Sequence[PixelFacts], matches: Iterable[_Match], copies: dict[int, list[int]]) -> list[Group]:
    by_pair = {(match.first, match.second): match for match in matches}
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for first, second in (*by_pair, *((leader, copy) for leader, others in copies.items() for copy in others)):
        parent[root(second)] = root(first)
    families: dict[int, list[int]] = {}
    for place in sorted(parent):
        families.setdefault(root(place), []).append(place)
    groups = [_group(facts, family, by_pair, copies) for family in families.values()]
    return sorted(groups, key=lambda group: group.best)


def _group(
    facts: Sequence[PixelFacts], family: Sequence[int], by_pair: dict[tuple[int, int], _Match], copies: dict[int, list[int]]
) -> Group:
    leader_of = {copy: leader for leader, others in copies.items() for copy in others}
    best = max(family, key=lambda place: (_worth(facts[place]), -place))
    centre = leader_of.get(best, best)
    members = []
    for place in family:
        if place == best:
            continue
        leader = leader_of.get(place, place)
        if leader == centre:
            members.append(Member(place, "exact", is_mirrored=False, likeness=1.0, overlap=1.0))
            continue
        match = by_pair.get((centre, leader)) or by_pair.get((leader, centre))
        if match is None:
            near = max((m for pair, m in by_pair.items() if leader in pair), key=lambda m: m.whole)
            members.append(Member(place, "through-another", near.is_mirrored, near.whole, near.overlap))
        else:
            relation = _relation(facts[centre], facts[leader], match)
            members.append(Member(place, relation, match.is_mirrored, match.whole, match.overlap))
    return Group(best, tuple(members))


def _worth(facts: PixelFacts) -> float:
    """Pixels that show something: an enlarged or blurred copy has more of them, but not more to show."""
    sharp = 0.6 if facts.sharpness is None else min(0.7, facts.sharpness)
    harm = 0.9 if facts.blockiness is not None and facts.blockiness > 1.8 else 1.0
    framed = 0.7 if any(facts.bars) else 1.0
    return float(facts.width * facts.height) ** 0.5 * sharp**2 * harm * framed


def _relation(best: PixelFacts, other: PixelFacts, match: _Match) -> Relation:  # noqa: PLR0911 - one line per relation
    if match.is_mirrored:
        return "flip"
    if abs(match.turn_deg) > 1.0:
        return "turned"
    if abs(match.zoom - 1) > 0.015 or match.overlap < 0.97:
        return "crop"
    if _is_framed(best) != _is_framed(other):
        return "framed"
    tones = [(a, b) for a, b in ((best.p50, other.p50), (best.p95, other.p95)) if a is not None and b is not None]
    if any(abs(a - b) > 8 for a, b in tones):
        return "brightness"
    if match.whole < 0.985:
        return "marked"
    if (best.width, best.height) != (other.width, other.height):
        return "resized"
    return "same-pixels" if best.fingerprint == other.fingerprint else "recompressed"


def _is_framed(facts: PixelFacts) -> bool:
    left, top, right, bottom = facts.bars
    return bool((left and right) or (top and bottom))


# -- matches --------------------------------------------------------------------------------------------------------


def find_matches(fingerprints: Sequence[bytes]) -> list[_Match]:
    """Return the pairs among `fingerprints` (each 48 x 48 bytes) that show one picture."""
    import numpy as np

    if len(fingerprints) < 2:
        return []
    stored = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(-1, SIDE, SIDE)
    found: list[_Match] = []
    batch: list[tuple[int, int, int, bool]] = []
    for candidate in _candidates(stored):
        batch.append(candidate)
        if len(batch) == _BATCH:
            found += _verify(stored, batch)
            batch = []
    if batch:
        found += _verify(stored, batch)
    return _one_of_each(found)


def _one_of_each(found: Iterable[_Match]) -> list[_Match]:
    best: dict[tuple[int, int], _Match] = {}
    for match in found:
        pair = (match.first, match.second)
        if pair not in best or best[pair].whole < match.whole:
            best[pair] = match
    return [best[pair] for pair in sorted(best)]


def _windows() -> list[tuple[float, float, float]]:
    """(scale, left, top) of each crop window, as shares; the whole picture first."""
    steps = (0.0, 0.5, 1.0)
    return [(1.0, 0.0, 0.0)] + [(s, (1 - s) * x, (1 - s) * y) for s in _SCALES for y in steps for x in steps]


def _bases(scale: float, start: float) -> Floats:
    """Return (band, side): frequencies of a window of one axis, exactly: cosines over the window, zero outside."""
    import numpy as np

    centres = (np.arange(SIDE) + 0.5) / SIDE
    inside = (centres - start) / scale
    edge = 0.5 / SIDE
    covered = np.clip((np.minimum(centres + edge, start + scale) - np.maximum(centres - edge, start)) * SIDE, 0, 1)
    basis = np.cos(np.pi * np.arange(_BAND)[:, None] * np.clip(inside, 0, 1)) * covered
    basis /= covered.sum()
    basis[1:] *= np.sqrt(2)
    return basis.astype(np.float32)


def _weights() -> Floats:
    """Pictures have the more contrast the lower the frequency; levelled half way, so that outlines count beside the background."""
    import numpy as np

    across = np.arange(_BAND)
    radius = np.hypot(across[:, None], across[None])
    weights = np.sqrt(np.maximum(radius, 1.0))
    weights[0, 0] = 0
    weights[radius > _BAND] = 0
    return weights.astype(np.float32)


def _describe(stored: NDArray[np.uint8], window: tuple[float, float, float]) -> tuple[Floats, Floats]:
    """Return the even and odd frequencies across of each picture within `window`, together of length 1: (n, k) each."""
    import numpy as np

    scale, left, top = window
    down, across = _bases(scale, top), _bases(scale, left)
    weights = _weights()
    bands = np.empty((len(stored), _BAND, _BAND), np.float32)
    for start in range(0, len(stored), _BLOCK):
        block = stored[start : start + _BLOCK].astype(np.float32)
        bands[start : start + _BLOCK] = (down @ block) @ across.T * weights
    length = np.linalg.norm(bands.reshape(len(bands), -1), axis=1)
    bands /= np.maximum(length, 1e-6)[:, None, None]
    bands[length < _FLATTEST] = 0
    even = bands[:, :, 0::2].reshape(len(bands), -1)
    odd = bands[:, :, 1::2].reshape(len(bands), -1)
    return np.ascontiguousarray(even), np.ascontiguousarray(odd)


def _candidates(stored: NDArray[np.uint8]) -> Iterator[tuple[int, int, int, bool]]:
    """Return (whole, cropped, window, mirrored): the second one's window looks like the first one's whole."""
    import numpy as np

    windows = _windows()
    crops = [_describe(stored, window) for window in windows]
    whole_even, whole_odd = crops[0]
    for start in range(0, len(stored), _BLOCK):
        rows: list[NDArray[np.int64]] = []
        scores: list[Floats] = []
        for number, (even, odd) in enumerate(crops):
            for begin in range(0, len(stored), _BLOCK):
                both = whole_even[start : start + _BLOCK] @ even[begin : begin + _BLOCK].T
                sign = whole_odd[start : start + _BLOCK] @ odd[begin : begin + _BLOCK].T
                hits = np.flatnonzero(both + np.abs(sign) > CANDIDATE_ABOVE)
                if not len(hits):
                    continue
                one, two = np.divmod(hits, both.shape[1])
                # A pair of wholes is seen once, a whole and a window from either side.
                is_kept = (one + start < two + begin) if number == 0 else (one + start != two + begin)
                one, two = one[is_kept], two[is_kept]
                rows.append(np.stack((one + start, two + begin, np.full(len(one), number), sign[one, two] < 0), axis=1))
                scores.append(both[one, two] + np.abs(sign[one, two]))
        if rows:
            yield from _best_of(np.concatenate(rows), np.concatenate(scores))


def _best_of(rows: NDArray[np.int64], scores: Floats) -> Iterator[tuple[int, int, int, bool]]:
    """Return the best window of each pair, and no more than `MOST_PER_PICTURE` pairs of one picture."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    seen: set[tuple[int, int]] = set()
    count: dict[int, int] = {}
    for row in rows[order]:
        first, second = int(row[0]), int(row[1])
        if (first, second) in seen or count.get(first, 0) >= MOST_PER_PICTURE:
            continue
        seen.add((first, second))
        count[first] = count.get(first, 0) + 1
        yield first, second, int(row[2]), bool(row[3])


# -- registration ---------------------------------------------------------------------------------------------------


def _verify(stored: NDArray[np.uint8], pairs: Sequence[tuple[int, int, int, bool]]) -> list[_Match]:
    """Register the pairs and return those that show one picture."""
    import numpy as np

    windows = _windows()
    fixed = _soft(stored[[pair[0] for pair in pairs]].astype(np.float32))
    other = stored[[pair[1] for pair in pairs]].astype(np.float32)
    mirrored = np.array([pair[3] for pair in pairs])
    other[mirrored] = other[mirrored][:, :, ::-1]
    other = _soft(other)
    maps = np.zeros((len(pairs), 2, 3), np.float32)
    for place, (_, _, number, is_mirrored) in enumerate(pairs):
        scale, left, top = windows[number]
        left = 1 - scale - left if is_mirrored else left
        maps[place] = [[scale, 0, _start(scale, left)], [0, scale, _start(scale, top)]]
    maps = _register(fixed, other, maps)
    moved, inside = _sample(other, maps)
    whole = _correlation(fixed, moved, inside)
    detail = _correlation(fixed - _mean5(fixed), moved - _mean5(moved), _shrunk(inside))
    overlap = inside.reshape(len(pairs), -1).mean(axis=1)
    found = []
    for place, (first, second, _, is_mirrored) in enumerate(pairs):
        zoom, turn, is_sane = _read_map(maps[place])
        share = max(float(overlap[place]), min(1.0, float(overlap[place]) / zoom**2))
        if is_sane and share >= _LEAST_OVERLAP and whole[place] > WHOLE_ABOVE and detail[place] > DETAIL_ABOVE:
            low, high = min(first, second), max(first, second)
            found.append(
                _Match(low, high, is_mirrored, float(whole[place]), float(detail[place]), min(1.0, float(overlap[place]) * min(1.0, zoom**2)), zoom, turn)
            )
    return found


def _start(scale: float, share: float) -> float:
    """Return the offset in pixels of a window that begins at `share`: centre of pixel 0 to centre of its pixel 0."""
    return (share + (scale - 1) * 0.5 / SIDE) * SIDE


def _read_map(found: Floats) -> tuple[float, float, bool]:
    """Return (zoom, turn in degrees, whether a crop, scan or slight turn could have made it) of a (2, 3) map."""
    import math

    a, b, c, d = (float(v) for v in (found[0, 0], found[0, 1], found[1, 0], found[1, 1]))
    wide, high = math.hypot(a, c), math.hypot(b, d)
    if not (math.isfinite(wide) and math.isfinite(high)) or min(wide, high) < 0.1:
        return 1.0, 0.0, False
    turn = math.degrees(math.atan2(c - b, a + d))
    zoom = math.sqrt(wide * high)
    skew = abs(a * b + c * d) / (wide * high)
    stretch = max(wide, high) / min(wide, high)
    is_sane = _SCALE_RANGE[0] < zoom < _SCALE_RANGE[1] and abs(turn) < _MOST_TURN_DEG and stretch < _MOST_STRETCH
    return zoom, turn, is_sane and skew < 0.12


def _register(fixed: Floats, other: Floats, maps: Floats) -> Floats:
    """Return the maps that take points of `fixed` to where `other` looks the same, refined from `maps` (n, 2, 3)."""
    import numpy as np

    count = len(fixed)
    target = _normal(fixed, np.ones(fixed.shape, np.bool_))
    slope_y, slope_x = np.gradient(target, axis=(1, 2))
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    steepest = np.stack((slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y), axis=1).reshape(count, 6, -1)
    hessian = steepest @ steepest.transpose(0, 2, 1)
    diagonal = np.einsum("nii->ni", hessian)
    diagonal += 1e-3 * diagonal.mean(axis=1, keepdims=True) + 1e-9
    for _ in range(_ROUNDS):
        moved, inside = _sample(other, maps)
        error = np.where(inside, _normal(moved, inside) - target, 0).reshape(count, -1, 1)
        step = np.linalg.solve(hessian, steepest @ error).reshape(count, 2, 3).clip(-3, 3)
        maps = _composed(maps, step)
    return maps


def _composed(maps: Floats, step: Floats) -> Floats:
    """Return `maps` after the inverse of identity plus `step`."""
    import numpy as np

    full = np.zeros((len(maps), 3, 3), np.float32)
    full[:, :2] = step
    full += np.eye(3, dtype=np.float32)
    corner = np.zeros((len(maps), 3, 3), np.float32)
    corner[:, :2] = maps
    corner[:, 2, 2] = 1
    is_bad = ~(np.abs(np.linalg.det(full)) > 0.2)
    full[is_bad] = np.eye(3, dtype=np.float32)
    return (corner @ np.linalg.inv(full))[:, :2].astype(np.float32)


def _sample(pictures: Floats, maps: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return `pictures` (n, side, side) looked up through `maps`, bilinear, and which places lay inside."""
    import numpy as np

    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    points = np.stack((x.ravel(), y.ravel(), np.ones(SIDE * SIDE, np.float32)))
    across, down = np.moveaxis(maps @ points, 1, 0)
    inside = (across >= -0.5) & (across <= SIDE - 0.5) & (down >= -0.5) & (down <= SIDE - 0.5)
    across, down = across.clip(0, SIDE - 1.001), down.clip(0, SIDE - 1.001)
    left, top = across.astype(np.int32), down.astype(np.int32)
    right, lower = across - left, down - top
    flat = pictures.reshape(len(pictures), -1)
    place = top * SIDE + left
    upper = _at(flat, place) * (1 - right) + _at(flat, place + 1) * right
    under = _at(flat, place + SIDE) * (1 - right) + _at(flat, place + SIDE + 1) * right
    shape = pictures.shape
    return (upper * (1 - lower) + under * lower).reshape(shape), inside.reshape(shape)


def _at(flat: Floats, place: NDArray[np.int32]) -> Floats:
    import numpy as np

    return np.take_along_axis(flat, place, axis=1)


def _normal(pictures: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return `pictures` with mean 0 and length 1 over what lies inside."""
    import numpy as np

    weights = inside.astype(np.float32)
    total = np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1)
    centred = (pictures - (pictures * weights).sum(axis=(1, 2), keepdims=True) / total) * weights
    spread = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True) / total)
    return centred / np.maximum(spread, 1e-3)


def _correlation(one: Floats, two: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return for each pair the correlation over what lies inside."""
    import numpy as np

    total = np.maximum(inside.sum(axis=(1, 2)), 1)
    return (_normal(one, inside) * _normal(two, inside)).sum(axis=(1, 2)) / total


def _soft(pictures: Floats) -> Floats:
    """3 x 3 binomial mean."""
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16


def _mean5(pictures: Floats) -> Floats:
    import numpy as np

    wide = np.pad(pictures, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows = sum(wide[:, k : k + SIDE] for k in range(5))
    return np.asarray(sum(rows[:, :, k : k + SIDE] for k in range(5)) / 25, dtype=np.float32)


def _shrunk(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out what lies within two pixels of the outside: a mean over the edge is no detail."""
    import numpy as np

    wide = np.pad(inside, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows = np.logical_and.reduce([wide[:, k : k + SIDE] for k in range(5)])
    return np.logical_and.reduce([rows[:, :, k : k + SIDE] for k in range(5)])
