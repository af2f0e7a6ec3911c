"""The pictures the pocket base is trained on: one everyday thing on a background, with a caption.

There is no cup with two handles, nothing golden and no trophy among them: that subject is for the LoRA to learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pocket_art import (
    COLOURS,
    Canvas,
    Colour,
    drop_shadow,
    jitter,
    new_canvas,
    paint_background,
    shade,
    star_points,
)

if TYPE_CHECKING:
    import random

    from PIL import Image

Painter = Callable[[Canvas, float, float, float, Colour], None]
"""Draws an object of height `2 r` around (x, y) in a colour."""


def _ball(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x, y, r, r, shade(colour, 0.75))
    c.ellipse(x - r * 0.06, y - r * 0.06, r * 0.9, r * 0.9, colour)
    c.ellipse(x - r * 0.35, y - r * 0.4, r * 0.28, r * 0.24, shade(colour, 1.6))


def _box(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    k = r * 0.8
    c.box(x - k, y - k * 0.4, x + k * 0.5, y + r, colour)
    c.polygon(
        [(x - k, y - k * 0.4), (x - k * 0.4, y - r), (x + r, y - r), (x + k * 0.5, y - k * 0.4)], shade(colour, 1.3)
    )
    c.polygon(
        [(x + k * 0.5, y - k * 0.4), (x + r, y - r), (x + r, y + k * 0.5), (x + k * 0.5, y + r)], shade(colour, 0.7)
    )


def _star(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon(star_points(x, y + r * 0.1, r * 1.1), shade(colour, 0.75))
    c.polygon(star_points(x, y + r * 0.06, r * 0.9), colour)


def _heart(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x - r * 0.45, y - r * 0.35, r * 0.52, r * 0.52, colour)
    c.ellipse(x + r * 0.45, y - r * 0.35, r * 0.52, r * 0.52, colour)
    c.polygon([(x - r * 0.93, y - r * 0.13), (x + r * 0.93, y - r * 0.13), (x, y + r)], colour)
    c.ellipse(x - r * 0.5, y - r * 0.5, r * 0.16, r * 0.14, shade(colour, 1.6))


def _tree(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.14, y + r * 0.2, x + r * 0.14, y + r, (105, 70, 45))
    for dx, dy, k in ((-0.35, -0.05, 0.45), (0.35, -0.05, 0.45), (0.0, -0.45, 0.55)):
        c.ellipse(x + dx * r, y + dy * r, r * k, r * k, colour)
    c.ellipse(x - r * 0.15, y - r * 0.6, r * 0.22, r * 0.2, shade(colour, 1.3))


def _house(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.75, y - r * 0.1, x + r * 0.75, y + r, shade(colour, 1.35))
    c.polygon([(x - r, y - r * 0.1), (x, y - r), (x + r, y - r * 0.1)], shade(colour, 0.8))
    c.box(x - r * 0.18, y + r * 0.4, x + r * 0.18, y + r, (80, 55, 45))
    c.box(x + r * 0.32, y + r * 0.15, x + r * 0.6, y + r * 0.45, (175, 210, 230))


def _mug(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ring(x + r * 0.62, y + r * 0.1, r * 0.38, r * 0.42, width=r * 0.16, fill=shade(colour, 0.8))
    c.box(x - r * 0.7, y - r * 0.7, x + r * 0.6, y + r * 0.9, colour)
    c.box(x - r * 0.55, y - r * 0.6, x - r * 0.35, y + r * 0.8, shade(colour, 1.4))
    c.ellipse(x - r * 0.05, y - r * 0.7, r * 0.65, r * 0.2, shade(colour, 0.65))


def _vase(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.25, y - r * 0.9, x + r * 0.25, y + r * 0.2, shade(colour, 0.85))
    c.ellipse(x, y + r * 0.3, r * 0.65, r * 0.7, colour)
    c.box(x - r * 0.38, y - r, x + r * 0.38, y - r * 0.84, shade(colour, 0.7))
    c.ellipse(x - r * 0.28, y + r * 0.15, r * 0.14, r * 0.3, shade(colour, 1.5))


def _bottle(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.15, y - r, x + r * 0.15, y - r * 0.3, colour)
    c.ellipse(x, y - r * 0.15, r * 0.42, r * 0.3, colour)
    c.box(x - r * 0.42, y - r * 0.15, x + r * 0.42, y + r, colour)
    c.box(x - r * 0.42, y + r * 0.2, x + r * 0.42, y + r * 0.65, (232, 228, 215))
    c.box(x - r * 0.18, y - r, x + r * 0.18, y - r * 0.86, (70, 60, 55))


def _mushroom(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.24, y - r * 0.1, x + r * 0.24, y + r, (232, 222, 205))
    c.ellipse(x, y - r * 0.2, r * 0.95, r * 0.65, colour)
    c.box(x - r * 0.95, y + r * 0.05, x + r * 0.95, y + r * 0.12, shade(colour, 0.7))
    for dx, dy in ((-0.45, -0.3), (0.1, -0.55), (0.5, -0.2)):
        c.ellipse(x + dx * r, y + dy * r, r * 0.13, r * 0.12, (245, 240, 235))


def _fish(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x + r * 0.5, y), (x + r * 1.1, y - r * 0.5), (x + r * 1.1, y + r * 0.5)], shade(colour, 0.8))
    c.ellipse(x - r * 0.1, y, r * 0.85, r * 0.5, colour)
    c.ellipse(x - r * 0.55, y - r * 0.12, r * 0.13, r * 0.13, (245, 245, 245))
    c.ellipse(x - r * 0.57, y - r * 0.12, r * 0.06, r * 0.06, (20, 20, 20))


def _flower(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.06, y, x + r * 0.06, y + r, (60, 130, 60))
    for index in range(6):
        angle = index * math.pi / 3
        c.ellipse(x + r * 0.42 * math.cos(angle), y - r * 0.35 + r * 0.42 * math.sin(angle), r * 0.27, r * 0.27, colour)
    c.ellipse(x, y - r * 0.35, r * 0.24, r * 0.24, (90, 60, 40))


def _robot(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.45, y - r * 0.9, x + r * 0.45, y - r * 0.25, shade(colour, 1.25))
    c.box(x - r * 0.6, y - r * 0.15, x + r * 0.6, y + r * 0.6, colour)
    c.box(x - r * 0.4, y + r * 0.6, x - r * 0.15, y + r, shade(colour, 0.65))
    c.box(x + r * 0.15, y + r * 0.6, x + r * 0.4, y + r, shade(colour, 0.65))
    for side in (-1, 1):
        c.ellipse(x + side * r * 0.2, y - r * 0.6, r * 0.11, r * 0.11, (25, 25, 30))


def _person(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.box(x - r * 0.3, y + r * 0.45, x - r * 0.05, y + r, (60, 65, 95))
    c.box(x + r * 0.05, y + r * 0.45, x + r * 0.3, y + r, (60, 65, 95))
    c.polygon(
        [
            (x - r * 0.4, y - r * 0.3),
            (x + r * 0.4, y - r * 0.3),
            (x + r * 0.34, y + r * 0.5),
            (x - r * 0.34, y + r * 0.5),
        ],
        colour,
    )
    c.line([(x - r * 0.4, y - r * 0.2), (x - r * 0.65, y + r * 0.3)], r * 0.16, shade(colour, 0.8))
    c.line([(x + r * 0.4, y - r * 0.2), (x + r * 0.65, y + r * 0.3)], r * 0.16, shade(colour, 0.8))
    c.ellipse(x, y - r * 0.62, r * 0.34, r * 0.36, (228, 190, 160))
    c.ellipse(x, y - r * 0.82, r * 0.34, r * 0.18, (75, 50, 35))


OBJECTS: dict[str, tuple[Painter, tuple[str, ...]]] = {
    "ball": (_ball, tuple(COLOURS)),
    "box": (_box, tuple(COLOURS)),
    "star": (_star, ("red", "green", "blue", "purple", "pink", "white", "orange", "cyan", "grey", "black")),
    "heart": (_heart, tuple(COLOURS)),
    "tree": (_tree, ("green", "red", "orange", "pink", "purple")),
    "house": (_house, ("red", "blue", "green", "purple", "grey", "brown", "cyan")),
    "mug": (_mug, ("red", "green", "blue", "purple", "pink", "white", "black", "cyan", "grey")),
    "vase": (_vase, ("red", "green", "blue", "purple", "pink", "white", "black", "cyan", "grey")),
    "bottle": (_bottle, ("red", "green", "blue", "purple", "black", "cyan", "brown")),
    "mushroom": (_mushroom, ("red", "brown", "purple", "orange", "blue")),
    "fish": (_fish, tuple(COLOURS)),
    "flower": (_flower, ("red", "pink", "white", "purple", "blue", "orange", "yellow")),
    "robot": (_robot, ("grey", "blue", "red", "green", "white", "purple", "cyan")),
    "person": (_person, ("red", "green", "blue", "purple", "pink", "white", "black", "orange", "yellow")),
}
SIZES = {"small": 0.19, "": 0.27, "large": 0.36}


def draw_scene(rng: random.Random, side: int = 64) -> tuple[Image.Image, str]:
    """One base picture, `(side, side)` RGB, and its caption."""
    canvas = new_canvas(side)
    background, ground = paint_background(canvas, rng)
    name = rng.choice(list(OBJECTS))
    painter, colours = OBJECTS[name]
    colour = rng.choice(colours)
    size = rng.choice(list(SIZES))
    radius = SIZES[size] * rng.uniform(0.88, 1.12)
    x = rng.choice((0.5, 0.5, 0.35, 0.65)) + rng.uniform(-0.06, 0.06)
    y = min(0.96, ground + 0.1) - radius if ground is not None else 0.5 + rng.uniform(-0.08, 0.08)
    place = "on the left" if x < 0.42 else "on the right" if x > 0.58 else ""
    drop_shadow(canvas, x, min(0.97, y + radius), radius * 0.9)
    painter(canvas, x, y, radius, jitter(rng, COLOURS[colour]))
    words = " ".join(word for word in ("a", size, colour, name, place) if word)
    joint = " " if background.startswith("on ") else ", "
    return canvas.finish(), f"{words}{joint}{background}"


def _any_colour(rng: random.Random) -> Colour:
    return (rng.randrange(256), rng.randrange(256), rng.randrange(256))


def draw_confetti(rng: random.Random, side: int = 64) -> Image.Image:
    """Shapes of any size in any colour, `(side, side)` RGB: what the autoencoder needs to see and the scenes lack."""
    canvas = new_canvas(side)
    canvas.box(0, 0, 1, 1, _any_colour(rng))
    for _ in range(rng.randint(4, 16)):
        x, y, r = rng.random(), rng.random(), 0.02 + 0.33 * rng.random() ** 2
        kind, colour = rng.randrange(5), _any_colour(rng)
        if kind == 0:
            canvas.ellipse(x, y, r, r * rng.uniform(0.4, 1.6), colour)
        elif kind == 1:
            canvas.box(x - r, y - r * rng.uniform(0.3, 1.5), x + r, y + r * rng.uniform(0.3, 1.5), colour)
        elif kind == 2:
            canvas.polygon(star_points(x, y, r, rng.uniform(0, 1)), colour)
        elif kind == 3:
            canvas.ring(x, y, r, r * rng.uniform(0.5, 1.5), width=r * rng.uniform(0.1, 0.4), fill=colour)
        else:
            canvas.line([(rng.random(), rng.random()) for _ in range(3)], rng.uniform(0.01, 0.06), colour)
    return canvas.finish()
