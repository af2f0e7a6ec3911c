"""Open one file, whatever it is, and hand out its pixels once: full grey, small colours. A problem word, never an exception."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final, cast

from orchestrator.dataset.header import MOST_PIXELS, known_formats
from orchestrator.dataset.pixels.jpeg import JpegStream
from orchestrator.dataset.pixels.quiet import quiet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

PROBLEMS: Final = (
    "broken-link", "not-a-file", "unreadable", "empty-file", "git-lfs-pointer", "not-a-picture", "truncated-file",
    "damaged-data", "too-many-pixels", "too-many-bytes", "out-of-memory",
)  # fmt: skip
"""Words of `PixelFacts.problem`; the first ones are those of `Picture.problem`. `damaged-data` decodes, with rubbish in it."""
MOST_BYTES: Final = 1 << 30
"""No picture of that many pixels is larger; what is gets hashed, not held in memory."""
BIG_PIXELS: Final = 24_000_000
"""From here on pictures are decoded one at a time, whatever the number of threads, and looked at in half their size."""
SMALL_SIDE: Final = 160
"""The small colours have a shorter side of this to twice this, unless the picture is smaller."""
OPAQUE: Final = 250
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_ORIENTATION: Final = 0x0112
_BLOCK: Final = 1 << 20
_big = threading.Lock()


@dataclass(slots=True)
class Decoded:
    """One picture in memory. Arrays are uint8."""

    digest: bytes = b""
    size_bytes: int = 0
    problem: str = ""
    reason: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    frames: int = 1
    is_deep_grey: bool = False
    grey: NDArray[np.uint8] | None = None
    """(height, width) / `scale`: luma of the colours as the trainer takes them, alpha dropped; deep grey brought to 8 bits."""
    scale: int = 1
    """By how much `grey` is smaller than the picture: 1, or more for huge JPEG and where a fingerprint is all that is wanted."""
    small: NDArray[np.uint8] | None = None
    """(h, w, 3): Y, Cb, Cr, each pixel the mean of a square of `factor` x `factor` of `grey`. None where not wanted."""
    factor: int = 1
    small_grey: NDArray[np.uint8] | None = None
    """(h, w): its Y."""
    alpha: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """`alpha_share`, `hidden_difference`, `hidden_spread` of `PixelFacts`."""


def decode(path: str, *, only_grey: bool = False) -> Decoded:
    """Read and decode the file at `path`. `only_grey`: small grey is enough, which is cheaper for JPEG."""
    found, raw = read_file(path)
    return found if raw is None else decode_bytes(raw, found, only_grey=only_grey)


def read_file(path: str) -> tuple[Decoded, bytes | None]:
    """Read the file at `path` whole, hashed. No bytes where there is nothing to decode: `problem` says why."""
    found = Decoded()
    raw = _read(path, found)
    if raw is None:
        return found, None
    found.digest = hashlib.sha256(raw).digest()
    found.problem = _no_picture(raw)
    return found, None if found.problem else raw


def _hash_rest(handle: int) -> bytes:
    digest = hashlib.sha256()
    while block := os.read(handle, _BLOCK):
        digest.update(block)
    return digest.digest()


def _read(path: str, found: Decoded) -> bytes | None:
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        is_link = isinstance(error, OSError) and error.errno in {errno.ENOENT, errno.ELOOP}
        found.problem, found.reason = "broken-link" if is_link else "unreadable", str(error)
        return None
    try:
        status = os.fstat(handle)
        found.size_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            found.problem = "not-a-file"
            return None
        if status.st_size > MOST_BYTES:
            found.problem, found.reason = "too-many-bytes", f"{status.st_size} bytes; at most {MOST_BYTES} are read"
            found.digest = _hash_rest(handle)
            return None
        with open(handle, "rb", closefd=False, buffering=0) as file:
            return file.read()
    except MemoryError:
        found.problem = "out-of-memory"
    except OSError as error:
        found.problem, found.reason = "unreadable", str(error)
    finally:
        os.close(handle)
    return None


def _no_picture(raw: bytes) -> str:
    """Return the problem of what is no picture for certain."""
    if not raw:
        return "empty-file"
    if raw.startswith(b"version https://git-lfs"):
        return "git-lfs-pointer"
    return "not-a-picture" if raw[:64].lstrip()[:1] == b"<" or len(raw) < 16 else ""


def decode_bytes(raw: bytes, found: Decoded, *, only_grey: bool = False) -> Decoded:
    """Decode the bytes of a file into `found`, and return it."""
    from PIL import Image, UnidentifiedImageError

    is_jpeg = raw[:2] == b"\xff\xd8"
    stream = JpegStream(raw) if is_jpeg else None
    try:
        with quiet(), Image.open(cast("IO[bytes]", stream or BytesIO(raw)), formats=known_formats()) as picture:
            _take_header(picture, found)
            pixels = found.width * found.height
            if pixels > MOST_PIXELS:
                found.problem, found.reason = (
                    "too-many-pixels",
                    f"{pixels} pixels; the trainer refuses more than {MOST_PIXELS}",
                )
                return found
            with _big if pixels > BIG_PIXELS else contextlib.nullcontext():
                _take_pixels(picture, found, only_grey=only_grey)
                _take_orientation(picture, found)
    except Image.DecompressionBombError as error:
        found.problem, found.reason = "too-many-pixels", str(error)
    except UnidentifiedImageError:
        found.problem = "not-a-picture"
    except MemoryError:
        found.problem = "out-of-memory"
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise nearly everything on damaged files: struct.error, IndexError ...
        # Where the end mark is there readers fill what is missing with grey: nothing dies of it, so it is damage.
        is_cut = "truncated" in str(error).lower() and (stream is None or not stream.has_end)
        found.problem = "truncated-file" if is_cut else "damaged-data" if found.width else "not-a-picture"
        found.reason = f"{type(error).__name__}: {error}"
    else:
        if stream is not None and stream.is_damaged:
            found.problem, found.reason = "damaged-data", "the compressed data does not fit the picture"
    if found.problem:
        found.grey = found.small = found.small_grey = None
    return found


def _take_header(picture: Image.Image, found: Decoded) -> None:
    found.width, found.height = picture.size
    found.mode = picture.mode
    found.format = (picture.format or "").lower()
    found.is_deep_grey = picture.mode.startswith("I") or picture.mode == "F"
    found.frames = int(getattr(picture, "n_frames", 1))


def _take_orientation(picture: Image.Image, found: Decoded) -> None:
    """Asked after the pixels: PNG may have EXIF behind them, and Pillow would decode here and hide what it stumbles on."""
    # Damaged EXIF makes Pillow raise nearly everything; the trainer does not look at it.
    with contextlib.suppress(Exception):
        turned = picture.getexif().get(_ORIENTATION, 1)
        found.orientation = turned if isinstance(turned, int) and 1 <= turned <= 8 else 1


def _take_pixels(picture: Image.Image, found: Decoded, *, only_grey: bool) -> None:
    """Decode, once. JPEG stays in its own colours, Y, Cb, Cr: what others convert to and back is what we want."""
    import numpy as np

    side = min(picture.size)
    if found.format in {"jpeg", "mpo"} and picture.mode in {"RGB", "L"}:
        wanted = picture.size
        if only_grey:
            wanted = (max(1, picture.width * SMALL_SIDE // side), max(1, picture.height * SMALL_SIDE // side))
        elif picture.width * picture.height > BIG_PIXELS:
            wanted = (picture.width // 2, picture.height // 2)
        picture.draft("L" if only_grey or picture.mode == "L" else "YCbCr", wanted)
        found.scale = max(1, round(found.width / picture.width))
        picture.load()
        image: Image.Image = picture
    else:
        picture.load()
        image = _as_trained(picture, found)
        if picture.width * picture.height > BIG_PIXELS:
            found.scale = 2
            image = image.reduce(2)
    if only_grey and image.mode != "L":
        image = image.convert("L")
    found.factor = factor = max(1, min(image.size) // SMALL_SIDE)
    if image.mode == "L":
        grey = image
        reduced = grey.reduce(factor) if factor > 1 else grey
        found.small_grey = np.asarray(reduced)
        if not only_grey:
            found.small = np.stack((found.small_grey, *[np.full_like(found.small_grey, 128)] * 2), axis=-1)
    else:
        grey = image.getchannel(0) if image.mode == "YCbCr" else image.convert("L")
        reduced = image.reduce(factor) if factor > 1 else image
        found.small = np.asarray(reduced if reduced.mode == "YCbCr" else reduced.convert("YCbCr"))
        found.small_grey = np.ascontiguousarray(found.small[..., 0])
    found.grey = np.asarray(grey)


def _as_trained(picture: Image.Image, found: Decoded) -> Image.Image:
    """Return the picture in RGB or L as the trainer sees it: alpha dropped. Deep grey is scaled, or nothing could be measured."""
    import numpy as np
    from PIL import Image

    if found.is_deep_grey:
        values = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if picture.mode.startswith("I;16") or values.max() > 255 else 255.0
        return Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8))
    if picture.mode == "L":
        return picture
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        trained = clear.convert("RGB")
        found.alpha = _alpha_facts(np.asarray(clear.getchannel(3)), trained)
        return trained
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy it


def _alpha_facts(alpha: NDArray[np.uint8], trained: Image.Image) -> tuple[float, float, float]:
    import numpy as np

    share = float((alpha < OPAQUE).mean())
    is_hidden = alpha < 128
    if not is_hidden.any():
        return share, 0.0, 0.0
    hidden = np.asarray(trained)[is_hidden]
    return share, float(255 - hidden.mean()), float(hidden.mean(axis=1).std())
