"""What a run's journal says, put together: its attempts, how far each came, and what it left that is good."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.run.records.journal import read_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Text
    from orchestrator.run.records.journal import Entry


@dataclass(frozen=True, slots=True)
class Attempt:
    """One launch of the trainer. Steps are those of the whole run, from 1; the trainer's own counter begins again each time."""

    number: int
    first_step: int = 0
    """Steps that were trained before it began: what has to be added to the trainer's own."""
    last_step: int = 0
    state: str | None = None
    """The state it began from, relative to the run folder; None: from nothing."""
    why: str = "start"
    """`start`, `resume`, `retry`, `out-of-memory`, `silent`."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Recipe keys that were changed for it, with their values."""
    started_at: str = ""
    ended_at: str = ""
    ending: str = ""
    """Empty: it goes on, or its end was never written down."""
    cause: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    """0: not known, its end was never written down."""


@dataclass(frozen=True, slots=True)
class Published:
    """One network file under `checkpoints/`, read whole and found good."""

    file: str
    """Its name in `checkpoints/`."""
    source: str
    """The trainer's own file, relative to the run folder."""
    attempt: int
    step: int | None
    epoch: int | None
    is_final: bool
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptState:
    """One saved state that was found whole."""

    path: str
    """Relative to the run folder."""
    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class History:
    """All that a journal tells."""

    total_steps: int = 0
    steps_per_epoch: int = 0
    attempts: tuple[Attempt, ...] = ()
    published: tuple[Published, ...] = ()
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """The trainer's own file or state, relative to the run folder -> why it is not used."""
    states: tuple[KeptState, ...] = ()
    """Whole ones that were neither let go nor set apart since, in the order they came."""
    stop_asked: str = ""
    """How the newest attempt was last asked to end: `safe`, `now`; empty: it was not."""
    is_held: bool = False
    """The trainer of the newest attempt is stopped where it is: the disk has no room for its next save."""
    ending: str = ""
    """Of the run; empty: not finished."""
    cause: str = ""
    started_at: str = ""
    last_entry_at: str = ""
    damage: tuple[Text, ...] = ()

    @property
    def last_step(self) -> int:
        """The newest step of the newest attempt."""
        return self.attempts[-1].last_step if self.attempts else 0

    def published_as(self, source: str) -> str | None:
        """Return the name under `checkpoints/` of one of the trainer's own files."""
        return next((p.file for p in reversed(self.published) if p.source == source), None)


def read_history(rundir: RunDir) -> History:
    """Read the journal of a run; an absent one is an empty history. Raises OSError when it cannot be read."""
    reading = read_journal(rundir.journal)
    return replace(history_of(reading.entries), damage=reading.damage)


def history_of(entries: Iterable[Entry]) -> History:
    """Put entries together. Unknown events and facts are passed over: a newer version may have written them."""
    history = History()
    for entry in entries:
        known = _TELLS.get(entry.event)
        if known is not None:
            history = known(history, entry)
        history = replace(history, started_at=history.started_at or entry.at, last_entry_at=entry.at)
    return history


def _planned(history: History, entry: Entry) -> History:
    facts = entry.facts
    return replace(
        history,
        total_steps=int(facts.get("total_steps", history.total_steps)),
        steps_per_epoch=int(facts.get("steps_per_epoch", history.steps_per_epoch)),
    )


def _attempt_started(history: History, entry: Entry) -> History:
    facts = entry.facts
    first = int(facts.get("first_step", 0))
    attempt = Attempt(
        entry.attempt, first, first, facts.get("state"), str(facts.get("why", "start")), facts.get("changes", {}),
        started_at=entry.at,
    )  # fmt: skip
    return replace(history, attempts=(*history.attempts, attempt), ending="", cause="", stop_asked="", is_held=False)


def _step(history: History, entry: Entry) -> History:
    return _in_attempt(history, entry, last_step=int(entry.facts.get("step", 0)))


def _published(history: History, entry: Entry) -> History:
    f = entry.facts
    one = Published(
        str(f["file"]), str(f["source"]), entry.attempt, f.get("step"), f.get("epoch"), bool(f.get("is_final")),
        int(f.get("bytes", 0)), str(f.get("sha256", "")),
    )  # fmt: skip
    return replace(history, published=(*history.published, one))


def _quarantined(history: History, entry: Entry) -> History:
    file = str(entry.facts["file"])
    apart = {**history.quarantined, file: str(entry.facts.get("reason", ""))}
    return replace(_without_state(history, file), quarantined=apart)


def _state(history: History, entry: Entry) -> History:
    f = entry.facts
    kept = KeptState(str(f["path"]), int(f["epoch"]), int(f["step"]))
    return replace(history, states=(*_without_state(history, kept.path).states, kept))


def _state_removed(history: History, entry: Entry) -> History:
    return _without_state(history, str(entry.facts["path"]))


def _without_state(history: History, path: str) -> History:
    return replace(history, states=tuple(state for state in history.states if state.path != path))


def _stop_asked(history: History, entry: Entry) -> History:
    return replace(history, stop_asked=str(entry.facts.get("how", "safe")))


def _disk(history: History, entry: Entry) -> History:
    return replace(history, is_held=bool(entry.facts.get("is_held")))


def _attempt_ended(history: History, entry: Entry) -> History:
    f = entry.facts
    last = int(f.get("step", history.last_step))
    return _in_attempt(
        history, entry, last_step=last, ended_at=entry.at, ending=str(f.get("ending", "")),
        cause=str(f.get("cause", "")), exit_code=f.get("exit_code"),
        seconds=float(f.get("seconds", 0.0)),
    )  # fmt: skip


def _run_ended(history: History, entry: Entry) -> History:
    return replace(history, ending=str(entry.facts.get("ending", "")), cause=str(entry.facts.get("cause", "")))


def _in_attempt(history: History, entry: Entry, **changes: Any) -> History:
    attempts = tuple(replace(a, **changes) if a.number == entry.attempt else a for a in history.attempts)
    return replace(history, attempts=attempts)


_TELLS = {
    "planned": _planned,
    "attempt-started": _attempt_started,
    "step": _step,
    "published": _published,
    "quarantined": _quarantined,
    "state": _state,
    "state-removed": _state_removed,
    "stop-asked": _stop_asked,
    "disk": _disk,
    "attempt-ended": _attempt_ended,
    "run-ended": _run_ended,
}
