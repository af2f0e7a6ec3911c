"""A run that is being trained, and who watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Build
    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe
    from orchestrator.run.records.journal import Journal
    from orchestrator.run.records.run_record import RunRecord


class Listener(Protocol):
    """Who watches a run while it goes on."""

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        """Hear where the run lies and how long it will be."""

    def told(self, text: Text) -> None:
        """Hear about a decision on the way: what is done now, and what can be done about it."""

    def found(self, text: Text) -> None:
        """Hear what a live rule finds."""

    def event(self, event: LogEvent) -> None:
        """Hear about a line of the trainer that means something. Steps are those of the whole run."""

    def silence(self, seconds: float) -> None:
        """Hear that the trainer has printed nothing for so long."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run folder with what went into it."""

    loaded: LoadedRecipe
    dataset: Dataset | None
    plan: Plan
    build: Build
    rundir: RunDir
    record: RunRecord
    journal: Journal
