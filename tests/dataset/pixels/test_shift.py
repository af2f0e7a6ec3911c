"""Shifts between two pictures, on pairs made here: moved, repainted in part, relit, compressed."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from orchestrator.dataset.pairs import CLEAR_ABOVE
from orchestrator.dataset.pixels.shift import shift_between
from tests.dataset.pixels.conftest import draw_scene

MARGIN = 10


def _pair(seed: int, right: float, down: float, size: tuple[int, int] = (420, 520)) -> tuple[Image.Image, Image.Image]:
    """Return a scene and the same scene moved, with an ellipse of a quarter of it repainted, darker, as JPEG."""
    dice = random.Random(seed)
    scene = draw_scene(seed, size)
    frame = (MARGIN, MARGIN, size[0] - MARGIN, size[1] - MARGIN)
    moved = scene.transform(size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down), Image.Resampling.BICUBIC).crop(
        frame
    )
    width, height = moved.size
    x, y = dice.uniform(0, 0.5) * width, dice.uniform(0, 0.5) * height
    ImageDraw.Draw(moved).ellipse([x, y, x + 0.5 * width, y + 0.5 * height], fill=(200, dice.randrange(256), 40))
    moved = Image.eval(moved, lambda value: int(value * 0.8 + 15))
    kept = io.BytesIO()
    moved.save(kept, "JPEG", quality=80)
    return scene.crop(frame), Image.open(kept)


def _grey(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(picture.convert("L"))


def test_shifts_of_up_to_eight_pixels_are_within_half_a_pixel() -> None:
    errors = []
    for seed in range(16):
        dice = random.Random(100 + seed)
        right, down = (dice.uniform(-8, 8) for _ in range(2))
        if seed % 3 == 0:
            right, down = round(right), round(down)
        found = shift_between(*map(_grey, _pair(seed, right, down)))
        if found.clarity > CLEAR_ABOVE:
            errors.append(float(np.hypot(found.right - right, found.down - down)))
    assert len(errors) >= 14
    assert max(errors) < 0.5
    assert float(np.median(errors)) < 0.1


def test_what_was_not_moved_has_no_shift() -> None:
    found = shift_between(*map(_grey, _pair(5, 0, 0)))
    assert found.length < 0.1


def test_large_pictures_are_measured_in_their_own_pixels() -> None:
    found = shift_between(*map(_grey, _pair(4, 6.0, -3.0, (1500, 1800))))
    assert abs(found.right - 6) < 0.5
    assert abs(found.down + 3) < 0.5


def test_two_scenes_have_no_clear_shift() -> None:
    for seed in range(6):
        found = shift_between(_grey(draw_scene(seed)), _grey(draw_scene(seed + 50)))
        assert found.clarity < CLEAR_ABOVE


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        shift_between(np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8))
