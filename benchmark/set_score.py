"""Score the rules about a set as a whole (framing, plain backgrounds, variety, overused tags) on sets that are drawn from labelled pictures.

usage: python -m benchmark.set_score DIR... [--seed N] [--trials N] [--markdown]
Each DIR holds pictures, and perhaps `labels.json` (a generator's truth: `images` with `file`, `kind`, `attrs.framing`, `attrs.background`). Sets of 12, 20 and 40
are drawn again and again: some sound ones, and some with a planted fault in 75 to 100 % of their pictures. What varies too little is planted
by changing pictures: one place behind the middle of each, one median and contrast, one mean colour, each a little off. A tag is planted by
writing it into captions, and by taking it out of the others.
"""

from __future__ import annotations

import argparse
import io
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from benchmark.dataset_score import row
from orchestrator.dataset.looked import Looked
from orchestrator.dataset.model import Dataset
from orchestrator.dataset.pixels.background import PLAIN_SHARE_ABOVE
from orchestrator.dataset.pixels.decode import Decoded, decode_bytes
from orchestrator.dataset.pixels.measure import facts_of
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules import framing_imbalance, low_variety, overused_tag, plain_background

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.model import Folder, Picture
    from orchestrator.dataset.pixels.model import PixelFacts

    Pixels = NDArray[np.float64]

SIZES: Final = (12, 20, 40)
SIDE: Final = 200
"""Pixels of the longer side that pictures are looked at with: the rules ask for means and tones alone."""
FRAMINGS: Final = {"face": "head", "upper": "upper-body", "full": "full-body"}
PLANTED_TAGS: Final = ("smile", "looking at viewer", "outdoors", "sitting", "rain", "holding cup")
ASPECTS: Final = ("background", "light", "colour")


@dataclass(frozen=True, slots=True)
class Shot:
    """A sound picture with its labels, empty where nobody wrote any."""

    picture: Picture
    folder: Folder
    facts: PixelFacts
    framing: str
    background: str


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dirs", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=30, help="sets of each size, sound ones and planted ones")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    shots = [shot for folder in asked.dirs for shot in load(folder)]
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    if any(shot.framing for shot in shots):
        score_framing(shots, rng, asked.trials, totals)
        score_plain(shots, rng, asked.trials, totals)
        # Dice of its own, so that the other rows stay as they were.
        score_overused(shots, np.random.default_rng(asked.seed), asked.trials, totals)
    score_variety([shot for shot in shots if not is_plain(shot)], rng, asked.trials, totals)
    print(f"{len(shots)} sound pictures, {asked.trials} sets of each size and kind")
    for rule, counts in sorted(totals.items()):
        print(row(rule, counts, is_markdown=asked.markdown))


def load(folder: Path) -> Iterator[Shot]:
    """Return the pictures of a folder that are sound by their labels, looked at."""
    labelled: dict[str, Any] = {}
    if (folder / "labels.json").is_file():
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        labelled = {str(folder / image["file"]): image for image in labels["images"]}
    places = {path.parent for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}}
    for found in scan_dataset(FolderRequest(place) for place in sorted(places)).folders:
        for picture in found.pictures:
            label = labelled.get(str(picture.path), {"kind": "clean", "caption_issues": [], "attrs": {}})
            if label["kind"] == "clean" and not label["caption_issues"]:
                attrs = label["attrs"]
                framing, background = FRAMINGS.get(attrs.get("framing"), ""), attrs.get("background", "")
                yield Shot(picture, found, seen(opened(picture.path)), framing, background)


def opened(path: Path) -> Image.Image:
    """Return the picture, small."""
    with Image.open(path) as picture:
        small: Image.Image = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    return small


def seen(picture: Image.Image) -> PixelFacts:
    """Return its facts."""
    raw = io.BytesIO()
    picture.save(raw, "PNG", compress_level=1)
    return facts_of(decode_bytes(raw.getvalue(), Decoded()))


def is_plain(shot: Shot) -> bool:
    """Return whether its background is plain, by label or measure."""
    return shot.background == "white" or (shot.facts.background_share or 0.0) > PLAIN_SHARE_ABOVE


