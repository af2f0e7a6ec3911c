"""The table of pictures: the hardest, the easiest and the suspicious, with a small picture where the file is there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import telemetry
from orchestrator.diagnose.measured import picture_effects
from orchestrator.diagnose.signals.probe import percent
from orchestrator.report.numbers import NOTHING
from orchestrator.report.samples import thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from markupsafe import Markup

    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.pictures import PictureEffect
    from orchestrator.report.chart_view import Sayer
    from orchestrator.report.model import ReportData

EACH = 5
"""How many of the hardest and of the easiest."""
MOST_SUSPICIOUS = 10
SURE_Q = 0.05
FAR_Z = 3.5
"""Robust z beyond which a value is called an outlier: Iglewicz and Hoaglin 1993."""
LONGEST = 96
"""Longest side of a small picture, pixels."""
MOST_PIXELS = 24_000_000
"""Decoded for all small pictures of a report together, so that it stays quick."""
JPEG_COST = 1 / 16
"""A JPEG is decoded at a quarter of its size or less."""
MOST_CAPTION = 160
WORDS: dict[str, Text] = {
    "hardest": Text("hardest", "最难"),
    "easiest": Text("easiest", "最易"),
    "suspicious": Text("suspicious", "可疑"),
    "held_out": Text("held out", "留出"),
}
NOTE = Text(
    "How much higher or lower the loss of a picture is than that of the usual one, at the same timesteps. Look at the hardest: wrong "
    "caption, other subject, bad crop? The easiest may be copies of one another. Suspicious: an outlier that chance does not explain "
    f"(|z| at least {short_number(FAR_Z)}, false-discovery rate {short_number(100 * SURE_Q)} %).",
    "在相同时间步上，每张图片的损失比通常的图片高或低多少。请看最难的几张：标注错误、主体不同、裁剪不当？最易的可能彼此重复。"
    f"可疑：无法用偶然解释的离群图片（|z| 不小于 {short_number(FAR_Z)}，错误发现率 {short_number(100 * SURE_Q)} %）。",
)
NO_TELEMETRY = Text(
    "Which pictures are hard is known only with telemetry: runs of `lora-run` record it unless the recipe says `telemetry: off`.",
    "只有带遥测记录才能知道哪些图片难学：用 `lora-run` 训练时会自动记录，除非配方写有 `telemetry: off`。",
)
TOO_LITTLE = Text(
    "Too few losses, or too few known pictures, to compare pictures.", "损失记录或已知图片太少，无法比较图片。"
)


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture."""

    name: str
    tags: tuple[tuple[str, str], ...]
    """(kind, words)."""
    effect: str
    exposures: str
    z: str
    q: str
    caption: str
    uri: Markup | None
    """`data:` URI of the small picture; None where the file is not there or is no picture."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PictureTable:
    """The rows, hardest first."""

    rows: tuple[PictureRow, ...]
    note: str
    total: int

    @property
    def has_small(self) -> bool:
        """Whether there is at least one small picture."""
        return any(row.uri is not None for row in self.rows)


def picture_table(data: ReportData, say: Sayer) -> PictureTable | None:
    """Return the table; None where single pictures cannot be compared."""
    found, seen = picture_effects(data.case), telemetry(data.case)
    if found is None or seen is None or not found.rows:
        return None
    chosen = choose(found.rows)
    known = {picture.index: picture for picture in seen.pictures}
    files = _files(data.case)
    left = MOST_PIXELS
    rows = []
    for row, kinds in chosen:
        picture = known.get(row.index)
        name = picture.name if picture is not None else f"#{row.index}"
        path, caption = files.get(name, (None, ""))
        small, cost = _small(path, left)
        left -= cost
        held = ["held_out"] if picture is not None and picture.is_held_out else []
        rows.append(
            PictureRow(
                name,
                tuple((kind, WORDS[kind].to(say.language)) for kind in (*kinds, *held)),
                _percent(row.effect),
                str(row.exposures),
                _number(row.z),
                _number(row.q),
                caption if len(caption) <= MOST_CAPTION else caption[: MOST_CAPTION - 1] + "…",
                *(small or (None, 0, 0)),
            )
        )
    return PictureTable(tuple(rows), NOTE.to(say.language), len(found.rows))


def why_no_pictures(data: ReportData) -> Text:
    """Return why there is no table."""
    return NO_TELEMETRY if telemetry(data.case) is None else TOO_LITTLE


def choose(rows: Sequence[PictureEffect]) -> list[tuple[PictureEffect, tuple[str, ...]]]:
    """Return the pictures to show in the order of `rows` (hardest first), each with what it is shown for."""
    each = min(EACH, max(1, len(rows) // 2))
    odd = sorted((row for row in rows if is_suspicious(row)), key=lambda row: -abs(row.z))[:MOST_SUSPICIOUS]
    suspicious = {row.index for row in odd}
    kinds: list[tuple[str, Iterable[int]]] = [
        ("hardest", [row.index for row in rows[:each]]),
        ("easiest", [row.index for row in rows[-each:]]),
        ("suspicious", suspicious),
    ]
    chosen = [(row, tuple(kind for kind, members in kinds if row.index in members)) for row in rows]
    return [(row, tags) for row, tags in chosen if tags]


def is_suspicious(row: PictureEffect) -> bool:
    """Return whether a picture is an outlier that chance does not explain."""
    return abs(row.z) >= FAR_Z and row.q < SURE_Q


def _files(case: Case) -> dict[str, tuple[Path, str]]:
    """Return folder and name as the trainer saw them -> (the user's file, its caption)."""
    plan, dataset = case.plan, case.dataset
    captions = {p.path: p.caption or "" for f in (dataset.folders if dataset else ()) for p in f.pictures}
    subsets = (*plan.subsets, *((plan.validation,) if plan.validation else ())) if plan is not None else ()
    return {
        "/".join(link.path.split("/")[-2:]): (link.target, captions.get(link.target, ""))
        for subset in subsets
        for link in subset.links
    }


def _small(path: Path | None, most_pixels: int) -> tuple[tuple[Markup, int, int] | None, int]:
    """Return the small picture and the pixels that were decoded for it."""
    from PIL import Image

    if path is None:
        return None, 0
    try:
        with Image.open(path) as picture:
            cost = round(picture.width * picture.height * (JPEG_COST if picture.format == "JPEG" else 1))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None, 0
    return (thumbnail(path, LONGEST), cost) if cost <= most_pixels else (None, 0)


def _percent(effect: float) -> str:
    value = percent(effect)
    return f"{'+' if value > 0 else ''}{short_number(value, 3)} %"


def _number(value: float) -> str:
    return short_number(value, 2) if math.isfinite(value) else NOTHING
