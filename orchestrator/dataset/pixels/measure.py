"""One file to all its facts: decode once, measure everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.dataset.pixels.background import background
from orchestrator.dataset.pixels.borders import bars
from orchestrator.dataset.pixels.colour import chroma, layout
from orchestrator.dataset.pixels.compression import blockiness
from orchestrator.dataset.pixels.decode import Decoded, decode_bytes, read_file
from orchestrator.dataset.pixels.exposure import exposure
from orchestrator.dataset.pixels.faces import faces_in
from orchestrator.dataset.pixels.fingerprint import fingerprint
from orchestrator.dataset.pixels.model import FACES, FINGERPRINT, WHOLE, PixelFacts
from orchestrator.dataset.pixels.overlay import overlays
from orchestrator.dataset.pixels.sharpness import sharpness

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def measure(path: str, *, depth: int = WHOLE, known: Callable[[bytes], PixelFacts | None] | None = None) -> PixelFacts:
    """Return the facts of the file at `path`, whatever it is.

    `depth`: `FINGERPRINT` is what duplicates are found by, at a fraction of the work; `FACES` needs OpenCV (faces.py). `known`: facts of the content with this digest, where
    they are kept; such files are read and not decoded.
    """
    found, raw = read_file(path)
    if known is not None and found.digest and (kept := known(found.digest)) is not None:
        return kept
    return facts_of(found if raw is None else decode_bytes(raw, found, only_grey=depth == FINGERPRINT), depth)


def facts_of(picture: Decoded, depth: int = WHOLE) -> PixelFacts:
    """Measure what was decoded; small colours are there unless only fingerprints are wanted."""
    known: dict[str, Any] = {
        "digest": picture.digest, "size_bytes": picture.size_bytes, "problem": picture.problem, "reason": picture.reason,
        "format": picture.format, "mode": picture.mode, "width": picture.width, "height": picture.height,
        "orientation": picture.orientation, "frames": picture.frames, "is_deep_grey": picture.is_deep_grey,
        "alpha_share": picture.alpha[0], "hidden_difference": picture.alpha[1], "hidden_spread": picture.alpha[2],
    }  # fmt: skip
    if picture.grey is None or picture.small_grey is None:
        return PixelFacts(**known)
    known |= _seen(picture, picture.grey, picture.small_grey)
    if depth == FACES:
        known["faces"] = faces_in(picture.grey)
    return PixelFacts(**known)


def _seen(picture: Decoded, grey: NDArray[np.uint8], small_grey: NDArray[np.uint8]) -> dict[str, Any]:
    edges, level = bars(grey, small_grey)
    shown = (grey.shape[1], grey.shape[0])
    scale = picture.scale
    known: dict[str, Any] = {
        "fingerprint": fingerprint(small_grey, edges, level, shown),
        "bars": tuple(scale * edge for edge in edges),
        "bar_level": level,
    }
    if picture.small is None:
        return known
    share, tone = background(picture.small)
    return known | exposure(small_grey) | {
        "sharpness": sharpness(grey, small_grey),
        "chroma": chroma(picture.small),
        "blockiness": blockiness(grey),
        "background_share": share,
        "background_level": tone,
        "overlays": overlays(grey),
        "layout": layout(picture.small),
    }  # fmt: skip
