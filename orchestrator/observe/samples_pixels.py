"""What sample pictures look like, in a few numbers each, and which training picture each comes nearest to.

Pixels are looked at once, made small, and thrown away. Sizes and numbers are bounded: a file that is large, torn or no picture costs
a note and nothing else.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from orchestrator.core.observation import SamplePixels, SampleReading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

T = TypeVar("T")
MOST_SAMPLES: Final = 240
MOST_PICTURES: Final = 600
"""Samples and training pictures that are looked at; of more, evenly chosen ones, the first and the last among them."""
MOST_BYTES: Final = 64 * 1024**2
MOST_PIXELS: Final = 64_000_000
"""Of one file. A sample is never that large; a hostile file may say so."""
PIXEL_BUDGET: Final = 1_500_000_000
"""Of all files together, as their headers say; JPEG files are decoded at a fraction of their size."""
LAYOUT, PATCH, BINS = 16, 32, 32
"""Sides of the colour layout and of the grey patch that is compared, and bins of the brightness histogram."""
WORK_SIDE: Final = 256
"""Statistics are taken at no more than this many pixels on the longer side."""
LOW, HIGH = 2, 253
"""A channel at or beyond one of these, of 0 ... 255, is clipped."""


@dataclass(slots=True)
class _Purse:
    """Pixels that may still be decoded."""

    left: int


@dataclass(frozen=True, slots=True)
class _Patches:
    """Grey patches of P pictures, each without mean and of length 1."""

    values: Floats
    """(P, PATCH * PATCH)"""
    hashes: NDArray[np.bool_]
    """(P, 64)"""


def read_samples(
    samples: Mapping[str, Path], pictures: Sequence[Path], name_of: Callable[[Path], str]
) -> SampleReading:
    """Return what the samples (reported path -> file) look like, and which of `pictures` each is nearest to.

    Nothing is raised for files that cannot be read; they stand in `notes`.
    """
    import numpy as np

    notes: list[str] = []
    if not samples:
        return SampleReading()
    purse = _Purse(PIXEL_BUDGET)
    shown = _evenly(sorted(samples), MOST_SAMPLES)
    if len(shown) < len(samples):
        notes.append(f"{len(shown)} of {len(samples)} sample pictures were looked at")
    found = {name: array for name in shown if (array := _read(samples[name], name, purse, notes)) is not None}
    if not found:
        return SampleReading(notes=tuple(notes))
    trained = _training(pictures, name_of, purse, notes)
    compared, patches = list(trained), _patches(list(trained.values())) if trained else None
    own = _patches(list(found.values()))
    nearest: list[tuple[int, float, int] | None] = [None] * len(found)
    similarity = float("nan")
    if patches is not None:
        nearest = _nearest(own, patches)
        similarity = _most_alike(patches)
    rows = []
    for (name, array), near in zip(found.items(), nearest, strict=True):
        close = ("", float("nan"), 64) if near is None else (compared[near[0]], near[1], near[2])
        rows.append(_describe(name, array, *close))
    return SampleReading(
        pixels=tuple(rows),
        compared=len(compared),
        usual_similarity=similarity if np.isfinite(similarity) else None,
        notes=tuple(notes),
        usual_clipped=float(np.median([_clipped(array) for array in trained.values()])) if trained else None,
    )


def _training(
    pictures: Sequence[Path], name_of: Callable[[Path], str], purse: _Purse, notes: list[str]
) -> dict[str, NDArray[np.uint8]]:
    chosen = _evenly(list(pictures), MOST_PICTURES)
    if len(chosen) < len(pictures):
        notes.append(f"samples were compared with {len(chosen)} of {len(pictures)} training pictures")
    named = [(path, name_of(path)) for path in chosen]
    return {name: array for path, name in named if (array := _read(path, name, purse, notes)) is not None}


def _evenly(values: Sequence[T], most: int) -> list[T]:
    if len(values) <= most:
        return list(values)
    last = len(values) - 1
    return [values[round(index * last / (most - 1))] for index in range(most)]


def _read(path: Path, name: str, purse: _Purse, notes: list[str]) -> NDArray[np.uint8] | None:
    """Return a picture's pixels, uint8 (H, W, 3), at most WORK_SIDE long; None, and a note, where that cannot be."""
    import numpy as np
    from PIL import Image

    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            notes.append(f"{name}: not looked at, {size // 1024**2} MiB")
            return None
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("error")
            picture.draft("RGB", (2 * WORK_SIDE, 2 * WORK_SIDE))
            pixels = picture.width * picture.height
            if pixels > min(MOST_PIXELS, purse.left):
                notes.append(f"{name}: not looked at, {pixels / 1e6:.0f} million pixels are too many")
                return None
            purse.left -= pixels
            small = picture.convert("RGB")
        if max(small.size) > WORK_SIDE:
            small.thumbnail((WORK_SIDE, WORK_SIDE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.uint8)
    except (UserWarning, OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        notes.append(f"{name}: no readable picture ({type(error).__name__})")
        return None


def _describe(name: str, array: NDArray[np.uint8], nearest: str, score: float, distance: int) -> SamplePixels:
    import numpy as np

    values = array.astype(np.float64)
    high, low = values.max(axis=2), values.min(axis=2)
    saturation = np.where(high > 0, (high - low) / np.maximum(high, 1), 0.0)
    grey = _grey(array)
    counts, _ = np.histogram(grey.round(), bins=BINS, range=(0, 256))
    return SamplePixels(
        path=name,
        deviation=float(values.reshape(-1, 3).std(axis=0).max()),
        saturation=float(saturation.mean()),
        saturation_high=float(np.percentile(saturation, 95)),
        clipped=_clipped(array),
        brightness=tuple(float(count) / grey.size for count in counts),
        layout=_small(array, LAYOUT).tobytes(),
        nearest=nearest,
        similarity=float(score) if np.isfinite(score) else None,
        hash_distance=int(distance),
    )


def _clipped(array: NDArray[np.uint8]) -> float:
    return float(((array <= LOW) | (array >= HIGH)).mean())


def _small(array: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(array).resize((side, side), Image.Resampling.BOX), dtype=np.uint8)


def _grey(array: NDArray[np.uint8]) -> Floats:
    """Return brightness 0 ... 255 by Rec. 601, (H, W)."""
    import numpy as np

    return np.asarray(array.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))


def _patches(arrays: Sequence[NDArray[np.uint8]]) -> _Patches:
    import numpy as np
    from PIL import Image

    values, hashes = [], []
    for array in arrays:
        patch = _grey(_small(array, PATCH)).ravel()
        patch = patch - patch.mean()
        length = float(np.linalg.norm(patch))
        # A flat picture resembles nothing: it stays the zero vector.
        values.append(patch / length if length > 1 else np.zeros_like(patch))
        tiny = Image.fromarray(_grey(array).round().astype(np.uint8)).resize((9, 8), Image.Resampling.BOX)
        row = np.asarray(tiny, dtype=np.float64)
        hashes.append((row[:, 1:] > row[:, :-1]).ravel())
    return _Patches(np.array(values), np.array(hashes))


def _mirrored(patches: _Patches) -> _Patches:
    values = patches.values.reshape(-1, PATCH, PATCH)[:, :, ::-1].reshape(len(patches.values), -1)
    # Each bit says whether brightness rises to the right: mirrored it falls.
    hashes = ~patches.hashes.reshape(-1, 8, 8)[:, :, ::-1].reshape(len(patches.hashes), -1)
    return _Patches(values, hashes)


def _nearest(samples: _Patches, pictures: _Patches) -> list[tuple[int, float, int] | None]:
    """Return per sample: index of the most similar picture, either way round, correlation -1 ... 1, differing bits of 64."""
    import numpy as np

    mirror = _mirrored(pictures)
    straight, turned = samples.values @ pictures.values.T, samples.values @ mirror.values.T
    both = np.maximum(straight, turned)
    found: list[tuple[int, float, int] | None] = []
    for place, row in enumerate(both):
        best = int(row.argmax())
        other = pictures if straight[place, best] >= turned[place, best] else mirror
        bits = int((samples.hashes[place] != other.hashes[best]).sum())
        found.append((best, float(row[best]), bits))
    return found


def _most_alike(pictures: _Patches) -> float:
    """Return how alike a training picture is to the one most like it: median over pictures; NaN for fewer than two."""
    import numpy as np

    if len(pictures.values) < 2:
        return float("nan")
    both = np.maximum(pictures.values @ pictures.values.T, pictures.values @ _mirrored(pictures).values.T)
    np.fill_diagonal(both, -1.0)
    return float(np.median(both.max(axis=1)))
