"""Findings as a page shows them: fired, ignored, clear, and open questions with the rules that share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Status
from orchestrator.report.verdict import by_weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Finding, Verdict
    from orchestrator.core.text import Text


@dataclass(frozen=True, slots=True)
class FindingGroups:
    """All findings that are shown, each in one of the lists."""

    fired: list[Finding]
    """Worst first."""
    ignored: list[Finding]
    clear: list[Finding]
    inconclusive: list[Finding]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Rules that could not decide for the same reason."""

    message: Text
    needs: Text | None
    rules: tuple[str, ...]


def group_findings(verdict: Verdict) -> FindingGroups:
    """Sort the findings of a verdict into what is shown together."""
    found = verdict.findings
    return FindingGroups(
        by_weight(verdict.fired),
        [f for f in found if f.status is Status.FIRED and f.ignored_because is not None],
        [f for f in found if f.status is Status.CLEAR],
        [f for f in found if f.status is Status.INCONCLUSIVE],
    )


def open_questions(inconclusive: Sequence[Finding]) -> list[OpenQuestion]:
    """Return what could not be judged, each reason once, in the order of the first rule that gave it."""
    found: dict[tuple[Text, Text | None], list[str]] = {}
    for one in inconclusive:
        found.setdefault((one.message, one.needs), []).append(f"{one.rule} {one.name}")
    return [OpenQuestion(message, needs, tuple(rules)) for (message, needs), rules in found.items()]
