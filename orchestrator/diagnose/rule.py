"""What a rule is: four names, a check and a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.core.finding import Confidence, Finding, Severity, State, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Evidence, Fix, Location
    from orchestrator.core.observation import Observations
    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.model import Recipe
    from orchestrator.run.records.model import Outcome

Phase = Literal["before", "after", "both"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known about a run. Anything may be missing: before the run there are no observations, a foreign folder has no recipe."""

    recipe: Recipe | None = None
    dataset: Dataset | None = None
    plan: Plan | None = None
    observations: Observations | None = None
    outcome: Outcome | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Options by the trainer's own names, from the plan or, for a foreign run, from its TOML and `ss_*` metadata. Absent: unknown."""
    family: str | None = None
    kind: str | None = None
    """What is learned, as the user says it where there is neither recipe nor plan."""
    trigger: str | None = None
    """The trigger, likewise."""
    cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Measurements made once and asked for by several rules; see measured.py."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: one file, one page (its module docstring), one test file."""

    id: str
    name: str
    """The problem, never the cure."""
    phase: Phase
    check: Callable[[Case], Iterable[Finding]]
    maturity: Literal["preview", "stable"] = "preview"
    suppresses: tuple[str, ...] = ()
    """Names of rules whose findings are consequences of this one."""
    needs_plan: bool = False
    """Judges decided settings. Before the run and without a plan it is not asked: unset is not yet off."""

    @property
    def module(self) -> str:
        """Dotted name of the rule's file; its docstring is the rule's page."""
        return self.check.__module__


@dataclass(frozen=True, slots=True)
class FormCheck:
    """A mistake of form: found while a recipe is read or compiled, not by a rule. It has a page all the same."""

    id: str
    name: str
    module: str


@dataclass(frozen=True, slots=True)
class Says:
    """A rule's voice: builds its findings, so that id and name are written once."""

    id: str
    name: str

    def fired(
        self,
        severity: Severity,
        confidence: Confidence,
        message: Text,
        *,
        why: Text | None = None,
        evidence: Sequence[Evidence] = (),
        fix: Fix | None = None,
        where: Location | None = None,
        state: State | None = None,
        paths: Iterable[Path] = (),
    ) -> Finding:
        """Return the finding that the problem is there.

        `state`: what became of the run, where this alone can say it; `paths`: the pictures it is about.
        """
        return Finding(
            self.id,
            self.name,
            Status.FIRED,
            severity,
            confidence,
            message,
            why,
            tuple(evidence),
            fix,
            where=where,
            state=state,
            paths=tuple(paths),
        )

    def clear(
        self,
        message: Text,
        evidence: Sequence[Evidence] = (),
        *,
        confidence: Confidence = Confidence.HIGH,
        state: State | None = None,
    ) -> Finding:
        """Return the finding that the problem was looked for and is not there."""
        facts = tuple(evidence)
        return Finding(
            self.id, self.name, Status.CLEAR, Severity.INFO, confidence, message, evidence=facts, state=state
        )

    def inconclusive(self, message: Text, needs: Text, evidence: Sequence[Evidence] = ()) -> Finding:
        """Return the finding that nobody can tell from what is there; `needs` says what would decide it."""
        return Finding(
            self.id,
            self.name,
            Status.INCONCLUSIVE,
            Severity.INFO,
            Confidence.LOW,
            message,
            evidence=tuple(evidence),
            needs=needs,
        )

    def not_applicable(self, message: Text) -> Finding:
        """Return the finding that the question does not arise here."""
        return Finding(self.id, self.name, Status.NOT_APPLICABLE, Severity.INFO, Confidence.HIGH, message)
