"""Weigh and score the finder of text laid over pictures (orchestrator/dataset/pixels/overlay.py).

usage: overlay_score.py fit PICTURES... --fonts FONT... [--seed N]     weights, from own overlays on clean pictures
       overlay_score.py score (LABELS.json | PICTURES)... [--fonts FONT...] [--seed N]
PICTURES: a folder of clean pictures; with fonts, the share of own overlays that is found there is told as well.
LABELS.json: a labelled set, `images` with `file`, `kind` and `issues` (`text_overlay`).
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from orchestrator.dataset.pixels.lines import candidates
from orchestrator.dataset.pixels.overlay import overlays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
WORDS = "and because before could every found great house invite jump kept little morning never over quiet river sold time us very where you".split()  # noqa: SIM905 - readable
HAN = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多"
DARK_INK, LIGHT_INK = (0, 0, 0), (255, 255, 255)


def _text(rng: np.random.Generator, kind: str, *, is_han: bool) -> str:
    count = int(rng.integers(5, 16 if kind == "subtitle" else 11))
    if is_han:
        return "".join(rng.choice(list(HAN), count))
    text = str(rng.choice(["", "@", "(c) ", "www."])) if kind == "corner" else ""
    while len(text) < count * (1.7 if kind == "subtitle" else 1.1):
        text += str(rng.choice(["_", ".", " "]) if kind == "corner" else " ") * bool(text) + str(rng.choice(WORDS))
    return text.upper() if kind in {"diagonal", "tiled"} and rng.random() < 0.6 else text


def draw_overlay(picture: Image.Image, rng: np.random.Generator, fonts: Sequence[str]) -> tuple[Image.Image, Any, str]:
    """Return the picture with text laid over it, where the text is, and what it is."""
    picture = picture.convert("RGBA")
    side = min(picture.size)
    kind = str(rng.choice(["subtitle", "corner", "diagonal", "tiled", "free"], p=[0.35, 0.25, 0.2, 0.1, 0.1]))
    path = fonts[int(rng.integers(len(fonts)))]
    sizes = {"subtitle": (0.04, 0.075), "corner": (0.03, 0.06), "diagonal": (0.06, 0.14), "tiled": (0.04, 0.08)}
    size = max(9, int(rng.uniform(*sizes.get(kind, (0.035, 0.1))) * side))
    font = ImageFont.truetype(path, size)
    ink = LIGHT_INK if rng.random() < 0.8 else DARK_INK
    opacity = {"subtitle": (0.9, 1), "diagonal": (0.25, 0.6), "tiled": (0.25, 0.6)}.get(kind, (0.5, 1))
    alpha = int(255 * rng.uniform(*opacity))
    outline: dict[str, Any] = {}
    if kind == "subtitle" or (kind in {"corner", "free"} and rng.random() < 0.5):
        rim = DARK_INK if ink == LIGHT_INK else LIGHT_INK
        outline = {"stroke_width": max(1, int(size * rng.uniform(0.04, 0.09))), "stroke_fill": (*rim, alpha)}
    layer, mask = Image.new("RGBA", picture.size, (*ink, 0)), Image.new("L", picture.size, 0)
    draw, draw_mask = ImageDraw.Draw(layer), ImageDraw.Draw(mask)
    for x, y, text in _places(kind, picture.size, size, (rng, draw, font)):
        draw.text((x, y), text, font=font, fill=(*ink, alpha), **outline)
        draw_mask.rectangle(draw.textbbox((x, y), text, font=font), fill=255)
    if kind in {"diagonal", "tiled"}:
        angle = float(rng.choice([-1, 1]) * rng.uniform(15, 45))
        layer, mask = layer.rotate(angle, resample=Image.Resampling.BILINEAR), mask.rotate(angle)
    buffer = io.BytesIO()
    Image.alpha_composite(picture, layer).convert("RGB").save(buffer, "JPEG", quality=int(rng.integers(80, 96)))
    return Image.open(buffer), np.asarray(mask) > 0, kind


def _places(
    kind: str, shape: tuple[int, int], size: int, tools: tuple[Any, Any, Any]
) -> Iterator[tuple[float, float, str]]:
    rng, draw, font = tools
    width, height = shape
    text = _text(rng, kind, is_han="wqy" in str(font.path).lower() or "cjk" in str(font.path).lower())
    while draw.textlength(text, font) > width * 0.95:
        text = text[:-1]
    length = draw.textlength(text, font)
    margin = 0.02 * min(shape)
    if kind == "subtitle":
        yield (width - length) / 2, height * rng.uniform(0.82, 0.93), text
    elif kind == "corner":
        x = margin if rng.random() < 0.4 else width - length - margin
        yield x, margin if rng.random() < 0.25 else height - size * 1.4 - margin, text
    elif kind == "free":
        yield rng.uniform(0, 0.4) * width, rng.uniform(0.05, 0.9) * height, text
    elif kind == "diagonal":
        yield (width - length) / 2, height / 2 - size / 2, text
    else:
        for y in np.arange(0, height, size * rng.uniform(3, 5)):
            for x in np.arange(-rng.uniform(0, length), width, length * 1.4):
                yield x, y, text


def _grey(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("L"))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _rows(grey: Any, mask: Any | None) -> Iterator[tuple[bool, dict[str, float]]]:
    """Yield slant and features of every candidate; with a mask only of those that lie on the text."""
    for lines in candidates(grey):
        for index, (x0, y0, x1, y1) in enumerate(lines.boxes.tolist()):
            if mask is not None:
                points = np.linspace(0.05, 0.95, 9)
                slope = float(lines.features["lean"][index])
                ys = (y0 + y1) / 2 + slope * (points - 0.5) * (x1 - x0) * grey.shape[1] / grey.shape[0]
                at = (
                    (ys * (grey.shape[0] - 1)).astype(int),
                    ((x0 + points * (x1 - x0)) * (grey.shape[1] - 1)).astype(int),
                )
                if mask[at].mean() < 0.7:
                    continue
            yield lines.is_slanted, {name: float(values[index]) for name, values in lines.features.items()}


def fit(folders: Sequence[Path], fonts: Sequence[str], seed: int) -> None:
    """Print weights of a logistic regression (ridge 0.02, both classes weighing the same)."""
    from scipy.optimize import minimize

    data: dict[bool, list[tuple[dict[str, float], bool]]] = defaultdict(list)
    for number, path in enumerate(path for folder in folders for path in _pictures(folder)):
        picture = Image.open(path).convert("RGB")
        for is_slanted, features in _rows(_grey(picture), None):
            data[is_slanted].append((features, False))
        shown, mask, _ = draw_overlay(picture, np.random.default_rng([seed, number]), fonts)
        for is_slanted, features in _rows(_grey(shown), mask):
            data[is_slanted].append((features, True))
    for is_slanted, rows in sorted(data.items()):
        names = [name for name in rows[0][0] if name not in {"lean", "variety"}]  # for the mask, and a limit of its own
        raw = np.array([[features[name] for name in names] for features, _ in rows])
        truth = np.array([is_text for _, is_text in rows], dtype=float)
        middle, spread = raw.mean(axis=0), raw.std(axis=0) + 1e-9
        table = np.c_[(raw - middle) / spread, np.ones(len(raw))]
        weight = np.where(truth > 0, 0.5 / truth.sum(), 0.5 / (1 - truth).sum())

        def loss(guess: Any, table: Any = table, truth: Any = truth, weight: Any = weight) -> tuple[float, Any]:
            value = table @ guess
            ridge = np.r_[guess[:-1], 0]
            slope = table.T @ (weight * (1 / (1 + np.exp(-value)) - truth)) + 0.04 * ridge
            return float((weight * (np.logaddexp(0, value) - truth * value)).sum() + 0.02 * (ridge**2).sum()), slope

        found = minimize(loss, np.zeros(table.shape[1]), jac=True).x
        weights = dict(zip(names, (found[:-1] / spread).round(3).tolist(), strict=True))
        weights["bias"] = round(float(found[-1] - (found[:-1] * middle / spread).sum()), 3)
        print("slanted" if is_slanted else "level", f"{int(truth.sum())} of {len(rows)} are text", json.dumps(weights))
        print("   importance", json.dumps(dict(zip(names, found[:-1].round(2).tolist(), strict=True))))


def score(places: Sequence[Path], fonts: Sequence[str], seed: int) -> None:
    """Print recall and false alarms of each place, by kind."""
    for place in places:
        said: dict[str, list[float]] = defaultdict(list)
        kinds: dict[str, int] = defaultdict(int)
        spent: list[float] = []
        for name, grey in _cases(place, fonts, seed):
            begin = time.process_time()
            found = overlays(grey)
            spent.append((time.process_time() - begin) * 1e9 / grey.size)
            said[name].append(max((region.score for region in found), default=0.0))
            if name == "clean" and found:
                kinds[found[0].kind] += 1
        print(
            place,
            f"ms per megapixel: median {np.median(spent):.1f}, worst {max(spent):.1f}; false alarms by kind {dict(kinds)}",
        )
        for name, scores in sorted(said.items()):
            values = np.array(scores)
            shares = ", ".join(f"{(values >= cut).mean():.3f} at {cut}" for cut in (0.5, 0.7, 0.9))
            print(f"   {name:16} {len(values):4}  told {shares}")


def _cases(place: Path, fonts: Sequence[str], seed: int) -> Iterator[tuple[str, Any]]:
    if place.is_file():
        for row in json.loads(place.read_text(encoding="utf-8"))["images"]:
            if row["kind"] == "clean" or "text_overlay" in row["issues"]:
                yield row["kind"], _grey(Image.open(place.parent / row["file"]))
        return
    for number, path in enumerate(_pictures(place)):
        picture = Image.open(path).convert("RGB")
        yield "clean", _grey(picture)
        if fonts:
            shown, _, kind = draw_overlay(picture, np.random.default_rng([seed, number]), fonts)
            yield kind, _grey(shown)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fit", "score"))
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--fonts", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    (fit if given.what == "fit" else score)(given.places, given.fonts, given.seed)


if __name__ == "__main__":
    main()
