"""Pictures that unpack to more than any machine holds: listed as refused from their headers, and the others go on."""

from __future__ import annotations

import io
import resource
import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.dataset.header import MOST_PIXELS
from orchestrator.dataset.pixels.decode import decode
from orchestrator.dataset.scan import scan_folder
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

SIDE = 30_000


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def saved(kind: str, **options: object) -> bytearray:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 99, 200)).save(out, kind, **options)
    return bytearray(out.getvalue())


def jpeg(side: int) -> bytes:
    raw = saved("JPEG")
    at = raw.index(b"\xff\xc0") + 5
    raw[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(raw)


def bmp(side: int) -> bytes:
    raw = saved("BMP")
    raw[18:26] = struct.pack("<ii", side, side)
    return bytes(raw)


def gif(side: int, frames: int = 1) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + bytes(6) + frame * frames + b"\x3b"


def webp(side: int) -> bytes:
    """The extended form claims up to 2^24 a side."""
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(side: int) -> bytes:
    raw = saved("TIFF")
    at = struct.unpack("<I", raw[4:8])[0]
    (count,) = struct.unpack("<H", raw[at : at + 2])
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack("<HH", raw[entry : entry + 4])
        if tag in {256, 257}:
            raw[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, side)
        assert kind
    return bytes(raw)


def large(kind: str, at: int, form: str) -> bytes:
    """A small picture of `kind` whose sides, written at a place, are made huge."""
    raw = saved(kind)
    raw[at : at + struct.calcsize(form)] = struct.pack(form, 60_000, 60_000)
    return bytes(raw)


BOMBS: dict[str, bytes] = {
    "png": png(SIDE, SIDE),
    "png of 2^31 a side": png(2**31 - 1, 2**31 - 1),
    "png whose data swells": png(SIDE, SIDE, data=zeros(64 << 20)),
    "long png": png(1, 2**31 - 1),
    "jpeg": jpeg(65_500),
    "bmp": bmp(SIDE),
    "bmp upside down": bmp(-SIDE),
    "webp": webp(2**24),
    "tiff": tiff(SIDE),
    "gif": gif(65_535),
    "ppm": b"P6 60000 60000 255\n" + bytes(64),
    "pgm": b"P5 99999 99999 255\n" + bytes(64),
    "tga": large("TGA", 12, "<HH"),
    "pcx": large("PCX", 8, "<HH"),
    "jpeg 2000": b"",
}
"""By what is inside; the name ends in .png, as the trainer takes it."""
TEXTS: dict[str, bytes] = {
    "text that swells": png(
        16, 16, chunk(b"zTXt", b"Comment\0\0" + zeros(256 << 20)), data=zlib.compress(bytes(16 * 49))
    ),
    "profile that swells": png(
        16, 16, chunk(b"iCCP", b"icc\0\0" + zeros(256 << 20)), data=zlib.compress(bytes(16 * 49))
    ),
    "ten thousand frames": gif(16, frames=10_000),
}
RELIABILITY = {
    "T09": f"{len(BOMBS)} pictures of more than {MOST_PIXELS:,} pixels by their headers, {len(TEXTS)} that swell beside the pixels: named within "
    "a second, without the memory they claim"
}


def jpeg_2000() -> bytes:
    raw = saved("JPEG2000")
    at = raw.index(b"ihdr") + 4
    raw[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    at = raw.index(b"\xff\x51") + 6  # the same again in the stream itself
    raw[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(raw)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_named_and_costs_little(images: Path, name: str) -> None:
    path = images / "bomb.png"
    path.write_bytes(BOMBS[name] or jpeg_2000())
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    (found,) = [picture for picture in scan_folder(images).pictures if picture.path == path]
    seen = decode(str(path))
    assert time.process_time() - begin < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert found.problem == ("not-a-picture" if name == "bmp upside down" else "too-many-pixels")
    assert seen.problem == "too-many-pixels"
    assert seen.grey is None


@pytest.mark.parametrize("name", TEXTS)
def test_what_swells_beside_the_pixels_is_not_unpacked(images: Path, name: str) -> None:
    path = images / "bomb.png"
    path.write_bytes(TEXTS[name])
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    scan_folder(images)
    decode(str(path))
    assert time.process_time() - begin < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


def test_the_recipe_is_refused_by_the_name_of_each_and_the_others_are_looked_at(recipe: Write, images: Path) -> None:
    path = recipe()
    for number, (name, content) in enumerate(BOMBS.items()):
        (images / f"bomb-{number}.png").write_bytes(content or jpeg_2000())
        assert name
    build, problems = look(path)
    assert build is None
    told = " ".join(problem.what.en for problem in problems)
    assert all(f"bomb-{number}.png" in told for number in range(len(BOMBS)))
    good = [picture for picture in scan_folder(images).pictures if not picture.problem]
    assert [picture.path.name for picture in good] == [f"{number}.png" for number in range(6)]


def test_formats_that_start_other_programs_are_no_pictures(images: Path) -> None:
    (images / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\nshowpage\n")
    (found,) = [picture for picture in scan_folder(images).pictures if picture.path.name == "script.png"]
    assert found.problem == "not-a-picture"
