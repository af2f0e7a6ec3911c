"""Headers against Pillow, which decodes them for a living, and against imagesize, which the trainer asks."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import imagesize
import pytest
from PIL import Image

from orchestrator.dataset.header import read_header
from orchestrator.dataset.model import Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "png": ("RGB", {}, "png"),
    "png alpha": ("RGBA", {}, "png"),
    "png palette": ("P", {}, "png"),
    "png 16 bit": ("I;16", {}, "png"),
    "jpeg": ("RGB", {}, "jpeg"),
    "jpeg progressive": ("RGB", {"progressive": True}, "jpeg"),
    "jpeg grey": ("L", {}, "jpeg"),
    "jpeg cmyk": ("CMYK", {}, "jpeg"),
    "jpeg big profile": ("RGB", {"icc_profile": b"\0" * 200_000}, "jpeg"),
    "webp": ("RGB", {"quality": 60}, "webp"),
    "webp lossless": ("RGB", {"lossless": True}, "webp"),
    "webp lossless alpha": ("RGBA", {"lossless": True}, "webp"),
    "webp alpha": ("RGBA", {"quality": 60}, "webp"),
    "webp exif": ("RGB", {"quality": 60, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, "webp"),
    "bmp": ("RGB", {}, "bmp"),
    "gif": ("P", {}, "gif"),
    "tiff": ("RGB", {}, "tiff"),
}


def _save(path: Path, mode: str, size: tuple[int, int], kind: str, options: dict[str, Any]) -> None:
    Image.new(mode, size).save(path, kind, **options)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (640, 427), (33, 1024)])
def test_size_is_what_pillow_says(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    mode, options, kind = KINDS[name]
    path = tmp_path / "picture"
    _save(path, mode, size, kind, options)
    header = read_header(str(path))
    assert (header.width, header.height, header.format, header.problem) == (*size, kind, "")
    assert header.size_bytes == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("png alpha", ("alpha",)), ("png 16 bit", ("gray-16-bit",)), ("jpeg cmyk", ("cmyk",)), ("webp alpha", ("alpha",)),
        ("webp lossless alpha", ("alpha",)), ("png", ()), ("jpeg", ()), ("webp", ()),
    ],
)  # fmt: skip
def test_header_tells_traits(tmp_path: Path, name: str, traits: tuple[str, ...]) -> None:
    mode, options, kind = KINDS[name]
    path = tmp_path / "picture"
    picture = Image.new(mode, (32, 32))
    if mode == "RGBA":
        picture.putpixel((0, 0), (1, 2, 3, 4))
    picture.save(path, kind, **options)
    assert read_header(str(path)).traits == traits


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_animation_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    assert "animated" in read_header(str(path)).traits


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_told_and_not_applied(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "picture.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    header = read_header(str(path))
    assert (header.width, header.height, header.orientation) == (40, 30, orientation)


def _imagesize_1_4_1_vp8x(raw: bytes) -> tuple[int, int]:
    """The two lines of imagesize 1.4.1 that read an extended WebP header: they forget that it holds size minus one."""
    return struct.unpack("<I", raw[24:27] + b"\0")[0], struct.unpack("<I", raw[27:30] + b"\0")[0]


@pytest.mark.parametrize("name", ["webp alpha", "webp exif"])
def test_extended_webp_is_seen_one_pixel_small(tmp_path: Path, name: str) -> None:
    mode, options, kind = KINDS[name]
    path = tmp_path / "picture"
    picture = Image.new(mode, (384, 512))
    if mode == "RGBA":
        picture.putpixel((0, 0), (1, 2, 3, 4))
    picture.save(path, kind, **options)
    header = read_header(str(path))
    seen = Picture(path, *header[:6], read_short_px=header.read_short_px).size_seen_by_sd_scripts
    assert seen == _imagesize_1_4_1_vp8x(path.read_bytes()) == (383, 511)


@pytest.mark.parametrize("name", ["png", "jpeg", "jpeg progressive", "webp", "webp lossless"])
def test_other_kinds_are_seen_as_imagesize_sees_them(tmp_path: Path, name: str) -> None:
    mode, options, kind = KINDS[name]
    path = tmp_path / "picture"
    _save(path, mode, (384, 512), kind, options)
    header = read_header(str(path))
    assert Picture(path, *header[:6]).size_seen_by_sd_scripts == imagesize.get(path)


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(buffer, "jpeg")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "empty-file"),
        (b"<!DOCTYPE html><html>not found</html>", "not-a-picture"),
        (b"  \n<html></html>", "not-a-picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n", "git-lfs-pointer"),
        (b"just some words, long enough to be looked at", "not-a-picture"),
        (_jpeg()[:60], "truncated-header"),
        (b"\xff\xd8\xff", "truncated-header"),
        (_jpeg()[:-800], "truncated-file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "truncated-header"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "truncated-header"),
        (b"BM\0\0", "truncated-header"),
        (b"\xff\xd8\x00\x00" + b"\0" * 40, "not-a-picture"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, raw: bytes, problem: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(raw)
    assert read_header(str(path)).problem == problem


@pytest.mark.parametrize("kind", ["png", "webp", "bmp", "jpeg"])
def test_cut_files_are_told_and_whole_ones_are_not(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    Image.effect_noise((300, 300), 90).convert("RGB").save(path, kind)
    raw = path.read_bytes()
    assert read_header(str(path)).problem == ""
    path.write_bytes(raw + b"\0" * 300)  # cameras append data of their own
    assert read_header(str(path)).problem == ""
    path.write_bytes(raw[: len(raw) * 2 // 3])
    assert read_header(str(path)).problem == "truncated-file"


def test_missing_file_is_a_broken_link(tmp_path: Path) -> None:
    assert read_header(str(tmp_path / "nothing.png")).problem == "broken-link"


def test_zero_size_is_no_picture(tmp_path: Path, png: Callable[..., bytes]) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(png(0, 10))
    assert read_header(str(path)).problem == "not-a-picture"
