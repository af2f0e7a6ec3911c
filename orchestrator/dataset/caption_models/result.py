"""What became of each picture that was to be captioned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Text
    from orchestrator.dataset.caption_models.captioner import Described


@dataclass(frozen=True, slots=True)
class Captioned:
    """One caption that was written."""

    picture: Path
    caption_path: Path
    before: bytes | None
    after: bytes
    described: Described


@dataclass(frozen=True, slots=True)
class NotCaptioned:
    """One picture that was passed by for a reason."""

    picture: Path
    why: Text


@dataclass(frozen=True, slots=True)
class CaptionResult:
    """What became of each picture; each is in one of the lists."""

    model: str
    """With the commit that was taken; empty where nothing was to do, so that none was opened."""
    device: str
    written: tuple[Captioned, ...]
    """With `dry_run`: what would be."""
    kept: tuple[Path, ...]
    """Have a caption already, or would not change."""
    resumed: tuple[Path, ...]
    """Done by a run that was cut off."""
    silent: tuple[Path, ...]
    """The model was sure of nothing, and there is no trigger: still without a caption."""
    failed: tuple[NotCaptioned, ...]


@dataclass(slots=True)
class Tally:
    """A result that grows."""

    written: list[Captioned] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    resumed: list[Path] = field(default_factory=list)
    silent: list[Path] = field(default_factory=list)
    failed: list[NotCaptioned] = field(default_factory=list)

    def result(self, model: str, device: str) -> CaptionResult:
        """Return it as it is now."""
        return CaptionResult(
            model,
            device,
            tuple(self.written),
            tuple(self.kept),
            tuple(self.resumed),
            tuple(self.silent),
            tuple(self.failed),
        )
