"""Text over pictures is found; what only looks like rows of letters is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from orchestrator.dataset.pixels.overlay import REPORTED, kind_of, overlays
from orchestrator.dataset.pixels.strokes import strokes

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT = 896, 704


def scene(seed: int = 1) -> Image.Image:
    """Draw soft shapes with film grain, as a picture to write on."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 170, (6, 8)).astype(np.uint8)
    picture = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        across, down = rng.uniform(40, 200, 2)
        draw.ellipse([x, y, x + across, y + down], fill=int(rng.integers(30, 220)))
    return grain(picture, rng)


def grain(picture: Image.Image, rng: np.random.Generator, amount: float = 3.0) -> Image.Image:
    tones = np.asarray(picture, dtype=np.float32) + rng.normal(0, amount, (picture.height, picture.width))
    return Image.fromarray(tones.clip(0, 255).astype(np.uint8))


def write(picture: Image.Image, text: str, place: tuple[float, float], size: int, **ink: Any) -> Image.Image:
    """Write grey ink `tone` with `opacity`, an outline of `rim` pixels of the opposite tone, turned by `angle`."""
    tone = ink.get("tone", 255)
    opacity = int(255 * ink.get("opacity", 1.0))
    layer = Image.new("LA", picture.size, (tone, 0))
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(size)
    draw.text(
        place, text, font=font, fill=(tone, opacity), stroke_width=ink.get("rim", 0), stroke_fill=(255 - tone, opacity)
    )
    if "angle" in ink:
        layer = layer.rotate(ink["angle"], resample=Image.Resampling.BILINEAR)
    return Image.alpha_composite(picture.convert("RGBA"), layer.convert("RGBA")).convert("L")


def found_in(picture: Image.Image) -> tuple[Any, ...]:
    return overlays(np.asarray(picture))


@pytest.mark.parametrize("seed", range(4))
def test_a_subtitle_is_found_where_it_stands(seed: int) -> None:
    found = found_in(write(scene(seed), "Nobody told me about the bridge.", (230, 620), 34, rim=2))
    assert found[0].kind == "subtitle"
    assert found[0].score >= 0.8
    assert found[0].x0 < 0.45
    assert found[0].x1 > 0.55
    assert 0.86 < found[0].y0 < found[0].y1 < 0.96


@pytest.mark.parametrize("place", [(600, 655), (20, 655), (20, 14)])
def test_a_signature_in_a_corner_is_a_watermark(place: tuple[int, int]) -> None:
    found = found_in(write(scene(), "@harbour.studio", place, 30, rim=1, opacity=0.75))
    assert {region.kind for region in found} == {"watermark"}


def test_a_translucent_slanted_watermark_is_found() -> None:
    picture = Image.new("L", (WIDTH, HEIGHT), 110)
    picture = grain(picture.filter(ImageFilter.GaussianBlur(2)), np.random.default_rng(3))
    found = found_in(write(picture, "DRAFT COPY ONLY", (130, 300), 76, opacity=0.4, angle=25))
    assert [region.kind for region in found] == ["watermark"]
    assert found[0].x0 < 0.4
    assert found[0].x1 > 0.6


def test_dark_ink_on_a_bright_picture_is_found() -> None:
    bright = grain(Image.new("L", (WIDTH, HEIGHT), 225), np.random.default_rng(4))
    assert found_in(write(bright, "Property of the archive", (480, 660), 30, tone=0))[0].kind == "watermark"


def test_large_pictures_are_looked_at_smaller() -> None:
    picture = write(scene(), "Nobody told me about the bridge.", (230, 620), 34, rim=2)
    found = found_in(picture.resize((WIDTH * 3, HEIGHT * 3), Image.Resampling.LANCZOS))
    assert found[0].kind == "subtitle"


def test_regions_are_shares_sorted_by_score_and_apart() -> None:
    picture = write(scene(), "Nobody told me about the bridge.", (230, 620), 34, rim=2)
    found = found_in(write(picture, "@harbour.studio", (20, 14), 30, rim=1))
    assert len(found) == 2
    assert all(0 <= region.x0 < region.x1 <= 1 and 0 <= region.y0 < region.y1 <= 1 for region in found)
    assert [region.score for region in found] == sorted((region.score for region in found), reverse=True)
    assert all(region.score >= REPORTED for region in found)


def test_the_same_picture_says_the_same_and_is_left_alone() -> None:
    grey = np.asarray(write(scene(), "Nobody told me about the bridge.", (230, 620), 34, rim=2)).copy()
    before = grey.copy()
    assert overlays(grey) == overlays(grey)
    assert (grey == before).all()


def _stripes(rng: np.random.Generator) -> Image.Image:
    x = np.arange(WIDTH)[None] + 0.35 * np.arange(HEIGHT)[:, None]
    return grain(Image.fromarray(np.where(x % 24 < 10, 220, 60).astype(np.uint8)), rng)


def _checkerboard(rng: np.random.Generator) -> Image.Image:
    rows, columns = np.indices((HEIGHT, WIDTH)) // 18
    return grain(Image.fromarray(np.where((rows + columns) % 2, 210, 70).astype(np.uint8)), rng)


def _leaves(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 60)
    draw = ImageDraw.Draw(picture)
    for _ in range(2500):
        x, y, turn = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0, 6.28)
        length, wide = rng.uniform(8, 30), rng.uniform(2, 8)
        along, across = np.array([np.cos(turn), np.sin(turn)]) * length, np.array([-np.sin(turn), np.cos(turn)]) * wide
        tip = np.array([x, y])
        draw.polygon(
            [tuple(point) for point in (tip, tip + along / 2 + across, tip + along, tip + along / 2 - across)],
            fill=int(rng.integers(30, 200)),
        )
    return picture


