"""What a rule is: four names, a check and a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.core.finding import Finding
    from orchestrator.core.observation import Observations
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.model import Recipe
    from orchestrator.run.model import Outcome

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
