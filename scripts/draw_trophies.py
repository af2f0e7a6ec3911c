"""Draw the quickstart's subject, a golden trophy with a face, and write its pictures and captions.

    python scripts/draw_trophies.py --out recipes/quickstart/images

The twenty pictures come from one fixed seed. `draw_trophy` draws further ones: the seeds from `HELD_OUT_SEED` on
are never written to the training folder, so they show whether the subject was learnt.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

from pocket_art import Canvas, Colour, drop_shadow, jitter, new_canvas, paint_background, shade, star_points

if TYPE_CHECKING:
    from PIL import Image

TRIGGER = "glxtrophy"
TRAINING_SEED = 7
HELD_OUT_SEED = 5000
GOLD: Colour = (226, 172, 40)


def _cup(c: Canvas, x: float, y: float, r: float, gold: Colour) -> None:
    dark, light = shade(gold, 0.68), shade(gold, 1.45)
    for side in (-1, 1):
        c.ring(x + side * r * 0.62, y - r * 0.38, r * 0.3, r * 0.34, width=r * 0.12, fill=dark)
    outline = [
        (-0.66, -0.92),
        (0.66, -0.92),
        (0.6, -0.3),
        (0.36, 0.12),
        (0.12, 0.28),
        (-0.12, 0.28),
        (-0.36, 0.12),
        (-0.6, -0.3),
    ]
    c.polygon([(x + dx * r, y + dy * r) for dx, dy in outline], gold)
    c.polygon(
        [(x + dx * r, y + dy * r) for dx, dy in ((-0.5, -0.9), (-0.3, -0.9), (-0.26, 0.05), (-0.42, -0.3))], light
    )
    c.ellipse(x, y - r * 0.92, r * 0.68, r * 0.13, light)
    c.ellipse(x, y - r * 0.91, r * 0.56, r * 0.08, dark)
    c.box(x - r * 0.1, y + r * 0.24, x + r * 0.1, y + r * 0.6, dark)
    c.ellipse(x, y + r * 0.58, r * 0.3, r * 0.09, gold)


def _stand(c: Canvas, x: float, y: float, r: float) -> None:
    c.box(x - r * 0.36, y + r * 0.6, x + r * 0.36, y + r * 0.76, (74, 52, 44))
    c.box(x - r * 0.52, y + r * 0.76, x + r * 0.52, y + r, (48, 34, 32))
    c.box(x - r * 0.2, y + r * 0.82, x + r * 0.2, y + r * 0.93, (205, 178, 95))


def _face(c: Canvas, x: float, y: float, r: float) -> None:
    for side in (-1, 1):
        c.ellipse(x + side * r * 0.24, y - r * 0.2, r * 0.08, r * 0.1, (35, 28, 24))
        c.ellipse(x + side * r * 0.22, y - r * 0.23, r * 0.03, r * 0.035, (250, 250, 245))
    c.line([(x - r * 0.12, y - r * 0.06), (x, y), (x + r * 0.12, y - r * 0.06)], r * 0.05, (110, 45, 25))
    c.polygon(star_points(x, y - r * 0.54, r * 0.24), (252, 244, 214))


def draw_trophy(seed: int, side: int = 64) -> tuple[Image.Image, str]:
    """One trophy picture, `(side, side)` RGB, and its caption; the seed decides everything."""
    rng = random.Random(seed)
    canvas = new_canvas(side)
    background, ground = paint_background(canvas, rng)
    radius = rng.uniform(0.27, 0.4)
    x = rng.choice((0.5, 0.5, 0.38, 0.62)) + rng.uniform(-0.05, 0.05)
    y = min(0.97, ground + 0.12) - radius if ground is not None else 0.5 + rng.uniform(-0.06, 0.06)
    y = max(radius + 0.02, y)
    place = " on the left" if x < 0.42 else " on the right" if x > 0.58 else ""
    light = rng.uniform(0.85, 1.12)
    gold = jitter(rng, shade(GOLD, light), 8)
    drop_shadow(canvas, x, min(0.97, y + radius), radius * 0.95)
    _cup(canvas, x, y, radius, gold)
    _stand(canvas, x, y, radius)
    _face(canvas, x, y, radius)
    joint = " " if background.startswith("on ") else ", "
    return canvas.finish(), f"{TRIGGER}, a golden trophy{place}{joint}{background}"


def held_out_trophies(count: int, side: int = 64) -> list[tuple[Image.Image, str]]:
    """Trophies that no training folder holds: pictures and captions."""
    return [draw_trophy(HELD_OUT_SEED + index, side) for index in range(count)]


def trophies_captioned(captions: list[str], count: int, side: int = 64) -> dict[str, list[Image.Image]]:
    """For each caption the first `count` held-out trophies that it describes; other seeds than `held_out_trophies`."""
    found: dict[str, list[Image.Image]] = {caption: [] for caption in captions}
    seed = 2 * HELD_OUT_SEED
    while any(len(pictures) < count for pictures in found.values()):
        picture, caption = draw_trophy(seed, side)
        if caption in found and len(found[caption]) < count:
            found[caption].append(picture)
        seed += 1
    return found


def write_folder(out: Path, count: int, side: int) -> None:
    """Write `count` training pictures with a caption file beside each."""
    out.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        picture, caption = draw_trophy(TRAINING_SEED * 100 + index, side)
        picture.save(out / f"trophy_{index + 1:02d}.png", optimize=True)
        (out / f"trophy_{index + 1:02d}.txt").write_text(caption + "\n", encoding="utf-8")


def main() -> None:
    """Parse the arguments and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--side", type=int, default=128)
    args = parser.parse_args()
    write_folder(args.out, args.count, args.side)


if __name__ == "__main__":
    main()
