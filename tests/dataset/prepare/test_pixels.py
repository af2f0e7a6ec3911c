"""What is written anew: it must show what a viewer shows, in the numbers that the trainer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from orchestrator.dataset.pixels.decode import PROBLEMS
from orchestrator.dataset.prepare import usable
from tests.dataset.pixels.conftest import draw_scene
from tests.dataset.prepare.conftest import Set, codes, picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def _pixels(path: Path) -> NDArray[np.int16]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert "icc_profile" not in image.info
        return np.asarray(image.convert("RGB"), np.int16)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_pictures_stand_upright(pictures: Set, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    draw_scene(1).save(pictures.old / "a.png", exif=exif)
    told = pictures.prepare()
    assert codes(told, "a.png") == ["exif-orientation"]
    with Image.open(pictures.old / "a.png") as old:
        upright = np.asarray(ImageOps.exif_transpose(old), np.int16)
    assert (_pixels(pictures.new / "a.png") == upright).all()
    with Image.open(pictures.new / "a.png") as new:
        assert new.getexif().get(0x0112, 1) == 1


def test_transparency_is_laid_on_white(pictures: Set) -> None:
    hidden = np.zeros((300, 240, 4), np.uint8)
    hidden[..., 0] = 200
    hidden[:150, :, 3] = 255
    hidden[150:160, :, 3] = 128
    Image.fromarray(hidden).save(pictures.old / "a.png")
    assert codes(pictures.prepare(), "a.png") == ["alpha-flattened"]
    pixels = _pixels(pictures.new / "a.png")
    assert (pixels[:150] == (200, 0, 0)).all()
    assert (pixels[160:] == 255).all()
    assert abs(pixels[155, 0] - (227, 127, 127)).max() <= 1


def test_opaque_alpha_is_no_reason_to_write(pictures: Set) -> None:
    draw_scene(1).convert("RGBA").save(pictures.old / "a.png")
    assert picture(pictures.prepare(), "a.png")["decision"] == "copied"


def test_sixteen_bits_keep_their_whole_range(pictures: Set) -> None:
    grey = np.linspace(0, 65535, 240 * 300).reshape(300, 240).astype(np.uint16)
    Image.fromarray(grey).save(pictures.old / "a.png")
    assert codes(pictures.prepare(), "a.png") == ["sixteen-bit"]
    assert abs(_pixels(pictures.new / "a.png")[..., 0] - grey / 257.0).max() <= 0.5


def test_of_an_animation_the_first_frame(pictures: Set) -> None:
    frames = [draw_scene(seed) for seed in (1, 2, 3)]
    frames[0].save(pictures.old / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(pictures.old / "b.webp", save_all=True, append_images=frames[1:], lossless=True)
    told = pictures.prepare(keep_copies=True)
    for name in ("a.png", "b.webp"):
        assert codes(told, name) == ["first-frame"]
        assert (_pixels(pictures.new / name.replace(".webp", ".png")) == np.asarray(frames[0], np.int16)).all()


def test_cmyk_looks_as_before(pictures: Set) -> None:
    draw_scene(1).convert("CMYK").save(pictures.old / "a.jpg", quality=95)
    assert codes(pictures.prepare(), "a.jpg") == ["cmyk"]
    assert np.abs(_pixels(pictures.new / "a.png") - np.asarray(draw_scene(1), np.int16)).mean() < 6


def _wide_gamut() -> bytes:
    """Return a profile whose red and green are exchanged: nobody could take it for sRGB."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = raw.index(b"rXYZ"), raw.index(b"gXYZ")
    raw[red : red + 4], raw[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(raw)


def test_colour_profiles_are_applied_where_they_matter(pictures: Set) -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    draw_scene(1).save(pictures.old / "srgb.png", icc_profile=plain)
    draw_scene(2).save(pictures.old / "wide.png", icc_profile=_wide_gamut())
    draw_scene(3).save(pictures.old / "broken.png", icc_profile=b"not a profile at all")
    told = pictures.prepare()
    assert (codes(told, "srgb.png"), codes(told, "broken.png")) == ([], [])
    assert codes(told, "wide.png") == ["colour-profile"]
    # Red and green exchanged, as the profile says.
    old = np.asarray(draw_scene(2), np.int16)
    assert np.abs(_pixels(pictures.new / "wide.png") - old[..., [1, 0, 2]]).mean() < 2


def test_every_problem_of_a_file_has_words() -> None:
    assert set(usable.PROBLEMS) == set(PROBLEMS)
