"""What became of a run, in one word: the worst state that a finding claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, State, Status

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding, Verdict

_ORDER = tuple(State)
_SURENESS = tuple(Confidence)


@dataclass(frozen=True, slots=True)
class Primary:
    """The state of a run, how sure it is, and the finding that says so (None where none does)."""

    state: State
    confidence: Confidence
    because: Finding | None = None


def primary_state(verdict: Verdict) -> Primary:
    """Return the first state, in the order of `State`, that a finding claims; of several claims the surest one.

    A finding the recipe ignores claims nothing. Without any claim the answer is `inconclusive`: "healthy" is no state.
    """
    claims = [
        finding
        for finding in verdict.findings
        if finding.state is not None
        and finding.ignored_because is None
        and finding.status in {Status.FIRED, Status.CLEAR}
    ]
    if not claims:
        return Primary(State.INCONCLUSIVE, Confidence.LOW)
    best = min(claims, key=_weight)
    return Primary(best.state or State.INCONCLUSIVE, best.confidence, best)


def _weight(finding: Finding) -> tuple[int, int]:
    return _ORDER.index(finding.state or State.INCONCLUSIVE), _SURENESS.index(finding.confidence)
