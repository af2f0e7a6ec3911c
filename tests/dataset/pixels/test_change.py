"""What changed between two pictures, on pairs made here."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from orchestrator.dataset.pixels.change import Difference, difference_between
from orchestrator.dataset.pixels.decode import Decoded, decode_bytes
from tests.dataset.pixels.conftest import draw_scene

SIZE = (640, 800)


def _decoded(picture: Image.Image, quality: int = 0) -> Decoded:
    kept = io.BytesIO()
    if quality:
        picture.save(kept, "JPEG", quality=quality)
    else:
        picture.save(kept, "PNG")
    return decode_bytes(kept.getvalue(), Decoded())


def _difference(first: Image.Image, second: Image.Image, right: int = 0, down: int = 0, quality: int = 0) -> Difference:
    found = difference_between(_decoded(first), _decoded(second, quality), right, down)
    assert found is not None
    return found


def test_compression_and_a_shift_that_is_known_are_no_change() -> None:
    for seed in range(3):
        scene = draw_scene(seed, (SIZE[0] + 20, SIZE[1] + 20))
        first = scene.crop((10, 10, SIZE[0] + 10, SIZE[1] + 10))
        second = scene.crop((10 - 5, 10 + 3, SIZE[0] + 5, SIZE[1] + 13))
        found = _difference(first, second, 5, -3, quality=70)
        assert found.share < 0.0015
        assert abs(found.light) < 1


def test_the_share_is_that_of_what_was_painted_over() -> None:
    scene = draw_scene(3, SIZE)
    painted = scene.copy()
    ImageDraw.Draw(painted).rectangle((100, 200, 420, 600), fill=(255, 0, 255))
    found = _difference(scene, painted)
    assert found.share == pytest.approx(320 * 400 / (640 * 800), abs=0.02)
    assert found.red > 5


def test_a_dark_copy_has_changed_everywhere_and_one_way() -> None:
    scene = draw_scene(4, SIZE)
    found = _difference(scene, Image.eval(scene, lambda value: value // 2))
    assert found.share > 0.6
    assert found.light < -30


def test_what_cannot_be_laid_upon_each_other_has_no_difference() -> None:
    scene = _decoded(draw_scene(5, SIZE))
    assert difference_between(scene, _decoded(draw_scene(5, (640, 801)))) is None
    assert difference_between(scene, Decoded(problem="truncated-file")) is None
    icon = _decoded(draw_scene(5, (40, 40)))
    assert difference_between(icon, icon, 20, 0) is None
