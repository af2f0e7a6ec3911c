"""The drawing kit behind every picture of the pocket trainer: a supersampled canvas, backgrounds, light and shadow.

Everything is drawn from a `random.Random`, so the same seed gives the same picture on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import random

Colour = tuple[int, int, int]
Point = tuple[float, float]

OVERSAMPLING = 3

COLOURS: dict[str, Colour] = {
    "red": (205, 45, 45),
    "green": (55, 150, 70),
    "blue": (50, 90, 200),
    "purple": (130, 70, 170),
    "pink": (235, 130, 170),
    "white": (238, 238, 235),
    "black": (40, 40, 46),
    "orange": (235, 130, 45),
    "cyan": (70, 185, 200),
    "brown": (120, 78, 50),
    "grey": (140, 142, 148),
    "yellow": (240, 215, 80),
}
BACKGROUND_COLOURS: dict[str, Colour] = {
    "blue": (120, 160, 215),
    "green": (140, 190, 140),
    "red": (205, 120, 115),
    "grey": (170, 172, 176),
    "white": (232, 232, 230),
    "dark": (52, 54, 66),
    "pink": (230, 185, 200),
    "purple": (160, 140, 195),
    "cyan": (160, 215, 220),
}


@dataclass(slots=True)
class Canvas:
    """A square picture drawn at `OVERSAMPLING` times its final size; all coordinates run from 0 to 1."""

    side: int
    image: Image.Image
    draw: ImageDraw.ImageDraw

    @property
    def scale(self) -> int:
        """Pixels of the large canvas that stand for the length 1."""
        return self.side * OVERSAMPLING

    def polygon(self, points: list[Point], fill: Colour) -> None:
        """Fill a polygon given in 0..1 coordinates."""
        self.draw.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=fill)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """Fill an axis-aligned ellipse around (x, y)."""
        s = self.scale
        self.draw.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=fill)

    def ring(self, x: float, y: float, rx: float, ry: float, *, width: float, fill: Colour) -> None:
        """Draw the outline of an ellipse with the given line width."""
        s = self.scale
        box = ((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s)
        self.draw.ellipse(box, outline=fill, width=max(1, round(width * s)))

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle."""
        s = self.scale
        self.draw.rectangle((left * s, top * s, right * s, bottom * s), fill=fill)

    def line(self, points: list[Point], width: float, fill: Colour) -> None:
        """Draw a line through the points."""
        s = self.scale
        self.draw.line([(x * s, y * s) for x, y in points], fill=fill, width=max(1, round(width * s)), joint="curve")

    def finish(self) -> Image.Image:
        """The picture at its final size, `(side, side)` RGB."""
        return self.image.resize((self.side, self.side), Image.Resampling.BOX)


def new_canvas(side: int) -> Canvas:
    """An empty canvas for a picture of `side` x `side` pixels."""
    image = Image.new("RGB", (side * OVERSAMPLING, side * OVERSAMPLING), (255, 255, 255))
    return Canvas(side, image, ImageDraw.Draw(image))


def shade(colour: Colour, factor: float) -> Colour:
    """The colour darker (factor < 1) or lighter towards white (factor > 1)."""
    if factor <= 1:
        r, g, b = (round(c * factor) for c in colour)
    else:
        r, g, b = (round(c + (255 - c) * min(1.0, factor - 1)) for c in colour)
    return (r, g, b)


def jitter(rng: random.Random, colour: Colour, amount: int = 14) -> Colour:
    """The colour with a little noise on each channel."""
    r, g, b = (min(255, max(0, c + rng.randint(-amount, amount))) for c in colour)
    return (r, g, b)


def star_points(x: float, y: float, radius: float, turn: float = 0.0) -> list[Point]:
    """The ten corners of a five-pointed star, one tip upwards when `turn` is 0."""
    points = []
    for index in range(10):
        angle = turn + math.pi * (index / 5 - 0.5)
        length = radius if index % 2 == 0 else radius * 0.42
        points.append((x + length * math.cos(angle), y + length * math.sin(angle)))
    return points


def _gradient(canvas: Canvas, top: Colour, bottom: Colour) -> None:
    strip = Image.new("RGB", (1, 2))
    strip.putpixel((0, 0), top)
    strip.putpixel((0, 1), bottom)
    canvas.image.paste(strip.resize(canvas.image.size, Image.Resampling.BILINEAR))


def paint_background(canvas: Canvas, rng: random.Random) -> tuple[str, float | None]:
    """Paint a background; returns its words and the height of the ground (None: the object floats)."""
    name = rng.choice(list(BACKGROUND_COLOURS))
    colour = jitter(rng, BACKGROUND_COLOURS[name])
    kind = rng.choice(["plain", "plain", "gradient", "gradient", "table", "table", "stripes", "dots"])
    if kind == "gradient":
        _gradient(canvas, shade(colour, 1.25), shade(colour, 0.75))
        return f"{name} gradient background", None
    canvas.box(0, 0, 1, 1, colour)
    if kind == "table":
        horizon = rng.uniform(0.62, 0.8)
        wood = jitter(rng, (150, 105, 70)) if rng.random() < 0.6 else jitter(rng, (200, 200, 205))
        canvas.box(0, horizon, 1, 1, wood)
        canvas.box(0, horizon, 1, horizon + 0.02, shade(wood, 0.8))
        return f"on a table, {name} background", horizon
    if kind == "stripes":
        width = rng.uniform(0.08, 0.14)
        for index in range(0, math.ceil(1 / width), 2):
            canvas.box(index * width, 0, (index + 1) * width, 1, shade(colour, 0.88))
        return f"{name} striped background", None
    if kind == "dots":
        for row in range(6):
            for column in range(6):
                offset = 0.09 if row % 2 else 0.0
                canvas.ellipse(column * 0.19 + offset, row * 0.19 + 0.04, 0.03, 0.03, shade(colour, 1.3))
        return f"{name} dotted background", None
    return f"{name} background", None


def drop_shadow(canvas: Canvas, x: float, y: float, width: float) -> None:
    """A soft-looking dark ellipse under an object that stands on something."""
    s = canvas.scale
    region = (
        max(0, round((x - width) * s)),
        max(0, round((y - width * 0.22) * s)),
        min(s, round((x + width) * s)),
        min(s, round((y + width * 0.22) * s)),
    )
    if region[2] <= region[0] or region[3] <= region[1]:
        return
    patch = canvas.image.crop(region)
    dark = Image.eval(patch, lambda value: int(value * 0.72))
    mask = Image.new("L", patch.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, patch.size[0] - 1, patch.size[1] - 1), fill=255)
    canvas.image.paste(dark, region, mask)
