"""What the page of a data set shows: groups of small pictures with what is said of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.finding import Problem, Verdict
    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Picture
    from orchestrator.diagnose.rule import Case


@dataclass(frozen=True, slots=True)
class SeenSet:
    """A data set that was looked at and judged."""

    name: str
    """Of the folder or the recipe."""
    root: Path
    """What paths are told relative to."""
    case: Case
    """With its data set, looked at."""
    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    """What refuses the recipe or its folders."""
    trouble: Text | None = None
    """Why nothing is kept for the next time; None while it is."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture in a sheet."""

    path: Path
    note: Text | None = None
    """What is said of it here: how it differs from the one to keep, what is cut off."""
    caption: str | None = None
    """As the trainer reads it, empty where there is none. None: not told here."""
    caption_problem: str = ""
    """See `Picture.caption_problem`."""
    mark: str = ""
    """`keep`, `before`, `after`: set off from the others. Empty: none of these."""


def sides(width: int, height: int) -> str:
    """Return the size of a picture in pixels; it never breaks at the end of a line."""
    return f"{width}\u00a0x\u00a0{height}"


def captioned_shot(picture: Picture, note: Text | None = None) -> Shot:
    """Return a picture with its caption, or why it has none."""
    return Shot(picture.path, note, caption=picture.caption or "", caption_problem=picture.caption_problem)


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that belong together."""

    title: Text
    note: Text | None
    shots: tuple[Shot, ...]
    more: int = 0
    """How many of the group are not shown."""

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.shots) + self.more


@dataclass(frozen=True, slots=True)
class Sheet:
    """Groups, and what was left out of the page."""

    groups: tuple[Group, ...]
    note: Text | None = None
    more_groups: int = 0

    @property
    def more(self) -> int:
        """Pictures of the groups that are not shown."""
        return sum(group.more for group in self.groups)
