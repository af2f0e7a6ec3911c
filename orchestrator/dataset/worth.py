"""Which of several pictures that are one picture is the one to keep: how much it shows, and whether it was turned."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.compression import BLOCKY_ABOVE
from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.dataset.pixels.model import PixelFacts

SLANTED: Final = 0.5
"""What is left of the worth of a picture that was turned: its corners are filled, or it stands at an angle to most of its group."""
_FILL_WITHIN: Final = 4
"""Grey levels from black or white, of corners that turning left empty."""


def worth(facts: PixelFacts) -> float:
    """Pixels that show something: an enlarged or blurred copy has more of them, but not more to show."""
    # In steps: a mark or more contrast makes a copy a little sharper, not better.
    sharp = 0.6 if facts.sharpness is None else round(min(0.7, facts.sharpness), 1)
    harm = 0.9 if facts.blockiness is not None and facts.blockiness > BLOCKY_ABOVE else 1.0
    framed = 0.7 if any(facts.bars) else 1.0
    return math.sqrt(facts.width * facts.height) * sharp**2 * harm * framed


def find_slanted(pairs: Iterable[tuple[int, int, bool]], fingerprint: Callable[[int], bytes]) -> set[int]:
    """Return the pictures that were turned, as far as their corners or most of those that are like them say so.

    `pairs`: (place, place, whether they stand at an angle to each other) of what is alike, files with the same bytes once;
    `fingerprint`: that of the picture at a place.
    """
    turned: Counter[int] = Counter()
    straight: Counter[int] = Counter()
    for first, second, is_turned in pairs:
        (turned if is_turned else straight).update((first, second))
    return {
        place
        for place, count in turned.items()
        # Of two alone nobody knows which was turned.
        if (count > 1 and count > straight[place]) or _has_filled_corners(fingerprint(place))
    }


def _has_filled_corners(seen: bytes) -> bool:
    """Return whether two opposite corners are black or white, as turning leaves them: from two degrees on the fingerprint shows it."""
    side = FINGERPRINT_SIDE
    ends = ((seen[0], seen[-1]), (seen[side - 1], seen[-side]))
    return any(max(pair) <= _FILL_WITHIN or min(pair) >= 255 - _FILL_WITHIN for pair in ends)
