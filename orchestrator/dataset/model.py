"""A data set as it lies on disk, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture file, from its header and its caption file. Pixels were not looked at."""

    path: Path
    width: int
    """Pixels as stored: EXIF orientation is not applied, as in the trainer."""
    height: int
    size_bytes: int
    format: str
    """From the header: `png`, `jpeg`, `webp`, `bmp` ..., empty where the header is not one of a picture."""
    problem: str = ""
    """Why the trainer could not read it: `empty-file`, `not-a-picture`, `truncated-header` ...; empty when fine."""
    orientation: int = 1
    """EXIF orientation; the trainer ignores it, so anything but 1 trains turned."""
    caption_path: Path | None = None
    caption: str | None = None
    """First line, as the trainer reads it (a BOM stays). None: no caption file."""
    caption_problem: str = ""
    """`empty-caption`, `caption-not-utf8`, `caption-bom`, `caption-many-lines`; empty when fine."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One concept's folder."""

    image_dir: Path
    pictures: tuple[Picture, ...]
    """Sorted by name; only files the trainer would take."""
    caption_extension: str
    """The one in use: the recipe's, or the one found most often, `.txt` where there is none."""
    other_captions: int = 0
    """Caption files with another known extension beside pictures that lack one."""
    orphan_captions: tuple[Path, ...] = ()
    """Caption files without a picture."""
    ignored: tuple[Path, ...] = ()
    """Files that look like pictures but that the trainer does not take (.gif, .Png, .heic ...)."""
    nested: tuple[tuple[Path, int], ...] = ()
    """Sub-folders that hold pictures, with their number: the trainer does not go down."""
    shared_stems: tuple[str, ...] = ()
    """Stems that more than one picture has: they share one caption and one latent cache."""
    is_reg: bool = False

    @property
    def captioned(self) -> int:
        """Pictures with a caption file."""
        return sum(1 for p in self.pictures if p.caption_path is not None)


@dataclass(frozen=True, slots=True)
class Dataset:
    """All concepts, in the recipe's order."""

    folders: tuple[Folder, ...]
    not_looked_at: tuple[str, ...] = ("pixels",)
    """What a scan of headers and captions does not see."""

    @property
    def train_picture_count(self) -> int:
        """Pictures of the subject, regularisation pictures excepted."""
        return sum(len(f.pictures) for f in self.folders if not f.is_reg)
