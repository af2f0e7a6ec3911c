"""Where a value came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.core.finding import Location


class Source(str, Enum):
    """Who decided a value, weakest first."""

    DERIVED = "derived"
    """Decided by the planner."""
    PRESET = "preset"
    """From a recipe that this one extends."""
    RECIPE = "recipe"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote a recipe key, and where."""

    source: Source
    where: Location | None = None