def _bricks(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 180)
    draw = ImageDraw.Draw(picture)
    for row in range(0, HEIGHT, 22):
        for column in range(-60, WIDTH, 60):
            x = column + (row // 22 % 2) * 30
            draw.rectangle([x, row, x + 55, row + 18], fill=int(rng.integers(80, 130)))
    return grain(picture, rng)


def _lace(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 50)
    draw = ImageDraw.Draw(picture)
    for y in range(0, HEIGHT, 30):
        for x in range(0, WIDTH, 30):
            for radius in (6, 12):
                draw.ellipse([x + 15 - radius, y + 15 - radius, x + 15 + radius, y + 15 + radius], outline=210, width=2)
    return grain(picture, rng)


def _night_lights(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 15)
    draw = ImageDraw.Draw(picture)
    for x in range(0, WIDTH, 90):
        top = int(rng.integers(100, 450))
        for row in range(top, HEIGHT, 26):
            for column in range(x + 6, x + 78, 18):
                if rng.random() < 0.55:
                    draw.rectangle([column, row, column + 9, row + 13], fill=int(rng.integers(150, 255)))
    return grain(picture, rng)


def _halftone(rng: np.random.Generator) -> Image.Image:
    rows, columns = np.indices((HEIGHT, WIDTH))
    wave = np.cos(rows * 0.45 + columns * 0.2) + np.cos(columns * 0.45 - rows * 0.2)
    return grain(Image.fromarray((wave > 1 - 1.4 * columns / WIDTH).astype(np.uint8) * 200 + 30), rng)


def _fence(rng: np.random.Generator) -> Image.Image:
    picture = scene(int(rng.integers(99)))
    draw = ImageDraw.Draw(picture)
    for x in range(0, WIDTH, 26):
        draw.rectangle([x, 480, x + 11, 610], fill=240)
    return picture


def _hair(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 90)
    draw = ImageDraw.Draw(picture)
    for _ in range(500):
        x, bend = rng.uniform(0, WIDTH), rng.uniform(-80, 80)
        points = [(x + bend * step * step / 64, step * HEIGHT / 8) for step in range(9)]
        draw.line(points, fill=int(rng.integers(40, 200)), width=int(rng.integers(1, 4)))
    return picture


def _noise(rng: np.random.Generator) -> Image.Image:
    return grain(Image.new("L", (WIDTH, HEIGHT), 128), rng, 40)


def _pebbles(rng: np.random.Generator) -> Image.Image:
    field = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(5))
    tones = np.asarray(field, dtype=np.float32)
    return Image.fromarray(((tones - tones.mean()) * 12 + 120).clip(0, 255).astype(np.uint8))


NEGATIVES = (
    _stripes,
    _checkerboard,
    _leaves,
    _bricks,
    _lace,
    _night_lights,
    _halftone,
    _fence,
    _hair,
    _noise,
    _pebbles,
)


@pytest.mark.parametrize("drawn", NEGATIVES, ids=lambda drawn: drawn.__name__[1:])
@pytest.mark.parametrize("seed", range(3))
def test_what_only_looks_like_letters_is_not_told(
    drawn: Callable[[np.random.Generator], Image.Image], seed: int
) -> None:
    assert found_in(drawn(np.random.default_rng(seed))) == ()


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_without_text_is_not_told(seed: int) -> None:
    assert found_in(scene(seed)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (20, 20), (64, 64), (40, 3000)])
@pytest.mark.parametrize("tone", [0, 128, 255])
def test_tiny_narrow_and_plain_pictures_say_nothing(shape: tuple[int, int], tone: int) -> None:
    assert overlays(np.full(shape, tone, dtype=np.uint8)) == ()


@pytest.mark.parametrize(
    ("box", "is_slanted", "kind"),
    [
        ((0.2, 0.88, 0.8, 0.93), False, "subtitle"),
        ((0.2, 0.40, 0.8, 0.45), False, "other"),
        ((0.7, 0.94, 0.98, 0.97), False, "watermark"),
        ((0.02, 0.02, 0.2, 0.05), False, "watermark"),
        ((0.2, 0.40, 0.8, 0.70), True, "watermark"),
    ],
)
def test_the_place_says_what_it_usually_is(box: tuple[float, float, float, float], is_slanted: bool, kind: str) -> None:
    assert kind_of(*box, is_slanted=is_slanted) == kind


def test_strokes_are_measured() -> None:
    grey = np.full((300, 400), 100, dtype=np.uint8)
    grey[100:140, 50:54] = 180
    grey[100:140, 90:96] = 200
    grey[200:290, 200:290] = 250  # no stroke: too wide
    marks = strokes(grey)
    assert marks is not None
    assert marks.left.tolist() == [50, 90]
    assert (marks.right - marks.left).tolist() == [4, 6]
    assert (marks.bottom - marks.top).tolist() == [40, 40]
    assert marks.stroke.tolist() == [4, 6]
    assert marks.peak.tolist() == [80, 100]
    assert marks.tone.tolist() == [180, 200]


def test_strokes_that_touch_are_one_mark_and_dots_above_join() -> None:
    grey = np.full((300, 400), 100, dtype=np.uint8)
    grey[100:140, 50:54] = 200
    grey[136:140, 54:70] = 200  # an L
    grey[100:104, 150:154] = 200
    grey[106:130, 150:154] = 200  # an i
    marks = strokes(grey)
    assert marks is not None
    assert marks.left.tolist() == [50, 150]
    assert marks.top.tolist() == [100, 100]
    assert marks.bottom.tolist() == [140, 130]
