"""Cases in which somebody has looked at the pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.dataset.looked import CopyGroup, Looked
from orchestrator.dataset.pixels.model import PixelFacts
from orchestrator.diagnose.rule import Case
from tests.diagnose.cases import dataset, folder, picture

if TYPE_CHECKING:
    from pathlib import Path

SOUND = PixelFacts(
    digest=b"x", size_bytes=1000, width=832, height=1216, format="png", mode="RGB", sharpness=0.6, p01=8.0, p50=120.0,
    p95=220.0, clipped_share=0.02, contrast=55.0, chroma=60.0, blockiness=1.0, background_share=0.0,
)  # fmt: skip
"""A picture with which nothing is wrong."""


def looked_at(*changes: dict[str, Any], groups: tuple[CopyGroup, ...] | None = (), is_whole: bool = True) -> Case:
    """Return a case of pictures 000.png ..., each sound but for its changes, and ten sound ones."""
    facts = [replace(SOUND, **change) for change in (*changes, *({} for _ in range(10)))]
    pictures = [picture(f"{i:03}.png") for i in range(len(facts))]
    found = Looked({p.path: one for p, one in zip(pictures, facts, strict=True)}, groups, is_whole)
    return Case(dataset=replace(dataset(folder(pictures)), looked=found))


def not_looked_at() -> Case:
    """Return a case of headers and captions only."""
    return Case(dataset=dataset(folder(12)))


def path(number: int) -> Path:
    """Return the path of a picture of `looked_at`."""
    return picture(f"{number:03}.png").path
