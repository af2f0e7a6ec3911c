from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from orchestrator.dataset.pixels import decode as module
from orchestrator.dataset.pixels.decode import PROBLEMS, decode

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.pixels.decode import Decoded


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _decoded(tmp_path: Path, name: str, content: bytes) -> Decoded:
    path = tmp_path / name
    path.write_bytes(content)
    found = decode(str(path))
    assert found.problem in {"", *PROBLEMS}
    assert (found.grey is None) == bool(found.problem)
    return found


def test_a_sound_picture_comes_out_as_pillow_shows_it(tmp_path: Path, scene: Image.Image) -> None:
    found = _decoded(tmp_path, "a.png", _saved(scene, "PNG"))
    assert (found.problem, found.format, found.mode, found.width, found.height) == ("", "png", "RGB", 320, 400)
    assert found.grey is not None
    assert found.small is not None
    np.testing.assert_array_equal(found.grey, np.asarray(scene.convert("L")))
    assert found.small.shape == (200, 160, 3)


def test_jpeg_grey_is_the_luma_of_the_file(tmp_path: Path, scene: Image.Image) -> None:
    found = _decoded(tmp_path, "a.jpg", _saved(scene, "JPEG", quality=95))
    assert found.grey is not None
    assert abs(found.grey.astype(int) - np.asarray(scene.convert("L"), int)).mean() < 3


