"""Size and kind of a picture from its first 4 KiB: no pixels, no library, about five microseconds a file.

Only what is odd goes to Pillow, as sd-scripts does. Sizes are the stored ones: EXIF orientation is told, not applied.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
from typing import NamedTuple

HEAD_BYTES = 4096
NEAR_END_BYTES = 256
TAIL_BYTES = 65536
MOST_PIXELS = 178_956_970
"""Where Pillow, and so the trainer, refuses (twice its `MAX_IMAGE_PIXELS`)."""
_FORMATS = (
    "JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "PCX", "QOI",
)  # fmt: skip
"""What may be inside, whatever the name says. Formats that start other programs (EPS) are not among them."""
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_HAS_PREAD = hasattr(os, "pread")
_NO_TRAITS: tuple[str, ...] = ()


class Header(NamedTuple):
    """What a header tells. Width and height in pixels, 0 where it cannot be read."""

    width: int
    height: int
    size_bytes: int
    format: str
    problem: str = ""
    orientation: int = 1
    traits: tuple[str, ...] = _NO_TRAITS
    read_short_px: int = 0


@functools.cache
def known_formats() -> tuple[str, ...]:
    """Return which of the formats this Pillow reads: it raises KeyError for a name that it does not know."""
    from PIL import Image

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def read_header(path: str) -> Header:
    """Read the header of the file at `path`. Never raises for a bad file: `problem` says what is wrong."""
    found = _read(path)
    is_bomb = found.width * found.height > MOST_PIXELS and not found.problem
    return found._replace(problem="too-many-pixels") if is_bomb else found


def _read(path: str) -> Header:  # noqa: PLR0911 - one line for each kind of file
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        return Header(0, 0, 0, "", "broken-link" if error.errno in {errno.ENOENT, errno.ELOOP} else "unreadable")
    try:
        size = os.fstat(handle).st_size
        head = os.read(handle, HEAD_BYTES)
        if head[:2] == b"\xff\xd8":
            return _jpeg(handle, head, size)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return _png(handle, head, size)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(head, size)
        if head[:2] == b"BM":
            return _bmp(head, size)
        if head[:6] in {b"GIF87a", b"GIF89a"} and len(head) >= 10:
            width, height = struct.unpack_from("<HH", head, 6)
            return Header(width, height, size, "gif")
        return _odd(path, head, size)
    except OSError:
        return Header(0, 0, 0, "", "unreadable")
    finally:
        os.close(handle)


def _bad(size: int, kind: str, problem: str) -> Header:
    return Header(0, 0, size, kind, problem)


def _read_at(handle: int, count: int, offset: int) -> bytes:
    if _HAS_PREAD:
        return os.pread(handle, count, offset)
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, count)


def _png(handle: int, head: bytes, size: int) -> Header:
    if len(head) < 33 or head[12:16] != b"IHDR":
        return _bad(size, "png", "truncated-header")
    width, height, depth, colour = struct.unpack_from(">IIBB", head, 16)
    if width == 0 or height == 0:
        return _bad(size, "png", "not-a-picture")
    tail = head[-12:] if size <= HEAD_BYTES else _read_at(handle, 12, size - 12)
    # Anything after the end mark is allowed by every reader, so look further before calling it cut.
    if tail[4:8] != b"IEND" and b"IEND" not in _read_at(handle, TAIL_BYTES, max(0, size - TAIL_BYTES)):
        return Header(width, height, size, "png", "truncated-file")
    traits: tuple[str, ...] = _NO_TRAITS
    if colour in {4, 6}:
        traits = ("alpha",)
    elif colour == 0 and depth == 16:
        traits = ("gray-16-bit",)
    if head[37:41] == b"acTL":
        traits = (*traits, "animated")
    return Header(width, height, size, "png", "", 1, traits)


def _jpeg(handle: int, head: bytes, size: int) -> Header:
    position = 2
    orientation = 1
    while True:
        # A segment starts with 0xFF and a marker; a start-of-frame needs eight bytes more.
        if position + 10 > len(head):
            if position + 10 > size:
                return _bad(size, "jpeg", "truncated-header")
            head = _slide(handle, head, position)
            if not head:
                return _bad(size, "jpeg", "truncated-header")
        marker = head[position + 1]
        if head[position] != 0xFF:
            return _bad(size, "jpeg", "not-a-picture")
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            break
        if marker == 0xE1 and head[position + 4 : position + 8] == b"Exif":
            orientation = _exif_orientation(head[position + 10 :])
        position += 2 + (head[position + 2] << 8) + head[position + 3]
    height, width = struct.unpack_from(">HH", head, position + 5)
    if width == 0 or height == 0:
        return _bad(size, "jpeg", "not-a-picture")
    traits = ("cmyk",) if head[position + 9] == 4 else _NO_TRAITS
    problem = "" if _jpeg_ends(handle, size) else "truncated-file"
    return Header(width, height, size, "jpeg", problem, orientation, traits)


def _slide(handle: int, head: bytes, position: int) -> bytes:
    """Return `head` grown, with zeros where nothing was read, so that `position` stays valid: big EXIF or ICC blocks."""
    more = _read_at(handle, HEAD_BYTES, position)
    if len(more) < 10:
        return b""
    return head[:position].ljust(position, b"\0") + more


def _jpeg_ends(handle: int, size: int) -> bool:
    """Tell whether an end mark stands near the end: some cameras append data of their own."""
    if b"\xff\xd9" in _read_at(handle, NEAR_END_BYTES, max(0, size - NEAR_END_BYTES)):
        return True
    return b"\xff\xd9" in _read_at(handle, TAIL_BYTES, max(0, size - TAIL_BYTES))


def _exif_orientation(block: bytes) -> int:
    """Return tag 0x0112 of the first directory of a TIFF block, 1 where it is missing or damaged."""
    order = ">" if block[:2] == b"MM" else "<"
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, first)
        for index in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", block, first + 2 + 12 * index)
            if tag == 0x0112:
                return int(value) if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _webp(head: bytes, size: int) -> Header:
    if len(head) < 30:
        return _bad(size, "webp", "truncated-header")
    chunk = head[12:16]
    traits: tuple[str, ...] = _NO_TRAITS
    short = 0
    if chunk == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    elif chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        traits = ("alpha",) if bits >> 28 & 1 else traits
    elif chunk == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
        traits = tuple(name for bit, name in ((0x10, "alpha"), (0x02, "animated")) if head[20] & bit)
        short = 1
    else:
        return _bad(size, "webp", "not-a-picture")
    if width == 0 or height == 0:
        return _bad(size, "webp", "not-a-picture")
    (riff,) = struct.unpack_from("<I", head, 4)
    return Header(width, height, size, "webp", "truncated-file" if size < riff + 8 else "", 1, traits, short)


def _bmp(head: bytes, size: int) -> Header:
    if len(head) < 26:
        return _bad(size, "bmp", "truncated-header")
    whole, header = struct.unpack_from("<I8xI", head, 2)
    # The oldest header (12 bytes) holds 16-bit sides; later ones 32-bit, the height negative when rows run downwards.
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", head, 18)
    height = abs(height)
    if width <= 0 or height == 0:
        return _bad(size, "bmp", "not-a-picture")
    return Header(width, height, size, "bmp", "truncated-file" if size < whole else "")


def _odd(path: str, head: bytes, size: int) -> Header:
    """Name what is no picture for certain, and ask Pillow about the rest, as sd-scripts does."""
    if not head:
        return _bad(size, "", "empty-file")
    if head.startswith(b"version https://git-lfs"):
        return _bad(size, "", "git-lfs-pointer")
    if head.lstrip()[:1] == b"<" or size < 16:
        return _bad(size, "", "not-a-picture")
    return _by_pillow(path, size)


def _by_pillow(path: str, size: int) -> Header:
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=known_formats()) as picture:
                width, height = picture.size
                kind = (picture.format or "").lower()
                mode = picture.mode
    except Image.DecompressionBombError:
        return _bad(size, "", "too-many-pixels")
    except (OSError, SyntaxError, ValueError, MemoryError):
        return _bad(size, "", "not-a-picture")
    traits = ("alpha",) if mode in {"RGBA", "LA", "PA"} else ("cmyk",) if mode == "CMYK" else _NO_TRAITS
    return Header(width, height, size, kind, "", 1, traits)
