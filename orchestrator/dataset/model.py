"""A data set as it lies on disk, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.finding import Problem
    from orchestrator.dataset.layout import Role
    from orchestrator.dataset.looked import Looked
    from orchestrator.dataset.pairs import Pair


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture file, from its header and its caption file. Pixels were not looked at."""

    path: Path
    width: int
    """Pixels as stored: EXIF orientation is not applied, as in the trainer. 0 where the header cannot be read."""
    height: int
    size_bytes: int
    format: str
    """From the header: `png`, `jpeg`, `webp`, `bmp` ..., empty where the header is not one of a picture."""
    problem: str = ""
    """Why the trainer could not use it: `empty-file`, `not-a-picture`, `truncated-header`, `truncated-file`,
    `git-lfs-pointer`, `broken-link`, `not-a-file` (a folder or a pipe with the name of a picture), `unreadable`,
    `too-many-pixels` (the trainer refuses it as a bomb);
    empty when fine."""
    orientation: int = 1
    """EXIF orientation; the trainer ignores it, so anything but 1 trains turned."""
    caption_path: Path | None = None
    caption: str | None = None
    """First line, as the trainer reads it (a BOM stays). None: no caption file, or one that is no text."""
    caption_problem: str = ""
    """`empty-caption` (no bytes at all: the trainer dies), `caption-not-utf8` (it dies), `caption-unreadable`, `caption-link-outside` (a link to
    a text that is no caption: it is not read),
    `caption-bom`, `caption-multiline`, `blank-caption` (a first line of blanks); empty when fine."""
    traits: tuple[str, ...] = ()
    """What the header says besides the size: `alpha`, `gray-16-bit`, `cmyk`, `animated`."""
    read_short_px: int = 0
    """Pixels by which imagesize 1.4.1, the size reader of sd-scripts, reads each side too small: 1 for extended
    WebP files (those with alpha, EXIF, ICC profile or animation), else 0."""

    @property
    def size_seen_by_sd_scripts(self) -> tuple[int, int]:
        """(width, height) in pixels that sd-scripts puts into its buckets."""
        short = self.read_short_px
        if short and self.width > short:
            return self.width - short, self.height - short
        return self.width, self.height


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
    is_held_out: bool = False
    """Validation by its name, where no recipe says what it is for: its pictures are not trained on."""
    is_unread: bool = False
    """It could not be looked into, or nobody knows which folder is meant: that it shows no pictures says nothing."""

    @property
    def is_subject(self) -> bool:
        """Whether its pictures are trained on as the subject."""
        return not (self.is_reg or self.is_held_out)

    @property
    def role(self) -> Role:
        """What its pictures are for."""
        return "train" if self.is_subject else "regularisation" if self.is_reg else "validation"

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
    equal_files: tuple[tuple[Path, ...], ...] = ()
    """Groups of pictures that are byte for byte the same, in whatever folders."""
    problems: tuple[Problem, ...] = ()
    """Why folders are unread, and which of them two concepts name."""
    pairs: tuple[Pair, ...] = ()
    """Before and after, of a set whose names say so."""
    looked: Looked | None = None
    """What the pixels say; None where nobody looked."""

    @property
    def is_whole(self) -> bool:
        """Whether every folder was looked into."""
        return not any(f.is_unread for f in self.folders)

    @property
    def train_picture_count(self) -> int:
        """Pictures of the subject, regularisation and held-out pictures excepted."""
        return sum(len(f.pictures) for f in self.folders if f.is_subject)

    def copies_in_subject(self) -> tuple[tuple[Path, ...], ...]:
        """Return `equal_files` as far as they are the subject's: groups of at least two of its pictures."""
        apart = {picture.path for folder in self.folders if not folder.is_subject for picture in folder.pictures}
        groups = (tuple(path for path in group if path not in apart) for group in self.equal_files)
        return tuple(group for group in groups if len(group) > 1)