def test_only_grey_of_a_jpeg_is_decoded_small(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (1600, 2000), (10, 200, 30)).save(path)
    found = decode(str(path), only_grey=True)
    assert found.grey is not None
    assert found.grey.shape[0] < 1000
    assert found.small is None
    assert (found.width, found.height) == (1600, 2000)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty-file"),
        (b"<!DOCTYPE html><html><body>403 Forbidden</body></html>", "not-a-picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs-pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not-a-picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "not-a-picture"),
        (b"hello, I am no picture at all", "not-a-picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    assert _decoded(tmp_path, "a.jpg", content).problem == problem


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_file_is_a_problem(tmp_path: Path, scene: Image.Image, kind: str) -> None:
    raw = _saved(scene, kind)
    assert _decoded(tmp_path, "whole", raw).problem == ""
    cut = _decoded(tmp_path, "cut", raw[: len(raw) // 2])
    assert cut.problem in {"truncated-file", "damaged-data", "not-a-picture"}
    if kind != "WEBP":
        assert cut.problem == "truncated-file"
    assert cut.digest


def test_a_png_with_a_wrong_checksum_is_damaged(tmp_path: Path, scene: Image.Image) -> None:
    raw = bytearray(_saved(scene, "PNG"))
    raw[raw.index(b"IDAT") + 1000] ^= 0x10
    assert _decoded(tmp_path, "a.png", bytes(raw)).problem == "damaged-data"


def test_content_decides_not_the_name(tmp_path: Path, scene: Image.Image) -> None:
    assert _decoded(tmp_path, "a.jpg", _saved(scene, "PNG")).format == "png"


def test_cmyk_is_measured_in_rgb(tmp_path: Path, scene: Image.Image) -> None:
    found = _decoded(tmp_path, "a.jpg", _saved(scene.convert("CMYK"), "JPEG"))
    assert (found.problem, found.mode) == ("", "CMYK")
    assert found.grey is not None
    assert abs(found.grey.astype(int) - np.asarray(scene.convert("L"), int)).mean() < 6


def test_16_bit_grey_is_told_and_scaled(tmp_path: Path) -> None:
    deep = Image.fromarray(np.full((64, 64), 128 * 257, np.uint16))
    found = _decoded(tmp_path, "a.png", _saved(deep, "PNG"))
    assert found.is_deep_grey
    assert found.grey is not None
    assert abs(int(found.grey[0, 0]) - 128) <= 1


def test_hidden_colours_are_measured(tmp_path: Path, scene: Image.Image) -> None:
    clear = scene.copy()
    mask = Image.new("L", scene.size, 0)
    mask.paste(255, (0, 0, 160, 400))
    clear.putalpha(mask)
    found = _decoded(tmp_path, "a.png", _saved(clear, "PNG"))
    share, difference, spread = found.alpha
    assert share == pytest.approx(0.5)
    assert difference > 50
    assert spread > 20
    # What is trained are the stored colours.
    assert found.grey is not None
    np.testing.assert_array_equal(found.grey, np.asarray(scene.convert("L")))


def test_white_under_transparency_hides_nothing(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    assert _decoded(tmp_path, "a.png", _saved(clear, "PNG")).alpha == (1.0, 0.0, 0.0)


def test_palette_with_transparency_is_alpha(tmp_path: Path) -> None:
    picture = Image.new("P", (64, 64), 1)
    picture.putpalette([255, 0, 0, 0, 0, 0])
    picture.paste(0, (0, 0, 32, 64))
    found = _decoded(tmp_path, "a.png", _saved(picture, "PNG", transparency=b"\x00\xff"))
    assert (found.problem, found.mode) == ("", "P")
    assert found.alpha[0] == pytest.approx(0.5)


def test_frames_are_counted(tmp_path: Path, scene: Image.Image) -> None:
    other = Image.new("RGB", scene.size, "red")
    assert _decoded(tmp_path, "a.webp", _saved(scene, "WEBP", save_all=True, append_images=[other])).frames == 2
    assert _decoded(tmp_path, "b.webp", _saved(scene, "WEBP")).frames == 1


def test_orientation_is_told_and_not_applied(tmp_path: Path, scene: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = _decoded(tmp_path, "a.jpg", _saved(scene, "JPEG", exif=exif.tobytes()))
    assert (found.orientation, found.width, found.height) == (6, 320, 400)


def test_damaged_exif_harms_nothing(tmp_path: Path, scene: Image.Image) -> None:
    found = _decoded(tmp_path, "a.jpg", _saved(scene, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert (found.problem, found.orientation) == ("", 1)


def _huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(20_000, 15_000), (60_000, 60_000)])
def test_bombs_are_refused_by_their_header(tmp_path: Path, size: tuple[int, int]) -> None:
    found = _decoded(tmp_path, "a.png", _huge_png(*size))
    assert found.problem == "too-many-pixels"
    assert "pixels" in found.reason


def test_pillows_warning_below_its_limit_is_no_problem_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    assert _decoded(tmp_path, "a.png", _saved(Image.new("RGB", (64, 64)), "PNG")).problem == ""
    assert _decoded(tmp_path, "b.png", _saved(Image.new("RGB", (128, 64)), "PNG")).problem == "too-many-pixels"


def test_warnings_are_as_before_afterwards(tmp_path: Path, scene: Image.Image) -> None:
    before = list(warnings.filters)
    _decoded(tmp_path, "a.png", _saved(scene, "PNG"))
    assert list(warnings.filters) == before


def test_too_large_a_file_is_hashed_and_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    found = _decoded(tmp_path, "a.png", bytes(101))
    assert found.problem == "too-many-bytes"
    assert found.digest


def test_memory_that_does_not_suffice_is_a_problem(
    tmp_path: Path, scene: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "_take_pixels", fail)
    assert _decoded(tmp_path, "a.png", _saved(scene, "PNG")).problem == "out-of-memory"


def test_links_folders_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    found = {name: decode(str(tmp_path / name)).problem for name in ("loop.png", "gone.png", "folder.png", "pipe.png")}
    assert found == {
        "loop.png": "broken-link", "gone.png": "broken-link", "folder.png": "not-a-file", "pipe.png": "not-a-file",
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * 100)
    path.chmod(0)
    assert decode(str(path)).problem == "unreadable"


def test_a_name_with_a_nul_byte_is_a_problem() -> None:
    assert decode("a\0b.png").problem == "unreadable"


def test_long_and_foreign_names(tmp_path: Path, scene: Image.Image) -> None:
    raw = _saved(scene, "JPEG")
    assert _decoded(tmp_path, "須靈犀（官圖）" * 8 + ".jpg", raw).problem == ""
    assert _decoded(tmp_path, "x" * 251 + ".jpg", raw).problem == ""
    assert decode(str(tmp_path / ("x" * 300))).problem == "unreadable"


def test_random_damage_never_raises(tmp_path: Path, scene: Image.Image) -> None:
    rng = np.random.default_rng(3)
    small = scene.resize((80, 100))
    files = [_saved(small, kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")]
    for turn in range(120):
        raw = bytearray(files[turn % len(files)])
        for place in rng.integers(0, len(raw), 1 + turn // 20):
            raw[int(place)] = int(rng.integers(256))
        _decoded(tmp_path, "a", bytes(raw[: int(rng.integers(len(raw) // 2, len(raw) + 1))]))


def test_big_pictures_take_turns_and_half_size(
    tmp_path: Path, scene: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BIG_PIXELS", 1000)
    held: list[bool] = []
    take = module._take_pixels

    def watched(*args: object, **options: object) -> None:
        held.append(module._big.locked())
        take(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_take_pixels", watched)
    path = tmp_path / "a.jpg"
    path.write_bytes(_saved(scene, "JPEG"))
    threads = [threading.Thread(target=decode, args=(str(path),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held == [True, True, True]
    found = decode(str(path))
    assert found.scale == 2
    assert found.grey is not None
    assert found.grey.shape == (200, 160)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "I;16"])
def test_big_pictures_of_any_kind_are_looked_at_in_half_their_size(
    tmp_path: Path, scene: Image.Image, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    path = tmp_path / ("big.tif" if mode == "CMYK" else "big.png")
    (scene.convert("L").convert("I;16") if mode == "I;16" else scene.convert(mode)).save(path)
    whole = decode(str(path))
    monkeypatch.setattr(module, "BIG_PIXELS", 1000)
    half = decode(str(path))
    assert whole.grey is not None
    assert half.grey is not None
    assert half.small is not None
    assert (half.problem, half.width, half.height, half.scale, whole.scale) == ("", *scene.size, 2, 1)
    assert half.grey.shape == (scene.height // 2, scene.width // 2)
    assert abs(half.grey.mean() - whole.grey.mean()) < 1
