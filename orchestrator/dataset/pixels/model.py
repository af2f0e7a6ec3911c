"""What was seen in the pixels of one file: plain numbers, so that they can be kept, sent and compared."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NamedTuple

VERSION: Final = 4
"""Of the measures. A number that is computed in another way gets a new version, and kept facts of the old one are dropped."""
DIGEST_BYTES: Final = 32
LAYOUT_CELLS: Final = 4
"""The colour layout has this many cells on each side."""
FINGERPRINT_SIDE: Final = 48
LAYOUT_BYTES: Final = 3 * LAYOUT_CELLS**2
"""Three colours of each cell."""
_FINGERPRINT_BYTES: Final = FINGERPRINT_SIDE**2

FINGERPRINT, WHOLE, FACES = 0, 1, 2
"""How much was asked for: what duplicates are found by, all measures, faces too. What is kept of a deeper look serves a shallower one."""

Kind = Literal["subtitle", "watermark", "other"]


class Region(NamedTuple):
    """A line of text: its box in shares of width and height, how sure (0 ... 1), what it looks like by its place."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    kind: Kind


class Face(NamedTuple):
    """Where a face is, in shares of width and height."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """One picture file. Tones are 0 ... 255, shares 0 ... 1, sides pixels as stored (EXIF orientation not applied).

    Measures are None where they could not be taken: the file has a `problem`, the picture is too small for them, or only
    fingerprints were asked for.
    """

    digest: bytes = b""
    """SHA-256 of the file's bytes; empty where it could not be read."""
    size_bytes: int = 0
    problem: str = ""
    """Why the trainer cannot use it, or would train on damage; empty when fine. See `decode.PROBLEMS`."""
    reason: str = ""
    """What the reader said, for `problem`."""
    format: str = ""
    """`jpeg`, `png` ..., from the content and not from the name."""
    mode: str = ""
    """Pillow's word for how colours are stored: `RGB`, `L`, `CMYK`, `I;16`, `P`, `RGBA` ..."""
    width: int = 0
    height: int = 0
    orientation: int = 1
    """EXIF orientation, 1 ... 8. The trainer ignores it."""
    frames: int = 1
    """More than one: an animation or several pages; the trainer takes the first."""
    is_deep_grey: bool = False
    """16 or 32 bits of grey: converted to RGB as the trainer does it, nearly all of it turns white."""

    alpha_share: float = 0.0
    """Pixels that are not quite opaque (alpha < 250)."""
    hidden_difference: float = 0.0
    """Mean difference between the colours stored under pixels more than half transparent, which are what is trained, and
    the white that is seen there on a page."""
    hidden_spread: float = 0.0
    """Standard deviation of grey under those pixels: 0 is one plain colour, more is a picture that nobody sees."""

    sharpness: float | None = None
    """See `sharpness.py`: about 0.7 on sharp edges, 0.3 on blurred ones."""
    p01: float | None = None
    """Grey below which 0.5 % of the picture lies."""
    p50: float | None = None
    """... half of it, ..."""
    p95: float | None = None
    """... 95 %."""
    clipped_share: float | None = None
    """Grey over 250."""
    contrast: float | None = None
    """Standard deviation of grey."""
    chroma: float | None = None
    """99th percentile of the distance from grey, 0 ... 128; see `colour.py`."""
    blockiness: float | None = None
    """See `compression.py`: steps on the 8-pixel grid over steps elsewhere, about 1 without visible blocks."""
    bars: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Flat rows and columns at left, top, right, bottom, pixels."""
    bar_level: float | None = None
    """Grey of those bars."""
    background_share: float | None = None
    """Share of the picture that has the plain colour of its rim; see `background.py`."""
    background_level: float | None = None
    """Mean grey of that colour along the rim."""
    overlays: tuple[Region, ...] = ()
    """Lines of text laid over the picture, surest first; see `overlay.py`."""
    faces: tuple[Face, ...] | None = None
    """Widest first; see `faces.py`. None: nobody looked for them."""
    layout: bytes = b""
    """Mean Y, Cb, Cr of 4 x 4 cells, row by row."""
    fingerprint: bytes = b""
    """Grey, 48 x 48, row by row, bars trimmed: see `fingerprint.py`."""

    @property
    def size_upright(self) -> tuple[int, int]:
        """(width, height) as a viewer shows it, EXIF orientation applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def is_measured(self) -> bool:
        """Whether pixels were seen. Asked before the fingerprint is dropped."""
        return bool(self.fingerprint)


_BYTES: Final = ("digest", "layout", "fingerprint")
_FEW: Final = ("problem", "format", "mode")
"""Texts of which there are few: kept once, not once a picture."""
_NO_BARS: Final = (0, 0, 0, 0)
_PLAIN: Final = tuple(field.name for field in fields(PixelFacts) if field.name not in _BYTES)


def pack(facts: PixelFacts) -> tuple[str, bytes]:
    """Return `facts` as JSON and bytes, the digest left out."""
    return json.dumps([getattr(facts, name) for name in _PLAIN]), facts.layout + facts.fingerprint


def unpack(digest: bytes, text: str, blob: bytes) -> PixelFacts:
    """Undo `pack`, also where the fingerprint was left out of `blob`. Raises ValueError or TypeError for damage."""
    values: dict[str, Any] = dict(zip(_PLAIN, json.loads(text), strict=True))
    for name in _FEW:
        values[name] = sys.intern(values[name])
    values["bars"] = tuple(values["bars"]) if any(values["bars"]) else _NO_BARS
    values["overlays"] = tuple(Region(*region) for region in values["overlays"])
    if values["faces"] is not None:
        values["faces"] = tuple(Face(*face) for face in values["faces"])
    if len(blob) not in {0, LAYOUT_BYTES, LAYOUT_BYTES + _FINGERPRINT_BYTES, _FINGERPRINT_BYTES}:
        raise ValueError("neither a fingerprint nor none")
    cut = LAYOUT_BYTES if len(blob) != _FINGERPRINT_BYTES else 0
    return PixelFacts(digest=digest, layout=blob[:cut], fingerprint=blob[cut:], **values)