def case_of(shots: Sequence[Shot]) -> Case:
    """Return the case of a set; a picture that was drawn twice gets another path, as if it were another picture."""
    named = [(replace(s.picture, path=s.picture.path.with_stem(f"{i:03}")), s.facts) for i, s in enumerate(shots)]
    folder = replace(shots[0].folder, pictures=tuple(picture for picture, _ in named))
    looked = Looked({picture.path: facts for picture, facts in named})
    return Case(dataset=Dataset((folder,), looked=looked), kind="character")


def drawn(
    pool: Sequence[Shot], others: Sequence[Shot], size: int, share: float, rng: np.random.Generator
) -> list[Shot]:
    """Return `size` pictures, this share of them from `pool`, none twice."""
    count = min(round(size * share), len(pool))
    picked = [pool[i] for i in rng.choice(len(pool), count, replace=False)]
    taken = {shot.picture.path for shot in picked}
    rest = [shot for shot in others if shot.picture.path not in taken]
    return picked + [rest[i] for i in rng.choice(len(rest), size - count, replace=False)]


def count_told(totals: Counter[str], *, is_planted: bool, is_told: bool) -> None:
    """Count one set."""
    totals["planted" if is_planted else "sound"] += 1
    if is_told:
        totals["named" if is_planted else "false"] += 1


def score_framing(shots: list[Shot], rng: np.random.Generator, trials: int, totals: dict[str, Counter[str]]) -> None:
    """One framing on 85 to 100 %, none of the full body, or as the labels have them."""
    by_kind = {kind: [shot for shot in shots if shot.framing == kind] for kind in FRAMINGS.values()}
    without = [shot for shot in shots if shot.framing != "full-body"]
    for size in (size for size in SIZES for _ in range(trials)):
        kind = str(rng.choice(list(by_kind)))
        others = [shot for shot in shots if shot.framing != kind]
        planted = drawn(by_kind[kind], others, size, rng.uniform(0.85, 1.0), rng)
        for name, case, is_planted in (
            ("one framing", planted, True),
            ("no full body", drawn(without, without, size, 0.5, rng), True),
            ("sound", drawn(shots, shots, size, 0.5, rng), False),
        ):
            counts = Counter(shot.framing for shot in case)
            is_sound = max(counts.values()) <= 0.7 * size and counts["full-body"] and counts["head"]
            if is_planted or is_sound:
                is_told = any(one.is_fired for one in framing_imbalance.check(case_of(case)))
                count_told(totals["framing-imbalance"], is_planted=is_planted, is_told=is_told)
                if is_planted and not is_told:
                    totals["framing-imbalance"][f"missed {name}"] += 1


def score_plain(shots: list[Shot], rng: np.random.Generator, trials: int, totals: dict[str, Counter[str]]) -> None:
    """White behind 75 to 100 %, or behind half of them at most."""
    white, others = ([s for s in shots if (s.background == "white") is is_white] for is_white in (True, False))
    for size in (size for size in SIZES for _ in range(trials)):
        for is_planted, share in ((True, rng.uniform(0.75, 1.0)), (False, rng.uniform(0.0, 0.5))):
            case = case_of(drawn(white, others, size, share, rng))
            is_told = any(one.is_fired for one in plain_background.check(case))
            count_told(totals["plain-background"], is_planted=is_planted, is_told=is_told)


def score_overused(shots: list[Shot], rng: np.random.Generator, trials: int, totals: dict[str, Counter[str]]) -> None:
    """One tag on 75 to 100 %, or on half of them at most; another tag that is told counts as false where it is on 60 % or fewer."""
    for size in (size for size in SIZES for _ in range(trials)):
        tag = str(rng.choice(PLANTED_TAGS))
        for is_planted, share in ((True, rng.uniform(0.75, 1.0)), (False, rng.uniform(0.0, 0.5))):
            case = [
                replace(
                    shot,
                    picture=replace(shot.picture, caption=with_tag(shot, tag, is_there=place < round(share * size))),
                )
                for place, shot in enumerate(drawn(shots, shots, size, 0.5, rng))
            ]
            findings = [one for one in overused_tag.check(case_of(case)) if one.is_fired]
            told = {evidence.source for finding in findings for evidence in finding.evidence}
            totals["overused-tag"]["planted"] += is_planted
            totals["overused-tag"]["named"] += is_planted and tag in told
            rare = {one for one in told if sum(one in tags_of(shot) for shot in case) <= 0.6 * size}
            totals["overused-tag"]["false"] += len(rare)


