"""The picture as a caption model gets it: first frame, upright, transparency on white, no more pixels than it will look at."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "QOI")
"""What may be inside, whatever the name says; formats that start other programs (EPS) are not among them."""
_CLEAR_MODES = frozenset(("RGBA", "LA", "PA", "La", "RGBa"))


class UnreadablePictureError(Exception):
    """The file cannot be shown to a model; the message is the reader's own."""


def on_white_square(path: Path, side_px: int) -> Image:
    """Return the picture fitted into a white square, in its middle: RGB, `side_px` wide and high.

    The taggers' own code pads first and resizes then; here it is the other way round, so that a long strip never needs the
    memory of its square.
    """
    from PIL import Image

    picture = _rgb(path, side_px)
    ratio = side_px / max(picture.size)
    width, height = (max(1, round(length * ratio)) for length in picture.size)
    square = Image.new("RGB", (side_px, side_px), (255, 255, 255))
    fitted = picture.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(fitted, ((side_px - width) // 2, (side_px - height) // 2))
    return square


def squeezed(path: Path, side_px: int) -> Image:
    """Return the picture with its sides squeezed or stretched to `side_px`: RGB."""
    from PIL import Image

    return _rgb(path, side_px).resize((side_px, side_px), Image.Resampling.BICUBIC)


def _rgb(path: Path, side_px: int) -> Image:
    """Raises UnreadablePictureError, and nothing else for a bad file."""
    from PIL import Image, ImageOps

    try:
        Image.init()
        with Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]) as picture:
            # JPEG decodes to a half, a quarter ... for next to nothing; what is left stays larger than what is looked at.
            picture.draft("RGB", (2 * side_px, 2 * side_px))
            picture.load()
            upright: Image.Image = picture
            # Damaged EXIF raises nearly everything, and says nothing about the pixels.
            with contextlib.suppress(Exception):
                upright = ImageOps.exif_transpose(picture) or picture
            return _flat(upright)
    except Exception as error:
        raise UnreadablePictureError(f"{type(error).__name__}: {error}") from error


def _flat(picture: Image) -> Image:
    """Return RGB; 16 and 32 bits of grey are scaled, where Pillow alone would turn them white."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        import numpy as np

        values = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if picture.mode.startswith("I;16") or values.max() > 255 else 255.0
        return Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in _CLEAR_MODES or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    return picture.convert("RGB")
