"""Small drawn pictures: shapes with sharp edges on a soft background, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw


def draw_scene(seed: int, size: tuple[int, int] = (320, 400), grain: float = 3.0) -> Image.Image:
    rng = np.random.default_rng(seed)
    width, height = size
    soft = Image.fromarray(rng.integers(40, 216, (4, 3, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(soft)
    for _ in range(24):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        w, h = rng.uniform(0.06, 0.3, 2) * width
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([x, y, x + w, y + h], fill=colour)
    pixels = np.asarray(soft, np.float32) + rng.normal(0, grain, (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture
def scene() -> Image.Image:
    return draw_scene(1)
