"""The fingerprints of many pictures, side by side in one piece of memory: a hundred thousand of them as objects, and once more as an array, are twice as much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import PixelFacts

LEAST_SIDE: Final = 192
"""Pixels: icons hold too little detail to compare. Of twenty drawn ones of 128 pixels three pairs were taken for crops of each other."""
_BYTES: Final = FINGERPRINT_SIDE**2


class Prints:
    """Fingerprints by the digest of the file, of all that can be compared."""

    def __init__(self, facts: Iterable[PixelFacts] = ()) -> None:
        self._bytes = bytearray()
        self._places: dict[bytes, int] = {}
        for one in facts:
            self.add(one)

    def add(self, facts: PixelFacts) -> None:
        """Take the fingerprint of one more picture; its copies have the same, and pictures with a problem none that counts."""
        if facts.digest and facts.digest not in self._places and _can_be_compared(facts):
            self._places[facts.digest] = len(self._places)
            self._bytes += facts.fingerprint

    @property
    def digests(self) -> Sequence[bytes]:
        """Of what is here, in the order it came."""
        return tuple(self._places)

    def of(self, digest: bytes) -> bytes:
        """Return one: 48 x 48 bytes."""
        start = self._places[digest] * _BYTES
        return bytes(self._bytes[start : start + _BYTES])

    def rows(self) -> NDArray[np.uint8]:
        """Return all, (n, 48, 48), without a copy: nothing can be added while the array is held."""
        return side_by_side(self._bytes)


def side_by_side(fingerprints: bytes | bytearray) -> NDArray[np.uint8]:
    """Return fingerprints that follow each other as (n, 48, 48), without a copy."""
    import numpy as np

    return np.frombuffer(fingerprints, np.uint8).reshape(-1, FINGERPRINT_SIDE, FINGERPRINT_SIDE)


def _can_be_compared(facts: PixelFacts) -> bool:
    return facts.is_measured and not facts.problem and min(facts.width, facts.height) >= LEAST_SIDE
