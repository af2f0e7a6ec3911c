"""Everything a report is made of. Whoever renders it decides nothing; whoever fills it judges nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.backends.protocol import Command, Trainer
    from orchestrator.core.finding import Change, Verdict
    from orchestrator.core.text import Text
    from orchestrator.diagnose.rule import Case
    from orchestrator.report.compare import Comparison
    from orchestrator.run.records.model import Outcome


@dataclass(frozen=True, slots=True)
class ReportData:
    """One run (or a foreign folder), judged. `html`, `record` and `terminal` say it; none of them reads another's output."""

    name: str
    """Name of the run, e.g. `alice-007`, or of the foreign folder."""
    created: str
    """When the report was made: ISO 8601 with its offset, to the second."""
    tool_version: str
    headline: Text
    """The verdict in one sentence; `diagnose.headline` writes it."""
    verdict: Verdict
    case: Case
    """Recipe, data set, plan, observations: whatever is known."""
    family: str | None = None
    kind: str | None = None
    """Subject kind of the recipe."""
    outcome: Outcome | None = None
    commands: tuple[Command, ...] = ()
    trainer: Trainer | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """Python, platform, torch ...: name -> version, in the order to show."""
    recipe_text: str | None = None
    """The user's recipe as it was run, byte for byte."""
    next_text: str | None = None
    """next.yaml, where there is one."""
    next_changes: tuple[Change, ...] = ()
    """Changes that went into next.yaml."""
    next_listed: tuple[Change, ...] = ()
    """Changes that are advised as well and were not made: later, one at a time."""
    run_root: Path | None = None
    """Folder that relative paths of the observations start at; sample pictures are read from here."""
    private_roots: Mapping[str, str] = field(default_factory=dict)
    """Further absolute folders and what to write instead: the recipe's folder -> `.`, a data folder -> `images` ..."""
    is_foreign: bool = False
    """Made by another front end: there is no recipe and no plan of ours."""
    notes: tuple[Text, ...] = ()
    """Anything else worth a line: another commit than the pin, changed files of the trainer ..."""
    compared: Comparison | None = None
    """Against the run before of the same subject, that one first; None where there is none."""
