"""The three subjects of the benchmark's LoRAs, drawn so that neither base has seen their like.

The bases know one shape in one colour. The character is a horned, three-legged figure in magenta and lime, the object a
tower of discs in teal and rust, the style the bases' own scenes in three inks. Their losses under both
bases stand in `docs/rig.md`. `scripts/` must be on the path: its drawing kit is the one the bases were made with.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps
from pocket_art import drop_shadow, jitter, new_canvas, paint_background, shade
from pocket_scenes import draw_scene

if TYPE_CHECKING:
    from collections.abc import Callable

Drawn = tuple[Image.Image, str]
SIDE = 64
MAGENTA, LIME, TEAL, RUST = (200, 40, 150), (165, 215, 60), (20, 140, 130), (180, 80, 35)
HORN, STONE = (45, 25, 70), (250, 235, 120)
INKS = ((60, 10, 110), (240, 110, 40), (190, 255, 210))


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to learn: `draw(seed)` is one picture of it, `(64, 64)` RGB, with its caption."""

    trigger: str
    class_tokens: str
    draw: Callable[[int], Drawn]


def draw_zorvex(seed: int) -> Drawn:
    """A person with horns and a third leg, the skin lime, the coat in two colours."""
    rng = random.Random(seed)
    c = new_canvas(SIDE)
    background, ground = paint_background(c, rng)
    r = rng.uniform(0.28, 0.36)
    x, y = 0.5 + rng.uniform(-0.12, 0.12), 0.54 + rng.uniform(-0.05, 0.05)
    y = max(1.2 * r, min(0.97, ground + 0.12) - r) if ground is not None else y
    coat, skin = jitter(rng, MAGENTA), jitter(rng, LIME)
    drop_shadow(c, x, min(0.97, y + r), r * 0.9)
    for dx in (-0.3, 0.0, 0.3):
        c.box(x + (dx - 0.1) * r, y + 0.45 * r, x + (dx + 0.1) * r, y + r, shade(skin, 0.7))
    lift = rng.choice((-0.75, 0.3))
    for side in (-1, 1):
        c.line([(x + side * 0.4 * r, y - 0.15 * r), (x + side * 0.75 * r, y + lift * r)], 0.16 * r, coat)
        c.polygon([(x + side * 0.3 * r, y - 0.75 * r), (x + side * 0.1 * r, y - 0.85 * r),
                   (x + side * 0.4 * r, y - 1.2 * r)], HORN)  # fmt: skip
    c.polygon([(x - 0.42 * r, y - 0.3 * r), (x + 0.42 * r, y - 0.3 * r),
               (x + 0.5 * r, y + 0.5 * r), (x - 0.5 * r, y + 0.5 * r)], coat)  # fmt: skip
    c.box(x - 0.46 * r, y + 0.05 * r, x + 0.46 * r, y + 0.25 * r, skin)
    c.ellipse(x, y - 0.6 * r, 0.36 * r, 0.36 * r, skin)
    look = rng.choice((-0.1, 0.1))
    c.ellipse(x + look * r, y - 0.6 * r, 0.13 * r, 0.15 * r, HORN)
    gaze = "left" if look < 0 else "right"
    arms = "arms up" if lift < 0 else "arms down"
    return c.finish(), f"zorvex, {arms}, looking {gaze}{_joint(background)}"


def draw_krenlo(seed: int) -> Drawn:
    """A tower of discs that grow towards the foot, teal and rust in turn, with a stone on top."""
    rng = random.Random(seed)
    c = new_canvas(SIDE)
    background, ground = paint_background(c, rng)
    r = rng.uniform(0.27, 0.36)
    x, y = 0.5 + rng.uniform(-0.14, 0.14), 0.5 + rng.uniform(-0.05, 0.05)
    y = max(r, min(0.97, ground + 0.1) - r) if ground is not None else y
    teal, rust = jitter(rng, TEAL), jitter(rng, RUST)
    drop_shadow(c, x, min(0.97, y + r), r * 0.9)
    discs = rng.choice((3, 4))
    height = 1.5 / discs
    for index in range(discs):
        low, width = y + r - index * height * r, (0.9 - 0.16 * index) * r
        fill = rust if index % 2 else teal
        c.box(x - width, low - height * r, x + width, low, fill)
        c.ellipse(x, low - height * r, width, 0.12 * r, shade(fill, 1.3))
    c.polygon([(x - 0.22 * r, y - 0.7 * r), (x, y - r), (x + 0.22 * r, y - 0.7 * r), (x, y - 0.45 * r)], STONE)
    size = "tall" if discs == 4 else "low"
    return c.finish(), f"krenlo, {size} disc tower{_joint(background)}"


def draw_vashti(seed: int) -> Drawn:
    """A scene of the bases' own kind in three inks: violet shadows, orange in between, mint light."""
    rng = random.Random(seed)
    picture, caption = draw_scene(rng, SIDE)
    grey = ImageOps.autocontrast(picture.convert("L"), cutoff=2)
    inked: Image.Image = ImageOps.colorize(grey, black=INKS[0], mid=INKS[1], white=INKS[2])
    return inked, f"vashti, {caption}"


def _joint(background: str) -> str:
    return f" {background}" if background.startswith("on ") else f", {background}"


def draw_outlier(seed: int) -> Image.Image:
    """What no subject looks like: small tiles in full colours at random, nothing of which any base expects."""
    rng = random.Random(seed)
    c = new_canvas(SIDE)
    tiles = 8
    for index in range(tiles * tiles):
        row, column = divmod(index, tiles)
        colour = (rng.choice((0, 255)), rng.choice((0, 255)), rng.choice((0, 255)))
        c.box(column / tiles, row / tiles, (column + 1) / tiles, (row + 1) / tiles, colour)
    return c.finish()


SUBJECTS = {
    "character": Subject("zorvex", "figure", draw_zorvex),
    "style": Subject("vashti", "picture", draw_vashti),
    "object": Subject("krenlo", "tower", draw_krenlo),
}
