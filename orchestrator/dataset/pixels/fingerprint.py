"""The picture in 48 x 48 grey pixels, letterbox trimmed: what near duplicates are found by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.dataset.pixels.borders import letterbox
from orchestrator.dataset.pixels.model import FINGERPRINT_SIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fingerprint(
    small_grey: NDArray[np.uint8], bars: tuple[int, int, int, int], level: float | None, size: tuple[int, int]
) -> bytes:
    """Return row by row what is left of `small_grey` within the bars. `size`: (width, height) that `bars` were counted in."""
    from PIL import Image

    width, height = size
    left, top, right, bottom = letterbox(bars, level, width, height)
    across, down = small_grey.shape[1] / width, small_grey.shape[0] / height
    box = (left * across, top * down, (width - right) * across, (height - bottom) * down)
    side = (FINGERPRINT_SIDE, FINGERPRINT_SIDE)
    return Image.fromarray(small_grey).resize(side, Image.Resampling.BOX, box=box).tobytes()
