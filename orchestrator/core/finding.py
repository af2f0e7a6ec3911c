"""What the tool has to say: problems of form (they refuse a recipe) and findings of rules (they judge a run)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Text


class Severity(str, Enum):
    """How much a finding matters, worst first."""

    STOP = "stop"
    """The run is lost or must not begin."""
    FIX = "fix"
    """Change something before the next run."""
    WATCH = "watch"
    """Look at it."""
    INFO = "info"
    """Good to know."""

    @property
    def rank(self) -> int:
        """0 for stop ... 3 for info."""
        return list(Severity).index(self)


class Status(str, Enum):
    """What a rule could say about a case."""

    FIRED = "fired"
    CLEAR = "clear"
    INCONCLUSIVE = "inconclusive"
    """The signal cannot carry a verdict; `needs` tells what would decide it."""
    NOT_APPLICABLE = "n/a"


class Confidence(str, Enum):
    """How sure a finding is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class State(str, Enum):
    """What became of a run, in one word; the first that a finding claims, in this order, is the run's."""

    BROKEN = "broken"
    """NaN, lost, diverged, or the file is empty."""
    UNSTABLE = "unstable"
    """Learns and destroys by turns."""
    NOT_LEARNING = "not-learning"
    """Nothing measurable came of it."""
    OVERFIT = "overfit"
    """Learned its pictures by heart after some step."""
    UNDERTRAINED = "undertrained"
    """Stopped while it still got better."""
    CONVERGED = "converged"
    """More steps of the same would add nothing."""
    LEARNING = "learning"
    """Better than the base model beyond chance; nothing else can be said."""
    INCONCLUSIVE = "inconclusive"
    """Nobody can tell from what is there."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text file of the user."""

    file: str
    """As the user wrote it or relative to the working directory; never a private absolute path where a relative one does."""
    line: int
    """From 1."""
    column: int
    """From 1."""
    source: str = ""
    """The whole line, without its end."""
    length: int = 1
    """Characters to underline."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake of form: the recipe, data set or environment is refused because of it."""

    code: str
    """kebab-case name of the kind of mistake, e.g. `unknown-key`."""
    what: Text
    why: Text | None = None
    fix: Text | None = None
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measured fact behind a finding. Facts only, no advice."""

    what: Text
    value: float | int | str | bool | None
    limit: float | int | str | None = None
    """The threshold it was compared with."""
    source: str = ""
    """Where it was measured: a file and tag, a recipe key, a range of steps."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the recipe."""

    key: str
    """Dotted recipe key, e.g. `train.unet_lr`."""
    value: Any
    """New value; None removes the key."""
    before: Any = None
    is_safe: bool = False
    """Safe changes go into next.yaml by themselves; the others are only advised."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about a finding."""

    advice: Text
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about one case."""

    rule: str
    """Id, `R001`... never reused."""
    name: str
    """kebab-case name of the problem, e.g. `nan-loss`."""
    status: Status
    severity: Severity
    confidence: Confidence
    message: Text
    """One line: if only one thing can be shown, it is this."""
    why: Text | None = None
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    needs: Text | None = None
    """For `inconclusive`: what would decide it."""
    where: Location | None = None
    ignored_because: str | None = None
    """The user's own reason, when the recipe ignores this rule."""
    state: State | None = None
    """What became of the run, where this finding alone can say it. A clear finding may claim `learning`."""
    paths: tuple[Path, ...] = ()
    """The pictures it is about (a caption is named by its picture); files without a picture by themselves. Empty: the whole set.
    In a record only their names stand, which are relative to the image folder."""

    @property
    def is_fired(self) -> bool:
        """Whether the rule fired and the recipe does not ignore it."""
        return self.status is Status.FIRED and self.ignored_because is None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings about a case, worst first."""

    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def fired(self) -> tuple[Finding, ...]:
        """Findings that fired and are not ignored."""
        return tuple(f for f in self.findings if f.is_fired)

    @property
    def worst(self) -> Severity | None:
        """Severity of the worst finding that fired."""
        return min((f.severity for f in self.fired), key=lambda s: s.rank, default=None)
