"""Sample pictures in a grid: one row per prompt, one column per moment of the run."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from orchestrator.report.labels import label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.observation import Sample
    from orchestrator.core.text import Language
    from orchestrator.report.model import ReportData

THUMBNAIL = 256
"""Longest side in pixels."""
MAX_COLUMNS, MAX_ROWS = 9, 8
MAX_PIXELS = 64_000_000
"""Larger pictures are not decoded: a sample picture never is that large, a hostile file may say so."""
_NO_PICTURE = Markup()


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid."""

    uri: Markup
    """`data:` URI, empty where there is no picture to show."""
    alt: str
    note: str
    """Why there is no picture."""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt."""

    title: str
    prompt: str
    seed: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """All rows under their column heads."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str


def sample_grid(data: ReportData, language: Language) -> Grid | None:
    """Return the grid, or None where no sample was drawn. Long runs show the first, the last and evenly chosen others."""
    seen = data.case.observations
    if seen is None or not seen.samples or data.run_root is None:
        return None
    moments = sorted({_moment(sample) for sample in seen.samples})
    kept = _evenly(moments, MAX_COLUMNS)
    numbers = sorted({sample.prompt_index for sample in seen.samples})[:MAX_ROWS]
    by_place = {(sample.prompt_index, _moment(sample)): sample for sample in seen.samples}
    heads = tuple(_head(moment, language) for moment in kept)
    rows = []
    for number in numbers:
        of_prompt = [sample for sample in seen.samples if sample.prompt_index == number]
        prompt = next((sample.prompt for sample in of_prompt if sample.prompt), "")
        title = label("prompt_n", language).format(number=number + 1)
        words = [label("sample_of", language).format(prompt=prompt or number + 1, column=head) for head in heads]
        cells = tuple(
            _cell(by_place.get((number, moment)), data.run_root, alt, language)
            for moment, alt in zip(kept, words, strict=True)
        )
        seed = next((str(sample.seed) for sample in of_prompt if sample.seed is not None), "")
        rows.append(Row(title, prompt, seed, cells))
    shown, total = len(kept) * len(numbers), len(seen.samples)
    note = label("samples_thinned", language).format(shown=shown, total=total) if shown < total else ""
    return Grid(heads, tuple(rows), note)


def _moment(sample: Sample) -> tuple[int, int]:
    """(step or -1, epoch or -1): sorts steps before epochs of unknown step."""
    return (-1 if sample.step is None else sample.step, -1 if sample.epoch is None else sample.epoch)


def _head(moment: tuple[int, int], language: Language) -> str:
    step, epoch = moment
    if step == 0 or (step < 0 and epoch == 0):
        return label("before_training", language)
    if step > 0:
        return label("at_step", language).format(step=step)
    return label("at_epoch", language).format(epoch=epoch) if epoch > 0 else label("at_unknown", language)


def _evenly(moments: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(moments) <= most:
        return list(moments)
    last = len(moments) - 1
    return [moments[round(index * last / (most - 1))] for index in range(most)]


def _cell(sample: Sample | None, root: Path, alt: str, language: Language) -> Cell:
    if sample is None:
        return Cell(_NO_PICTURE, alt, label("sample_none", language))
    path = root / sample.path
    if not _is_inside(path, root):
        return Cell(_NO_PICTURE, alt, label("sample_absent", language))
    made = thumbnail(path)
    if made is None:
        return Cell(_NO_PICTURE, alt, label("sample_unreadable", language))
    return Cell(made[0], alt, "", made[1], made[2])


def _is_inside(path: Path, root: Path) -> bool:
    """Whether this is a file of the run folder. A record may be edited: nothing outside, no link to the outside is read."""
    try:
        return path.resolve().is_relative_to(root.resolve()) and path.is_file()
    except (OSError, ValueError):  # a name no file can have
        return False


def thumbnail(path: Path, longest: int = THUMBNAIL) -> tuple[Markup, int, int] | None:
    """Return (data URI, width, height) of a picture made small, None where the file is no readable picture.

    `longest`: its longest side in pixels. Encoded anew: nothing of the file but its pixels gets into the page.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("error")
            if picture.width * picture.height > MAX_PIXELS:
                return None
            picture.draft("RGB", (longest * 2, longest * 2))
            small = picture.convert("RGB")
        small.thumbnail((longest, longest))
        small.info.clear()  # else profiles and notes of the file would be written along
        bytes_out = io.BytesIO()
        small.save(bytes_out, "WEBP", quality=82)
    except (
        UserWarning,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return None
    uri = "data:image/webp;base64," + base64.b64encode(bytes_out.getvalue()).decode("ascii")
    return Markup(uri), small.width, small.height  # noqa: S704 (base64 holds nothing to escape)