def tags_of(shot: Shot) -> list[str]:
    """Return the tags of its caption as they are written."""
    return [tag.strip() for tag in (shot.picture.caption or "").split(",")]


def with_tag(shot: Shot, tag: str, *, is_there: bool) -> str:
    """Return its caption with the tag at the end, or without it."""
    return ", ".join([*(one for one in tags_of(shot) if one != tag), *([tag] if is_there else [])])


def score_variety(shots: list[Shot], rng: np.random.Generator, trials: int, totals: dict[str, Counter[str]]) -> None:
    """One background, light or colour on 75 to 100 %, or the pictures as they are."""
    for aspect, change in zip(ASPECTS, (same_background, same_light, same_colour), strict=True):
        for size in (size for size in SIZES for _ in range(trials)):
            count = round(size * rng.uniform(0.75, 1.0))
            sound = drawn(shots, shots, size, 0.5, rng)
            first = opened(sound[0].picture.path)
            planted = [
                replace(shot, facts=seen(change(opened(shot.picture.path), first, rng))) if place < count else shot
                for place, shot in enumerate(sound)
            ]
            for case, is_planted in ((planted, True), (sound, False)):
                told = narrow(next(iter(low_variety.check(case_of(case)))))
                count_told(totals[f"low-variety, {aspect}"], is_planted=is_planted, is_told=aspect in told)
                for other in told - {aspect} if is_planted else ():
                    # Not wrong: one place behind everybody mostly is one light too.
                    totals[f"low-variety, {aspect}"][f"false {other} besides"] += 1


def narrow(finding: Finding) -> set[str]:
    """Return what the rule calls narrow."""
    return {aspect for aspect in ASPECTS if finding.is_fired and f"{aspect} (" in finding.message.en}


def same_background(picture: Image.Image, first: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Put the middle of the picture before what the first one shows, shifted and lit a little otherwise."""
    width, height = picture.size
    left, top = rng.uniform(0, 0.06, 2)
    box = (left * first.width, top * first.height, (left + 0.94) * first.width, (top + 0.94) * first.height)
    place = first.resize(picture.size, box=box)
    place = Image.fromarray(clipped(np.asarray(place, np.float64) * rng.uniform(0.93, 1.07)))
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse([width * 0.22, height * 0.2, width * 0.78, height * 1.2], fill=255)
    return Image.composite(picture, place, mask.filter(ImageFilter.GaussianBlur(width / 40)))


def same_light(picture: Image.Image, _first: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Bring median and contrast of grey to about 110 and 50."""
    planes = np.asarray(picture.convert("YCbCr"), np.float64).copy()
    grey = planes[..., 0]
    planes[..., 0] = (grey - np.median(grey)) * (50 + rng.normal(0, 3)) / max(1.0, grey.std()) + 110 + rng.normal(0, 3)
    return Image.fromarray(clipped(planes), "YCbCr").convert("RGB")


def same_colour(picture: Image.Image, _first: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Bring the mean colour to about one warm tint."""
    planes = np.asarray(picture.convert("YCbCr"), np.float64).copy()
    planes[..., 1:] += rng.normal((112, 146), 1) - planes[..., 1:].mean(axis=(0, 1))
    return Image.fromarray(clipped(planes), "YCbCr").convert("RGB")


def clipped(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the pixels as bytes."""
    whole: NDArray[np.uint8] = pixels.clip(0, 255).round().astype(np.uint8)
    return whole


if __name__ == "__main__":
    main()
