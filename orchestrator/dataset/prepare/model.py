"""What is asked of `dataset prepare`, and what becomes of each picture: first a draft that the steps work on, then what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from orchestrator.core.text import Text
    from orchestrator.dataset.layout import Role
    from orchestrator.dataset.model import Picture
    from orchestrator.dataset.pixels.model import PixelFacts

Size = tuple[int, int]
"""(width, height) in pixels."""
Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels."""
Share = tuple[float, float, float, float]
"""(left, top, right, bottom) in shares of width and height, 0 ... 1."""
Fit = Literal["none", "crop", "pad"]
Layout = Literal["flat", "repeats"]
PadColour = Literal["edge", "white"]
Decision = Literal["copied", "rewritten", "left-out"]


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """Everything about one run."""

    keep_copies: bool = False
    """Leave exact and near copies in."""
    fit: Fit = "none"
    """Bring the pictures to few shapes, by cutting or by adding a border."""
    kind: str | None = None
    """What is learned. Faces are looked for, and cut around, for `person` alone: drawn ones are seen by chance."""
    resolution: int = 1024
    """Side in pixels that the shapes for `fit` are made for."""
    buckets: int = 4
    """Shapes at most, for `fit`."""
    least_in_bucket: int = 4
    """Pictures that each shape should have: those of one batch."""
    pad_colour: PadColour = "edge"
    tiles: int | None = None
    """Side in pixels of the tiles that edit pairs are cut into."""
    layout: Layout = "flat"
    """`repeats`: folders `<repeats>_<concept>`, as sd-scripts reads them."""
    concept: str | None = None
    """Class tokens for the folder's name; the folder's own where None."""
    repeats: int | None = None
    """What the folder's own name says, 1 where it says nothing, where None."""
    balance: bool = False
    """More repeats for kinds of shots that are rare."""

    @property
    def minds_faces(self) -> bool:
        """Whether pictures are cut around the faces in them."""
        return self.fit == "crop" and self.kind == "person"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was done, or what is to be known."""

    code: str
    """kebab-case, for programs."""
    text: Text


@dataclass(frozen=True, slots=True)
class Placement:
    """What a written picture shows of the upright picture."""

    region: Box
    """What is taken."""
    size: Size
    """What the region is shrunk to; never more than it is."""
    canvas: Size | None = None
    """What it is put in the middle of, where it gets a border."""

    @property
    def written_size(self) -> Size:
        """Of the file."""
        return self.canvas or self.size


@dataclass(frozen=True, slots=True)
class CaptionUse:
    """The caption file that a picture gets."""

    source: Path
    text: str
    """First line."""
    is_of_copy: bool = False
    """It was that of a copy that is left out."""
    without_bom: bool = False


@dataclass(slots=True)
class Draft:
    """One picture while the steps decide about it."""

    picture: Picture
    facts: PixelFacts
    root: Path
    """Its image folder."""
    caption_extension: str
    reasons: list[Reason] = field(default_factory=list)
    is_left_out: bool = False
    is_rewritten: bool = False
    """Its pixels change, so it becomes a PNG."""
    copy_of: Path | None = None
    placements: list[Placement] = field(default_factory=list)
    """Of what is rewritten: one, or its tiles."""
    caption: CaptionUse | None = None
    shot: str | None = None
    """The kind of shot its caption speaks of, where kinds are balanced."""
    repeats: int = 1
    files: list[PurePosixPath] = field(default_factory=list)
    """Where it is written, relative to the new folder; one for each placement, or one copy."""
    role: Role = "train"
    """What it is for, by the names of the folders."""

    @property
    def path(self) -> Path:
        """The picture."""
        return self.picture.path

    @property
    def size(self) -> Size:
        """As it stands upright."""
        return self.facts.size_upright

    @property
    def parts(self) -> list[Placement | None]:
        """What each of its files shows; None: the whole picture."""
        return [*self.placements] or [None]

    @property
    def decision(self) -> Decision:
        """What becomes of it, in a word."""
        return "left-out" if self.is_left_out else "rewritten" if self.is_rewritten else "copied"

    def leave_out(self, reason: Reason) -> None:
        """Take it out of the new folder."""
        self.is_left_out = True
        self.reasons.append(reason)

    def rewrite(self, reason: Reason) -> None:
        """Write its pixels anew."""
        self.is_rewritten = True
        self.reasons.append(reason)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One shape that pictures were brought to."""

    size: Size
    pictures: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """One kind of shot of one concept, and how often it is shown in an epoch."""

    folder: str
    """Its folder in the new one."""
    shot: str
    pictures: int
    repeats: int

    @property
    def exposures(self) -> int:
        """Times that a picture of this kind is shown in an epoch."""
        return self.pictures * self.repeats


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that was decided, and where it lies once it was written."""

    root: Path
    folder: Path
    options: PrepareOptions
    drafts: tuple[Draft, ...]
    buckets: tuple[Bucket, ...] = ()
    lost_share: float = 0.0
    """Mean share of the picture that is cut away, or that is border, over the pictures that were fitted."""
    exposures: tuple[Exposure, ...] = ()
    not_taken: tuple[Path, ...] = ()
    """Files that look like pictures and that the trainer does not take."""
    notes: tuple[Text, ...] = ()
    digests: dict[PurePosixPath, str] = field(default_factory=dict)
    """SHA-256 of each file that was written; empty before."""
    trouble: Text | None = None
    """Why measures are not kept for the next time."""

    @property
    def written(self) -> tuple[Draft, ...]:
        """Pictures that are in the new folder."""
        return tuple(one for one in self.drafts if not one.is_left_out)
