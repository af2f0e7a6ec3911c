"""Colours: is there any, and how they lie, for telling backgrounds and light apart.

Y, Cb, Cr as in JPEG (ITU-T T.871). Distance from grey is the larger of |Cb - 128| and |Cr - 128|.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.model import LAYOUT_CELLS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GREY_CHROMA_AT_MOST: Final = 4.0
"""`chroma` up to it: a grey picture. JPEG and WebP leave 1 to 3 (docs/log.md, 2026-11-29)."""


def chroma(small: NDArray[np.uint8]) -> float:
    """Return the 99th percentile of the distance from grey in `small` (h, w, 3)."""
    import numpy as np

    blue, red = small[..., 1].astype(np.int16), small[..., 2].astype(np.int16)
    away = np.maximum(np.abs(blue - 128), np.abs(red - 128)).ravel()
    return float(np.partition(away, int(0.99 * (len(away) - 1)))[int(0.99 * (len(away) - 1))])


def layout(small: NDArray[np.uint8]) -> bytes:
    """Return mean Y, Cb, Cr of 4 x 4 cells, 48 bytes."""
    import numpy as np

    cells = LAYOUT_CELLS
    height, width = small.shape[:2]
    down = np.arange(cells) * height // cells
    across = np.arange(cells) * width // cells
    if height < cells or width < cells:
        return bytes(np.tile(small.reshape(-1, 3).mean(axis=0), (cells * cells, 1)).round().astype(np.uint8).tobytes())
    sums = np.add.reduceat(np.add.reduceat(small, down, axis=0, dtype=np.float64), across, axis=1, dtype=np.float64)
    sizes = np.outer(np.diff([*down, height]), np.diff([*across, width]))
    return bytes((sums / sizes[..., None]).round().astype(np.uint8).tobytes())
