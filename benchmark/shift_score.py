"""Make edit pairs whose halves lie 0 to 8 pixels apart, and score what is measured and what `pair-pixel-shift` says of it.

usage: python -m benchmark.shift_score PICTURES... [--seed N] [--pairs N] [--markdown]
PICTURES: folders of clean pictures. A third of the pairs is not moved, a third by whole pixels, a third between them; each has one of the edits of
`pair_score`, and is kept as JPEG 60 to 95 or PNG. Halves that lie less than a pixel apart count neither as planted nor as sound.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from PIL import Image

from benchmark.dataset_score import row
from benchmark.pair_score import EDITS, SUFFIXES, opened, saved
from orchestrator.dataset.model import Dataset
from orchestrator.dataset.pairs import Pair, with_shifts
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.pair_pixel_shift import RULE, check

if TYPE_CHECKING:
    from collections.abc import Sequence

FARTHEST = 8.0
"""Pixels."""
MARGIN = 10
LEAST_PLANTED = 1.0
"""Pixels from which a shift is asked for: twice the limit of the rule."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A pair, measured, and how far its second half was moved to the right and down, in pixels."""

    pair: Pair
    right: float
    down: float

    @property
    def length(self) -> float:
        """In pixels."""
        return math.hypot(self.right, self.down)

    @property
    def error(self) -> float | None:
        """Pixels between what was measured and what was done; None where nothing fitted clearly."""
        shift = self.pair.shift
        return None if shift is None else math.hypot(shift.right - self.right, shift.down - self.down)


def make(pictures: Sequence[Path], dice: random.Random, folder: Path) -> list[Moved]:
    """Write a pair made of each picture into `folder`, and measure it."""
    pairs, moves = [], []
    for place, path in enumerate(pictures):
        right, down = _move(place, dice)
        edit = dice.choice(sorted(EDITS))
        first, second = EDITS[edit](opened(path), dice)
        both = (_cut(first, 0.0, 0.0), _cut(second, right, down))
        name = f"{place:04}-{edit}"
        before, after = saved(both[0], folder / f"{name}-before", dice), saved(both[1], folder / f"{name}-after", dice)
        pairs.append(Pair(name, before, after))
        moves.append((right, down))
    return [Moved(pair, *move) for pair, move in zip(with_shifts(pairs), moves, strict=True)]


def _move(place: int, dice: random.Random) -> tuple[float, float]:
    if place % 3 == 0:
        return 0.0, 0.0
    far, way = dice.uniform(0.0, FARTHEST), dice.uniform(0.0, 2 * math.pi)
    right, down = far * math.cos(way), far * math.sin(way)
    return (float(round(right)), float(round(down))) if place % 3 == 1 else (right, down)


def _cut(picture: Image.Image, right: float, down: float) -> Image.Image:
    """Return the picture without its margin, what it shows moved to the right and down."""
    moved = picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down), Image.Resampling.BICUBIC
    )
    return moved.crop((MARGIN, MARGIN, picture.width - MARGIN, picture.height - MARGIN))


def score(made: Sequence[Moved]) -> Counter[str]:
    """Return how many moved pairs there are and are named, and how many are named that were not moved."""
    finding = next(iter(check(Case(dataset=Dataset((), pairs=tuple(one.pair for one in made))))))
    told = set(finding.paths)
    counts: Counter[str] = Counter()
    for one in made:
        is_told, is_planted = one.pair.after in told, one.length >= LEAST_PLANTED
        counts["planted"] += is_planted
        counts["named"] += is_planted and is_told
        counts["sound"] += not one.length
        counts["false"] += is_told and not one.length
        if is_planted and not is_told:
            counts[f"missed {one.pair.name.partition('-')[2]}"] += 1
    return counts


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    paths = sorted(path for folder in asked.pictures for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    with tempfile.TemporaryDirectory() as folder:
        made = make(dice.sample(paths, min(asked.pairs, len(paths))), dice, Path(folder))
    counts, errors = score(made), [one.error for one in made if one.length and one.error is not None]
    print(row(RULE.name, counts, is_markdown=asked.markdown))
    print(
        f"{len(made)} pairs, {counts['sound']} of them not moved; {len(errors)} of the others clear: median error {median(errors):.3f} px, largest {max(errors):.3f} px"
    )


if __name__ == "__main__":
    main()
