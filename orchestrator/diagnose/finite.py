"""Where the loss stopped being a number, by every source that shows it: event files, the recorder, the console's average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.diagnose.facts import RAW_LOSS, fact, raw_loss, telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from orchestrator.diagnose.rule import Case

SAMPLES = "telemetry: samples"
CONSOLE = "console: avr_loss"


@dataclass(frozen=True, slots=True)
class KnownLosses:
    """The steps whose loss is known exactly, by all sources that know it."""

    count: int
    last: int
    """Last step with a known loss."""
    bad: tuple[int, ...]
    """Steps whose loss is NaN or infinite by any of the sources, ascending."""
    sources: tuple[str, ...]
    first_by: str
    """Source of the first of `bad`; empty where there is none."""
    steps: np.ndarray
    """int64 (count,): ascending, unique."""

    def since(self, step: int) -> int:
        """Return how many known steps lie at or after `step`."""
        return int((self.steps >= step).sum())


@dataclass(frozen=True, slots=True)
class NotFinite:
    """The first sign that the loss was no number, and what came after the last one."""

    begin: int
    """First step it can have been; the step itself where the loss is known exactly."""
    step: int
    """First step at which it shows."""
    source: str
    bad: int
    """Steps known to be no number."""
    after: int
    """Known losses after the last of them, all finite."""
    tail: int
    """Steps without a finite loss in a row up to the last known one; 0 where it ended finite. Without exact losses it is not known: 0."""


def known_losses(case: Case) -> KnownLosses | None:
    """Return the steps whose loss is known exactly; None where neither event files nor the recorder hold one."""
    if "known_losses" not in case.cache:
        case.cache["known_losses"] = _known_losses(case)
    kept: KnownLosses | None = case.cache["known_losses"]
    return kept


def _known_losses(case: Case) -> KnownLosses | None:
    import numpy as np

    found = list(_exact(case))
    if not found:
        return None
    lost = {source: steps[~np.isfinite(values)] for source, steps, values in found}
    firsts = {source: int(steps.min()) for source, steps in lost.items() if len(steps)}
    steps = np.unique(np.concatenate([steps for _, steps, _ in found]))
    bad = np.unique(np.concatenate(list(lost.values())))
    by = min(firsts, key=lambda source: firsts[source], default="")
    return KnownLosses(len(steps), int(steps[-1]), tuple(bad.tolist()), tuple(lost), by, steps)


def _exact(case: Case) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    import numpy as np

    loss, seen = raw_loss(case), telemetry(case)
    if loss is not None:
        yield RAW_LOSS, np.frombuffer(loss.steps, dtype=np.int64), np.frombuffer(loss.values, dtype=np.float64)
    if seen is not None and len(seen.samples):
        samples = seen.samples
        yield SAMPLES, np.frombuffer(samples.steps, dtype=np.int64), np.frombuffer(samples.losses, dtype=np.float64)


def not_finite(case: Case) -> NotFinite | None:
    """Return the earliest sign of a loss that was no number, whichever source shows it; None where none does."""
    known, shown = known_losses(case), fact(case, "first_nan_step")
    bad = set(known.bad) if known is not None else set()
    first = min(bad, default=None)
    if shown is not None and (first is None or first > shown):
        begin, step, source = int(fact(case, "last_finite_step") or 0) + 1, int(shown), CONSOLE
        bad.add(step)
    elif first is not None and known is not None:
        begin, step, source = first, first, known.first_by
    else:
        return None
    if known is None:
        return NotFinite(begin, step, source, 1, 0, 0)
    return NotFinite(begin, step, source, len(bad), known.since(max(bad) + 1), _tail(known))


def _tail(known: KnownLosses) -> int:
    bad = set(known.bad)
    return next((n for n, step in enumerate(reversed(known.steps.tolist())) if step not in bad), known.count)
