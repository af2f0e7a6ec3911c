"""Which pairs of fingerprints are worth a close look: low frequencies of each against those of crop windows of each other.

Discrete cosine transform, the lowest 8 x 8 without the mean, levelled by frequency and of length 1, so that a product is a correlation. Mirroring a picture flips the
sign of the odd frequencies across: with even and odd ones apart, |odd| gives the better of both ways round in one product.
Products run in blocks, so memory stays bounded whatever the number of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE as SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CANDIDATE_ABOVE: Final = 0.92
"""Correlation of low frequencies from which a pair is looked at closely. True pairs: 0.93 and more (docs/log.md, 2026-11-29)."""
MOST_PER_PICTURE: Final = 24
"""Candidates of one picture that are looked at closely, best first: more is a folder of one background."""
_STEPS: Final = {0.95: (0.0, 0.5, 1.0), 0.88: (0.0, 1 / 3, 2 / 3, 1.0)}
"""Scale of a window to where it may begin, as shares of the room it leaves. Low frequencies bear about 3 % of misplacement."""
_BAND: Final = 8
"""Frequencies along each side."""
_FLATTEST: Final = 3.0
"""Weighted contrast, in grey levels, under which a picture resembles nothing but its exact copies."""
_BLOCK: Final = 1024
_ROWS: Final = 2048
"""Pictures that are compared with a block of others at once. More of them describe the others less often."""
_FOUND: Final = [("first", "i8"), ("second", "i8"), ("which", "u1"), ("score", "f4")]


class Window(NamedTuple):
    """A part of a picture, in shares of its sides."""

    scale: float
    left: float
    top: float


class Candidate(NamedTuple):
    """Two places in the sequence of fingerprints: a window of the second looks like the whole first."""

    first: int
    second: int
    window: Window
    is_mirrored: bool


def _windows() -> list[Window]:
    """Return the crop windows, the whole picture first."""
    parts = [Window(s, (1 - s) * x, (1 - s) * y) for s, steps in _STEPS.items() for y in steps for x in steps]
    return [Window(1.0, 0.0, 0.0), *parts]


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
    found: Floats = basis.astype(np.float32)
    return found


def _weights() -> Floats:
    """Pictures have the more contrast the lower the frequency; levelled half way, so that outlines count beside the background."""
    import numpy as np

    across = np.arange(_BAND)
    radius = np.hypot(across[:, None], across[None])
    weights = np.sqrt(np.maximum(radius, 1.0))
    weights[0, 0] = 0
    weights[radius > _BAND] = 0
    return weights.astype(np.float32)


def _describe(stored: NDArray[np.uint8], window: Window) -> tuple[Floats, Floats]:
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


def find_candidates(stored: NDArray[np.uint8]) -> Iterator[Candidate]:
    """Return the pairs among `stored` (n, 48, 48) to look at, at most once either way round, each with the window that fits best."""
    import numpy as np

    windows = _windows()
    whole_even, whole_odd = _describe(stored, windows[0])
    for start in range(0, len(stored), _ROWS):
        rows = slice(start, start + _ROWS)
        found = np.empty(0, _FOUND)
        for begin in range(0, len(stored), _BLOCK):
            # Described anew for each block of rows: the windows of all pictures at once are 6 KB a picture.
            parts = [_describe(stored[begin : begin + _BLOCK], window) for window in windows]
            best, which = _best_windows(whole_even[rows], whole_odd[rows], parts)
            # Not a picture with itself.
            same = np.arange(max(start, begin), min(start + len(best), begin + best.shape[1]))
            best[same - start, same - begin] = CANDIDATE_ABOVE
            found = _foremost(np.concatenate((found, _strongest(best, which, start, begin))))
        for first, second, which_one, _ in found.tolist():
            yield Candidate(first, second, windows[which_one // 2], bool(which_one % 2))


def _foremost(found: NDArray[np.void]) -> NDArray[np.void]:
    """Return the best candidates of each picture, best first."""
    import numpy as np

    found = found[np.lexsort((-found["score"], found["first"]))]
    rank = np.arange(len(found)) - np.searchsorted(found["first"], found["first"])
    return found[rank < MOST_PER_PICTURE]


def _best_windows(even: Floats, odd: Floats, parts: list[tuple[Floats, Floats]]) -> tuple[Floats, NDArray[np.uint8]]:
    """Return for each pair of a whole (row) and a picture (column) the best correlation over the windows, and 2 * window + mirrored.

    Pairs that do not reach the limit stay at the limit.
    """
    import numpy as np

    best = np.full((len(even), len(parts[0][0])), CANDIDATE_ABOVE, np.float32)
    which = np.zeros(best.shape, np.uint8)
    for number, (window_even, window_odd) in enumerate(parts):
        both = even @ window_even.T
        sign = odd @ window_odd.T
        both += np.abs(sign)
        is_better = both > best
        if is_better.any():
            best[is_better] = both[is_better]
            which[is_better] = 2 * number + (sign[is_better] < 0)
    return best, which


def _strongest(best: Floats, which: NDArray[np.uint8], start: int, begin: int) -> NDArray[np.void]:
    """Return the pairs over the limit, the best of each row only, so that a folder of one scene cannot fill the memory."""
    import numpy as np

    first, second = np.nonzero(best > CANDIDATE_ABOVE)
    crowded = np.flatnonzero(np.bincount(first, minlength=len(best)) > MOST_PER_PICTURE)
    if len(crowded):
        limit = np.full(len(best), CANDIDATE_ABOVE, np.float32)
        limit[crowded] = np.partition(best[crowded], -MOST_PER_PICTURE, axis=1)[:, -MOST_PER_PICTURE]
        is_kept = best[first, second] >= limit[first]
        first, second = first[is_kept], second[is_kept]
    found = np.empty(len(first), _FOUND)
    found["first"], found["second"] = first + start, second + begin
    found["which"], found["score"] = which[first, second], best[first, second]
    return found
