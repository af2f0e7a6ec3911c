"""Make edit pairs from pictures, plant pairs whose change is another, and score `edit-change-differs`.

usage: python -m benchmark.pair_score PICTURES... [--seed N] [--pairs N] [--rounds N] [--measures]
PICTURES: folders of clean pictures. Each round makes one set of pairs for each edit below, with two pairs of each fault that fits it, and one set
without a fault. Half of the halves are moved by up to three pixels, all are compressed (JPEG 60 to 95 or PNG). `--measures` prints what was measured.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from orchestrator.dataset.model import Dataset
from orchestrator.dataset.pairs import Pair, with_shifts
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.edit_change_differs import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LONGER_SIDE = 900
MARGIN = 4
PLANTED = 2
"""Pairs of each fault in a set."""

Halves = tuple[Image.Image, Image.Image]


def _box(picture: Image.Image, dice: random.Random, least: float, most: float) -> tuple[float, float, float, float]:
    width, height = (side * dice.uniform(least, most) for side in picture.size)
    x, y = dice.uniform(0, picture.width - width), dice.uniform(0, picture.height - height)
    return x, y, x + width, y + height


def add_object(picture: Image.Image, dice: random.Random) -> Halves:
    """A red thing, from a twelfth to two fifths of each side."""
    changed = picture.copy()
    ImageDraw.Draw(changed).ellipse(_box(picture, dice, 0.08, 0.4), fill=(210, 30, 40), outline=(40, 0, 0), width=3)
    return picture, changed


def remove_object(picture: Image.Image, dice: random.Random) -> Halves:
    """The same backwards."""
    return add_object(picture, dice)[::-1]


def replace_background(picture: Image.Image, dice: random.Random) -> Halves:
    """White outside of an ellipse."""
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse(_box(picture, dice, 0.5, 0.9), fill=255)
    return picture, Image.composite(picture, Image.new("RGB", picture.size, (250, 250, 250)), mask)


def make_night(picture: Image.Image, dice: random.Random) -> Halves:
    """Dark and blue."""
    dark = dice.uniform(0.35, 0.5)
    red, green, blue = (
        band.point(lambda v, f=f: int(v * f)) for band, f in zip(picture.split(), (dark, dark, 1.3 * dark), strict=True)
    )
    return picture, Image.merge("RGB", (red, green, blue))


def make_grey(picture: Image.Image, dice: random.Random) -> Halves:
    """Without colours."""
    del dice
    return picture, ImageOps.grayscale(picture).convert("RGB")


def make_warm(picture: Image.Image, dice: random.Random) -> Halves:
    """A mild filter."""
    more = dice.randint(14, 24)
    bands = picture.split()
    return picture, Image.merge(
        "RGB", (bands[0].point(lambda v: min(255, v + more)), bands[1], bands[2].point(lambda v: max(0, v - more)))
    )


def make_sharp(picture: Image.Image, dice: random.Random) -> Halves:
    """Too fine for the measure."""
    del dice
    return picture, picture.filter(ImageFilter.UnsharpMask(1.5, 80))


EDITS: dict[str, Callable[[Image.Image, random.Random], Halves]] = {
    "add-object": add_object, "remove-object": remove_object, "background": replace_background, "night": make_night,
    "grey": make_grey, "warm": make_warm, "sharpen": make_sharp,
}  # fmt: skip
LOCAL = ("add-object", "remove-object")
OPPOSITE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "night": lambda picture: ImageEnhance.Brightness(picture).enhance(1.6),
    "grey": lambda picture: ImageEnhance.Color(picture).enhance(2.5),
    "warm": lambda picture: make_night(picture, random.Random(0))[1],
}


@dataclass(frozen=True, slots=True)
class Made:
    """A set of pairs and what was planted in it."""

    edit: str
    pairs: tuple[Pair, ...]
    faults: dict[str, str]
    """Name of a pair -> its fault."""


def faults_for(edit: str) -> list[str]:
    """Return what may be planted among pairs of an edit; of one that is too fine to be measured nothing is asked."""
    if edit == "sharpen":
        return []
    return ["same", *(["other", "relit"] if edit in LOCAL else []), *(["opposite"] if edit in OPPOSITE else [])]


def make_set(edit: str, faults: Sequence[str], pictures: Sequence[Path], dice: random.Random, folder: Path) -> Made:
    """Write a set of pairs made of `pictures` into `folder`, the first ones with the faults."""
    planted = [fault for fault in faults for _ in range(PLANTED)]
    made, told = [], {}
    for place, path in enumerate(pictures):
        name = f"{edit}-{place:03}"
        picture = opened(path)
        first, second = EDITS[edit](picture, dice)
        if place < len(planted):
            told[name] = planted[place]
            second = _faulty(planted[place], edit, first, second, opened(pictures[-1 - place]))
        move = (dice.randint(-3, 3), dice.randint(-3, 3)) if dice.random() < 0.5 else (0, 0)
        made.append(
            Pair(
                name,
                saved(moved(first, (0, 0)), folder / f"{name}-before", dice),
                saved(moved(second, move), folder / f"{name}-after", dice),
            )
        )
    return Made(edit, with_shifts(made), told)


def _faulty(fault: str, edit: str, first: Image.Image, second: Image.Image, other: Image.Image) -> Image.Image:
    if fault == "same":
        return first
    if fault == "other":
        return ImageOps.fit(other, first.size)
    if fault == "relit":
        return ImageEnhance.Brightness(second).enhance(0.6)
    return OPPOSITE[edit](first)


def opened(path: Path) -> Image.Image:
    """Return a picture in RGB, no side longer than `LONGER_SIDE`."""
    with Image.open(path) as picture:
        shown: Image.Image = picture.convert("RGB")
    shown.thumbnail((LONGER_SIDE, LONGER_SIDE))
    return shown


def moved(picture: Image.Image, move: tuple[int, int]) -> Image.Image:
    """Return the picture without its margin, moved by some pixels."""
    right, down = move
    return picture.crop((MARGIN + right, MARGIN + down, picture.width - MARGIN + right, picture.height - MARGIN + down))


def saved(picture: Image.Image, path: Path, dice: random.Random) -> Path:
    """Write a half as PNG or JPEG, and return its path with the ending."""
    if dice.random() < 0.3:
        picture.save(path.with_suffix(".png"))
        return path.with_suffix(".png")
    picture.save(path.with_suffix(".jpg"), quality=dice.randint(60, 95))
    return path.with_suffix(".jpg")


def score(made: Made) -> Counter[str]:
    """Return how many planted pairs there are and are named, by fault, and how many sound ones are named."""
    finding = next(iter(check(Case(dataset=Dataset((), pairs=made.pairs)))))
    told = {pair.name for pair in made.pairs if pair.after in finding.paths}
    counts: Counter[str] = Counter()
    for pair in made.pairs:
        fault = made.faults.get(pair.name, "sound")
        counts[f"{fault} of"] += 1
        counts[fault] += pair.name in told
    return counts


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measures", action="store_true")
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    paths = sorted(path for folder in asked.pictures for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for _ in range(asked.rounds):
        for edit in EDITS:
            for faults in (faults_for(edit), []):
                with tempfile.TemporaryDirectory() as folder:
                    made = make_set(edit, faults, dice.sample(paths, asked.pairs), dice, Path(folder))
                totals[edit] += score(made)
                if asked.measures:
                    _print_measures(made)
    for edit, counts in totals.items():
        faults = ["sound", *faults_for(edit)]
        print(f"{edit:14}", ", ".join(f"{fault}: {counts[fault]} of {counts[f'{fault} of']} named" for fault in faults))


def _print_measures(made: Made) -> None:
    for pair in made.pairs:
        found = pair.difference
        if found is not None:
            numbers = " ".join(f"{number:8.4f}" for number in found)
            print(
                f"{made.edit:14} {made.faults.get(pair.name, 'sound'):9} {numbers} {f'{pair.shift.length:.1f} px' if pair.shift else 'no clear shift'}"
            )


if __name__ == "__main__":
    main()
