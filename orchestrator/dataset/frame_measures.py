"""What a frame is judged by: sharpness and a fingerprint, those of pictures, so that frames and pictures are judged alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measures:
    """The functions."""

    sharpness: Callable[[Grey, Grey], float | None]
    """(grey at full size, the same reduced) -> 0 ... 1; None where there is too little to judge."""
    fingerprint: Callable[[Grey], bytes]
    """Reduced grey -> bytes, always as many, compared by correlation."""
    is_same_view: Callable[[bytes, bytes], bool] | None = None
    """Asked where the correlation says no: whether it is the same picture moved a little, which a slow pan is."""


def pixel_measures() -> Measures:
    """Return the measures of pictures."""
    from orchestrator.dataset.matches import find_matches
    from orchestrator.dataset.pixels.borders import bars
    from orchestrator.dataset.pixels.fingerprint import fingerprint
    from orchestrator.dataset.pixels.sharpness import sharpness
    from orchestrator.dataset.prints import side_by_side

    def printed(small: Grey) -> bytes:
        edges, level = bars(small, small)
        return fingerprint(small, edges, level, (small.shape[1], small.shape[0]))

    return Measures(sharpness, printed, lambda one, two: bool(find_matches(side_by_side(one + two))))


class Prints:
    """Fingerprints of the kept frames, as rows of length 1."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float32] | None = None
        self._count = 0
        self.last: bytes | None = None
        self._before: bytes | None = None

    def likeness(self, one: bytes) -> tuple[float | None, float | None]:
        """Return the correlation with the last kept one, and the highest with any."""
        if self._rows is None or not self._count:
            return None, None
        found = self._rows[: self._count] @ _unit(one)
        return float(found[-1]), float(found.max())

    def add(self, one: bytes) -> None:
        """Keep one. Room doubles, so that many frames cost no more than twice their size."""
        import numpy as np

        row = _unit(one)
        if self._rows is None:
            self._rows = np.zeros((16, len(row)), np.float32)
        elif self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._count] = row
        self._count += 1
        self._before, self.last = self.last, one

    def drop_last(self) -> None:
        """Forget the one added last, once."""
        self._count -= 1
        self.last = self._before


def _unit(one: bytes) -> NDArray[np.float32]:
    import numpy as np

    values = np.frombuffer(one, np.uint8).astype(np.float32)
    values -= values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), dtype=np.float32)
