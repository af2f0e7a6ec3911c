from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from orchestrator.observe import samples_pixels
from orchestrator.observe.read import read_run
from orchestrator.observe.samples_pixels import read_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.observation import SampleReading


def _scene(seed: int, side: int = 96) -> Image.Image:
    """Smooth coloured blobs: different seeds have nothing in common."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def _read(samples: Mapping[str, Path], pictures: Sequence[Path] = ()) -> SampleReading:
    return read_samples(samples, pictures, lambda path: path.name)


def _saved(picture: Image.Image, path: Path) -> Path:
    picture.save(path)
    return path


def test_numbers_of_plain_pictures_are_what_they_must_be(tmp_path: Path) -> None:
    red = _saved(Image.new("RGB", (64, 64), (255, 0, 0)), tmp_path / "red.png")
    grey = _saved(Image.new("RGB", (64, 64), (128, 128, 128)), tmp_path / "grey.png")
    by_path = {one.path: one for one in _read({"red": red, "grey": grey}).pixels}
    assert (by_path["red"].saturation, by_path["red"].clipped, by_path["red"].deviation) == (1.0, 1.0, 0.0)
    assert (by_path["grey"].saturation, by_path["grey"].clipped) == (0.0, 0.0)
    assert by_path["grey"].brightness[16] == 1.0
    assert by_path["red"].layout == bytes((255, 0, 0)) * 256


def test_a_copy_is_found_also_mirrored_and_made_small(tmp_path: Path) -> None:
    pictures = [_saved(_scene(seed), tmp_path / f"p{seed}.png") for seed in range(5)]
    turned = _saved(ImageOps.mirror(_scene(3)).resize((64, 64)), tmp_path / "s0.png")
    fresh = _saved(_scene(99), tmp_path / "s1.png")
    found = _read({"a": turned, "b": fresh}, pictures)
    assert found.compared == 5
    assert found.pixels[0].nearest == "p3.png"
    assert (found.pixels[0].similarity or 0) > 0.97
    assert found.pixels[0].hash_distance <= 6
    assert (found.pixels[1].similarity or 0) < 0.8
    assert (found.usual_similarity or 0) < 0.8


def test_a_flat_sample_resembles_nothing(tmp_path: Path) -> None:
    pictures = [_saved(_scene(seed), tmp_path / f"p{seed}.png") for seed in range(3)]
    black = _saved(Image.new("RGB", (64, 64)), tmp_path / "s.png")
    assert _read({"a": black}, pictures).pixels[0].similarity == 0.0


def test_hostile_files_cost_a_note_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = _saved(_scene(1), tmp_path / "fine.png")
    torn = tmp_path / "torn.png"
    torn.write_bytes(fine.read_bytes()[:200])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    large = _saved(Image.new("1", (4000, 4000)), tmp_path / "large.png")
    monkeypatch.setattr(samples_pixels, "MOST_PIXELS", 1_000_000)
    given = {"fine": fine, "torn": torn, "text": text, "large": large, "gone": tmp_path / "gone.png"}
    found = _read(given, [text, fine])
    assert [one.path for one in found.pixels] == ["fine"]
    assert found.compared == 1
    assert len(found.notes) == 5
    assert all("/" not in note for note in found.notes)


def test_a_decompression_bomb_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = _saved(Image.new("1", (3000, 3000)), tmp_path / "s.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "Bomb" in _read({"a": bomb}).notes[0]


def test_the_number_of_files_and_pixels_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _saved(_scene(1), tmp_path / "s.png")
    monkeypatch.setattr(samples_pixels, "MOST_SAMPLES", 3)
    monkeypatch.setattr(samples_pixels, "MOST_PICTURES", 2)
    found = _read({f"{index:02d}": path for index in range(9)}, [path] * 5)
    assert [one.path for one in found.pixels] == ["00", "04", "08"]
    assert found.notes[0] == "3 of 9 sample pictures were looked at"
    monkeypatch.setattr(samples_pixels, "PIXEL_BUDGET", 96 * 96)
    assert len(_read({"a": path, "b": path}).pixels) == 1


def test_a_run_folder_is_read_with_its_training_pictures(tmp_path: Path) -> None:
    data, drawn = tmp_path / "data" / "10_alice girl", tmp_path / "attempts" / "001" / "output" / "sample"
    data.mkdir(parents=True)
    drawn.mkdir(parents=True)
    _saved(_scene(4), data / "001.png")
    _saved(_scene(5), data / "002.png")
    _saved(_scene(4), drawn / "a_e000000_00_20261121061908_1.png")
    (drawn / "a_e000001_00_20261121061908_1.png").write_bytes(b"\x89PNG torn")
    seen = read_run(tmp_path)
    assert [one.nearest for one in seen.sample_reading.pixels] == ["data/10_alice girl/001.png"]
    assert any("a_e000001_00" in note and "no readable picture" in note for note in seen.damage)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_pictures_of_every_kind_are_read(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    picture = Image.new(mode, (64, 64)) if mode == "I;16" else _scene(1).convert(mode)
    assert len(_read({"a": _saved(picture, tmp_path / f"s.{suffix}")}).pixels) == 1
