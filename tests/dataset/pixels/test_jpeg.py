from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from orchestrator.dataset.pixels.decode import Decoded, decode_bytes


def _jpeg(picture: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


OPTIONS: list[dict[str, object]] = [
    {"quality": 6}, {"quality": 90, "optimize": True}, {"quality": 96, "subsampling": 0}, {"quality": 85, "subsampling": 1},
    {"progressive": True}, {"restart_marker_rows": 1},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("only_grey", [False, True])
def test_sound_files_are_sound(scene: Image.Image, options: dict[str, object], only_grey: bool) -> None:
    for picture in (
        scene,
        scene.convert("L"),
        scene.convert("CMYK"),
        scene.resize((17, 9)),
        Image.new("RGB", (64, 64)),
    ):
        for tail in (b"", b"\0" * 50, b"more \xff\xd9 after the end" * 400):
            found = decode_bytes(_jpeg(picture, **options) + tail, Decoded(), only_grey=only_grey)
            assert (found.problem, found.reason) == ("", "")


def test_the_pixels_are_those_of_the_whole_file(scene: Image.Image) -> None:
    raw = _jpeg(scene, quality=90)
    found = decode_bytes(raw, Decoded())
    plain = Image.open(io.BytesIO(raw))
    plain.draft("YCbCr", None)
    np.testing.assert_array_equal(found.grey, np.asarray(plain.getchannel(0)))


def test_flipped_bits_are_seen(scene: Image.Image) -> None:
    rng = np.random.default_rng(5)
    raw = _jpeg(scene, quality=85)
    seen = 0
    for _ in range(40):
        damaged = bytearray(raw)
        for place in rng.integers(len(raw) // 3, len(raw) - 2, 24):
            damaged[int(place)] ^= 0x5A
        found = decode_bytes(bytes(damaged), Decoded())
        seen += found.problem == "damaged-data"
        assert found.problem in {"", "damaged-data"}
    assert seen >= 37


def test_a_mark_inside_the_data_is_damage(scene: Image.Image) -> None:
    raw = _jpeg(scene, quality=85, progressive=False)
    middle = len(raw) * 2 // 3
    damaged = raw[:middle] + b"\xff\x5a" + raw[middle + 2 :]
    assert decode_bytes(damaged, Decoded()).problem == "damaged-data"


def test_missing_rows_are_seen(scene: Image.Image) -> None:
    """A file whose data ends early but which has its end mark: readers fill the rest with grey."""
    raw = _jpeg(scene, quality=85)
    assert decode_bytes(raw[: len(raw) * 2 // 3] + b"\xff\xd9", Decoded()).problem == "damaged-data"
    assert decode_bytes(raw[: len(raw) * 2 // 3], Decoded()).problem == "truncated-file"
