"""Sharpness, tones, bars, colours, blocks, plain backgrounds: on pictures that have them and on pictures that do not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from orchestrator.dataset.pixels import background, borders, colour, compression, exposure, sharpness
from orchestrator.dataset.pixels.decode import Decoded, decode_bytes
from orchestrator.dataset.pixels.measure import facts_of, measure
from orchestrator.dataset.pixels.model import FINGERPRINT

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.pixels.model import PixelFacts

from tests.dataset.pixels.conftest import draw_scene


def _facts(picture: Image.Image, kind: str = "PNG", **options: object) -> PixelFacts:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return facts_of(decode_bytes(out.getvalue(), Decoded()))


def _with_grain(picture: Image.Image, amount: float) -> Image.Image:
    grain = np.random.default_rng(9).normal(0, amount, (picture.height, picture.width, 1))
    return Image.fromarray((np.asarray(picture, np.float32) + grain).clip(0, 255).astype(np.uint8))


def _is_blurred(picture: Image.Image) -> bool:
    found = _facts(picture).sharpness
    assert found is not None
    return found < sharpness.BLURRED_BELOW


@pytest.mark.parametrize("seed", range(4))
def test_blur_is_told_from_sharpness_with_grain_and_without(seed: int) -> None:
    sharp = draw_scene(seed, (640, 720), grain=0)
    blurred = sharp.filter(ImageFilter.GaussianBlur(4))
    for grain in (0.0, 5.0):
        assert not _is_blurred(_with_grain(sharp, grain))
        assert _is_blurred(_with_grain(blurred, grain))


def test_motion_along_one_axis_is_blur() -> None:
    sharp = np.asarray(draw_scene(2, (640, 720)), np.float32)
    moved = sum(np.roll(sharp, k, axis=1) for k in range(14)) / 14
    assert _is_blurred(Image.fromarray(np.asarray(moved).astype(np.uint8)))


def test_a_blurred_background_behind_a_sharp_figure_is_sharp() -> None:
    picture = draw_scene(3, (640, 720), grain=0).filter(ImageFilter.GaussianBlur(8))
    picture.paste(draw_scene(4, (260, 300), grain=0), (200, 300))
    assert not _is_blurred(picture)


def test_where_nothing_can_be_seen_sharpness_is_unknown() -> None:
    assert _facts(Image.new("RGB", (400, 400), (90, 120, 100))).sharpness is None
    assert _facts(draw_scene(1, (30, 400))).sharpness is None


def _is_under(facts: PixelFacts) -> bool:
    assert facts.p95 is not None
    return facts.p95 < exposure.UNDER_P95_BELOW


def _is_over(facts: PixelFacts) -> bool:
    assert facts.clipped_share is not None
    assert facts.p01 is not None
    return facts.clipped_share > exposure.OVER_CLIPPED_ABOVE and facts.p01 > exposure.OVER_P01_ABOVE


def test_exposure(scene: Image.Image) -> None:
    pixels = np.asarray(scene, np.float32)
    dark = _facts(Image.fromarray((pixels * 0.13).astype(np.uint8)))
    light = _facts(Image.fromarray((pixels * 1.9 + 116).clip(0, 255).astype(np.uint8)))
    normal = _facts(scene)
    assert (_is_under(dark), _is_over(dark)) == (True, False)
    assert (_is_under(light), _is_over(light)) == (False, True)
    assert (_is_under(normal), _is_over(normal)) == (False, False)


def test_night_and_white_studio_are_legal() -> None:
    night = Image.new("RGB", (400, 400), (10, 12, 30))
    ImageDraw.Draw(night).ellipse([150, 150, 280, 280], fill=(240, 220, 180))
    studio = Image.new("RGB", (400, 400), (254, 254, 254))
    ImageDraw.Draw(studio).rectangle([180, 100, 220, 380], fill=(40, 30, 30))
    assert not _is_under(_facts(night))
    assert not _is_over(_facts(studio))


def test_tones_are_those_of_the_histogram() -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1)))
    facts = _facts(ramp)
    assert (facts.p01, facts.p50, facts.p95) == (1, 127, 243)
    assert facts.clipped_share == pytest.approx(5 / 256)
    assert facts.contrast == pytest.approx(73.9, abs=0.1)


def test_a_field_of_one_colour_has_no_contrast() -> None:
    facts = _facts(Image.new("RGB", (300, 300), (90, 120, 100)))
    assert facts.contrast == 0
    assert facts.bars == (0, 0, 0, 0)


@pytest.mark.parametrize("level", [0, 255, 90])
def test_bars_are_counted_in_pixels(scene: Image.Image, level: int) -> None:
    framed = Image.new("RGB", (320, 480), (level, level, level))
    framed.paste(scene, (0, 40))
    for facts, slack in ((_facts(framed), 0), (_facts(framed, "JPEG", quality=90), 8)):
        left, top, right, bottom = facts.bars
        assert (left, right) == (0, 0)
        assert 40 - slack <= top <= 40
        assert 40 - slack <= bottom <= 40
        assert facts.bar_level == pytest.approx(level, abs=2)
        assert borders.letterbox(facts.bars, facts.bar_level, 320, 480) == facts.bars


def test_one_flat_edge_is_no_letterbox(scene: Image.Image) -> None:
    ground = scene.copy()
    ground.paste((30, 30, 30), (0, 360, 320, 400))
    facts = _facts(ground)
    assert facts.bars[3] == 40
    assert borders.letterbox(facts.bars, facts.bar_level, 320, 400) == (0, 0, 0, 0)


def test_a_picture_to_its_edges_has_no_bars(scene: Image.Image) -> None:
    facts = _facts(scene)
    assert (facts.bars, facts.bar_level) == ((0, 0, 0, 0), None)


def test_grey_is_told_from_colour(scene: Image.Image) -> None:
    limit = colour.GREY_CHROMA_AT_MOST
    grey = scene.convert("L")
    for facts in (_facts(grey), _facts(grey.convert("RGB")), _facts(grey.convert("RGB"), "JPEG", quality=75)):
        assert facts.chroma is not None
        assert facts.chroma <= limit
    coloured = _facts(scene).chroma
    assert coloured is not None
    assert coloured > limit


def test_the_layout_says_where_colours_lie() -> None:
    picture = Image.new("RGB", (160, 160), (255, 255, 255))
    picture.paste((0, 0, 0), (120, 0, 160, 40))
    cells = np.frombuffer(_facts(picture).layout, np.uint8).reshape(4, 4, 3)
    assert cells[0, 3].tolist() == [0, 128, 128]
    assert cells[..., 0].sum() == 15 * 255
    assert (cells[..., 1:] == 128).all()


def test_blocks_are_seen_wherever_the_grid_begins(scene: Image.Image) -> None:
    out = io.BytesIO()
    draw_scene(5, (640, 720)).save(out, "JPEG", quality=4)
    blocky = Image.open(out).convert("RGB")
    for picture in (blocky, blocky.crop((3, 5, 600, 700))):
        found = _facts(picture).blockiness
        assert found is not None
        assert found > compression.BLOCKY_ABOVE
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 80})):
        found = _facts(scene, kind, **options).blockiness
        assert found is not None
        assert found < compression.BLOCKY_ABOVE
    assert _facts(scene.resize((50, 60))).blockiness is None


def test_plain_backgrounds() -> None:
    plain = Image.new("RGB", (400, 500), (210, 215, 220))
    plain.paste(draw_scene(6, (200, 300)), (100, 200))
    facts = _facts(_with_grain(plain, 2))
    assert facts.background_share == pytest.approx(0.7, abs=0.05)
    assert facts.background_share is not None
    assert facts.background_share > background.PLAIN_SHARE_ABOVE
    assert facts.background_level == pytest.approx(214, abs=3)
    assert _facts(draw_scene(6)).background_share == 0


def test_fingerprints_alone_are_close_to_those_of_a_whole_look(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    draw_scene(7, (1200, 1500)).save(path, quality=90)
    quick, whole = measure(str(path), depth=FINGERPRINT), measure(str(path))
    assert quick.sharpness is None
    assert whole.sharpness is not None
    one, two = (np.frombuffer(f.fingerprint, np.uint8).astype(float) for f in (quick, whole))
    assert np.corrcoef(one, two)[0, 1] > 0.99


def _wall(left: tuple[int, int, int], right: tuple[int, int, int]) -> Image.Image:
    """A wall whose colour goes from one to the other, with a thing before it."""
    steps = np.linspace(0, 1, 400)[None, :, None]
    wall = np.array(left) * (1 - steps) + np.array(right) * steps
    picture = Image.fromarray(np.tile(wall, (500, 1, 1)).round().astype(np.uint8))
    picture.paste(draw_scene(6, (200, 300)), (100, 200))
    return _with_grain(picture, 2)


def test_a_wall_that_a_lamp_lights_from_one_side_is_plain_and_a_sky_is_not() -> None:
    for left, right, is_plain in (
        ((226, 226, 226), (255, 255, 255), True),
        ((150, 154, 160), (195, 199, 205), True),
        ((110, 170, 236), (220, 236, 250), False),
        ((40, 40, 40), (220, 220, 220), False),
    ):
        share = _facts(_wall(left, right)).background_share
        assert share is not None
        assert (share > background.PLAIN_SHARE_ABOVE) is is_plain, (left, right)
