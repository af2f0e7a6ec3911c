"""Which pairs of fingerprints show one picture, and how the second differs from the first.

Three steps, each on fewer pairs than the one before: candidates by their low frequencies (pixels/candidates.py); the affine map between the two
(pixels/registration.py), from the window that fitted best; and the verdict here: correlation of what overlaps, of the whole and of its details,
under a map that a crop or a slight turn could have made. Thresholds: docs/log.md, 2026-11-29.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.families import Families
from orchestrator.dataset.pixels.candidates import Candidate, find_candidates
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

WHOLE_ABOVE: Final = 0.97
"""Correlation of the overlap, of a near duplicate (true pairs: 0.98 and more) ..."""
WHOLE_MOVED_ABOVE: Final = 0.988
"""... where one shows another part or is turned: registration makes different pictures alike too (up to 0.994 in 50 million pairs
of one figure on white, 0.981 in sets of a thousand; true crops 0.989 and more) ..."""
DETAIL_ABOVE: Final = 0.92
"""... and of its details (true pairs: 0.934 and more; other pairs that pass the first limit: up to 0.90)."""
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
class Match:
    """Two places in the sequence of fingerprints that show one picture."""

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


def find_matches(stored: NDArray[np.uint8], go_on: Callable[[], None] | None = None) -> list[Match]:
    """Return the pairs among `stored` (n, 48, 48) that show one picture. `go_on`: see `near.find_near`."""
    if len(stored) < 2:
        return []
    found: list[Match] = []
    families, matched = Families(), [0] * len(stored)
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


def _one_of_each(found: Iterable[Match]) -> list[Match]:
    best: dict[tuple[int, int], Match] = {}
    for match in found:
        pair = (match.first, match.second)
        if pair not in best or best[pair].whole < match.whole:
            best[pair] = match
    return [best[pair] for pair in sorted(best)]


def _verify(stored: NDArray[np.uint8], pairs: Sequence[Candidate]) -> list[Match]:
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
            found.append(Match(*places, pair.is_mirrored, whole, detail, seen, move.zoom, move.turn_deg, change))
    return found


def _first_map(pair: Candidate) -> NDArray[np.float32]:
    scale, left, top = pair.window
    return window_map(scale, 1 - scale - left if pair.is_mirrored else left, top)
