"""The small pictures of a page: each stands in it once, however often it is shown, and never more than a page can carry."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

MOST: Final = 1_200
"""Different pictures in one page: 4 MB of drawings, 6.5 MB at most; what stands around them stays below 1 MB (docs/log.md, 2026-11-29)."""
LONGEST: Final = 144
"""Longest side of a small picture, pixels."""
_QUALITY: Final = 68


@dataclass(frozen=True, slots=True)
class Small:
    """One small picture."""

    key: str
    """Its id in the page."""
    uri: Markup | None = None
    """`data:` URI; None where the file cannot be shown."""
    width: int = LONGEST
    height: int = LONGEST
    problem: str = ""
    """Why it cannot be shown: a word of `measured.FILE_PROBLEMS`."""


class Gallery:
    """Chooses which pictures a page shows, then makes them small."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._places: dict[Path, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def take(self, paths: Iterable[Path], most: int) -> list[Path]:
        """Return those of `paths` that are shown: the first `most`, as far as the page can carry them."""
        taken: list[Path] = []
        for path in paths:
            if len(taken) == most:
                break
            if path not in self._places:
                if len(self._places) == self._most:
                    continue
                self._places[path] = len(self._places)
            taken.append(path)
        return taken

    def make(self, progress: Callable[[int, int], None] | None = None) -> dict[Path, Small]:
        """Decode all that were taken. `progress` is told (files done, files in all)."""
        from concurrent.futures import ThreadPoolExecutor

        made = {}
        with ThreadPoolExecutor(thread_name_prefix="gallery") as pool:
            for path, small in zip(self._places, pool.map(_small, self._places.items()), strict=True):
                made[path] = small
                if progress is not None:
                    progress(len(made), len(self._places))
        return made


def fair(sizes: Sequence[int], most: int) -> list[int]:
    """Return how many of each group are shown so that together they are no more than `most`: small groups whole, large ones cut alike."""
    shown = [0] * len(sizes)
    left = most
    by_size = sorted(range(len(sizes)), key=lambda place: sizes[place])
    for rank, place in enumerate(by_size):
        shown[place] = min(sizes[place], left // (len(sizes) - rank))
        left -= shown[place]
    return shown


def _small(item: tuple[Path, int]) -> Small:
    """Return the picture as the trainer reads it: EXIF orientation not applied, transparency dropped. Only its pixels get into the page."""
    from PIL import Image

    from orchestrator.dataset.pixels.decode import decode

    path, place = item
    key = f"p{place}"
    found = decode(str(path))
    if found.small is None:
        return Small(key, problem=found.problem or "unreadable")
    height, width = found.small.shape[:2]
    picture = Image.frombytes("YCbCr", (width, height), found.small.tobytes())
    picture.thumbnail((LONGEST, LONGEST))
    written = BytesIO()
    picture.save(written, "JPEG", quality=_QUALITY, optimize=True)
    uri = "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")
    return Small(key, Markup(uri), picture.width, picture.height)  # noqa: S704 (base64 holds nothing to escape)
