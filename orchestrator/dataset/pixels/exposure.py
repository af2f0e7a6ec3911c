"""Tones: too dark, too light, little contrast. From the histogram of the reduced picture, so that grain does not count.

A night picture has lights in it and a white studio has dark hair and outlines: both are legal. Too dark means that 95 % of the picture, its
lights included, lie low; too light means that much is clipped *and* nothing dark is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.pixels.model import PixelFacts

UNDER_P95_BELOW: Final = 42.0
"""Underexposed when `p95` is under it."""
OVER_CLIPPED_ABOVE: Final = 0.30
"""Overexposed when `clipped_share` is over it ..."""
OVER_P01_ABOVE: Final = 115.0
"""... and `p01` over this one. All three: docs/log.md, 2026-11-29."""
FLAT_CONTRAST_BELOW: Final = 4.0
"""`contrast` under it: a field of one colour, of which nothing else can be said."""
_CLIPPED = 250


def exposure(small_grey: NDArray[np.uint8]) -> dict[str, float]:
    """Return the tone facts of `PixelFacts` by name."""
    import numpy as np

    counts = np.bincount(small_grey.ravel(), minlength=256)
    shares = counts / counts.sum()
    below = np.cumsum(shares)
    levels = np.arange(256)
    mean = float((shares * levels).sum())
    tones = {name: float(np.searchsorted(below, q)) for name, q in (("p01", 0.005), ("p50", 0.5), ("p95", 0.95))}
    return {
        **tones,
        "clipped_share": float(shares[_CLIPPED + 1 :].sum()),
        "contrast": float(np.sqrt((shares * (levels - mean) ** 2).sum())),
    }


def is_flat(facts: PixelFacts) -> bool:
    """Return whether the picture is a field of one colour, of which nothing else can be said."""
    return facts.contrast is not None and facts.contrast < FLAT_CONTRAST_BELOW
