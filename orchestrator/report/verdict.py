"""The verdict in one word, and what to do next. The sentence comes from `diagnose.headline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.state import primary_state
from orchestrator.run.records.model import Ending, nothing_trained

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding, Verdict
    from orchestrator.run.records.model import Outcome

Level = Literal["stop", "fix", "watch", "info", "clear", "unjudged"]
_LEVELS: dict[Severity, Level] = {
    Severity.STOP: "stop",
    Severity.FIX: "fix",
    Severity.WATCH: "watch",
    Severity.INFO: "info",
}
_SURENESS = list(Confidence)


def level(verdict: Verdict, outcome: Outcome | None) -> Level:
    """Return the worst thing to say. `clear` only where some rule measured and found nothing; a failed run is never clear."""
    if nothing_trained(outcome):
        return "unjudged"
    if (
        primary_state(verdict).state is State.BROKEN
        or verdict.worst is Severity.STOP
        or (outcome is not None and outcome.ending is Ending.FAILED)
    ):
        return "stop"
    if verdict.worst is not None:
        return _LEVELS[verdict.worst]
    return "clear" if any(finding.status is Status.CLEAR for finding in verdict.findings) else "unjudged"


def by_weight(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return findings worst first, the surer before the less sure."""
    return sorted(findings, key=lambda f: (f.severity.rank, _SURENESS.index(f.confidence)))


def next_steps(verdict: Verdict, most: int = 3) -> list[Finding]:
    """Return the findings whose fixes come first: fired, worst first, at most `most`."""
    return [finding for finding in by_weight(verdict.fired) if finding.fix is not None][:most]
