"""What every backend gives: a pure function from a plan to files, links and commands. No disk, no process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.finding import Finding, Location, Problem
    from orchestrator.core.text import Text
    from orchestrator.core.trust import Trust
    from orchestrator.plan.model import Link, Plan


LAUNCHER: Final = Path(__file__).resolve().parents[1] / "telemetry" / "launcher.py"
"""The recorder: a script for the trainer's own interpreter, found here by its path and never imported."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """Where a trainer lives on this machine."""

    name: str
    """`sd-scripts` or `pocket`."""
    python: Path
    """Interpreter of the trainer's own environment."""
    root: Path
    """Folder of the entry scripts."""
    commit: str
    """40 hex digits; for pocket the version of this project."""
    is_modified: bool = False
    """Local edits were adopted on purpose."""
    options_dir: Path | None = None
    """Folder with `<commit>.json`, the options read from this checkout when it was installed; looked at before the shipped ones."""
    num_cpu_threads_per_process: int = 1
    """Threads each training process may use (OMP_NUM_THREADS). One, as the trainer's own documents do: more made small models
    slower (docs/log.md) and would change the last digits from machine to machine."""
    launcher: Path = LAUNCHER
    """The script that records while it runs an entry script in the same process."""


@dataclass(frozen=True, slots=True)
class Command:
    """One process to start: an argument list, never a shell line. Working directory: the run folder."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the inherited environment."""
    purpose: str = "train"


@dataclass(frozen=True, slots=True)
class Need:
    """A package of the trainer's environment that this run needs and others do not."""

    package: str
    """As pip knows it."""
    asked_by: str
    """The line of the recipe that asks for it, in no language: `optimizer_type: AdamW8bit`."""
    instead: Text
    """What to write where the package is not wanted; an order that begins in lower case."""
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """Everything to lay down before the trainer starts."""

    files: Mapping[str, str]
    """Path relative to the run folder -> text."""
    links: tuple[Link, ...]
    commands: tuple[Command, ...]
    problems: tuple[Problem, ...] = ()
    """Options the trainer would ignore, refuse or misread: with any of these nothing is launched."""
    warnings: tuple[Finding, ...] = ()
    """Options without effect for this family."""
    needs: tuple[Need, ...] = ()
    """Packages to look for before the launch."""


class Backend(Protocol):
    """A trainer this tool can tell what to do."""

    name: str

    def compile(self, plan: Plan, trainer: Trainer, trust: Trust) -> Build:
        """Return what to write and start. Pure: the same plan, trainer and trust give the same bytes."""
        ...
