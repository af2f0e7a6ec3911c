"""What a run does at this moment, as seen from another process: from its journal, its lock, and the end of its console log.

Nothing is locked and nothing is written, so looking never holds up the run.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.console_tail import newest_console, newest_part
from orchestrator.run.process.pump import Splitter
from orchestrator.run.records.history import history_of
from orchestrator.run.records.identity import boot_id
from orchestrator.run.records.journal import read_journal
from orchestrator.run.records.listed import read_listed
from orchestrator.run.records.locks import is_going_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.run.records.history import History, KeptState
    from orchestrator.run.records.journal import Entry
    from orchestrator.run.records.listed import Listed

Phase = Literal["starting", "training", "stopping", "paused", "waiting", "reporting"]
"""`paused`: held before a save for which the disk has no room; `waiting`: for a further try after a crash; `reporting`: judging what was trained."""
TAIL_BYTES: Final = 64 * 1024
PACE_OVER_S: Final = 600.0
"""The pace is that of the last ten minutes, pauses for samples and saving included."""


@dataclass(frozen=True, slots=True)
class Present:
    """One run, now."""

    run: Listed
    rundir: RunDir
    """Seen from its newest attempt."""
    history: History
    phase: Phase | None = None
    """None: it does not go on."""
    step: int = 0
    """Of the whole run."""
    steps_per_second: float | None = None
    """None while it is paused: nobody knows for how long."""
    loss: float | None = None
    """The newest average that the bar shows."""
    silent_s: float | None = None
    """Since the trainer printed something; None where it does not train."""
    state: KeptState | None = None
    """The newest whole one that is still there."""

    @property
    def seconds_left(self) -> float | None:
        """Until the planned end, at the present pace; None where it is not known."""
        if not self.steps_per_second or self.run.total_steps <= self.step:
            return None
        return (self.run.total_steps - self.step) / self.steps_per_second

    @property
    def unsaved_steps(self) -> int:
        """Steps that would have to be trained again if the run were cut off now."""
        return max(0, self.step - (self.state.step if self.state is not None else 0))


def look_at(rundir: RunDir) -> Present:
    """Look at a run. Raises OSError where its journal is there and cannot be read."""
    reading = read_journal(rundir.journal)
    entries, history = reading.entries, replace(history_of(reading.entries), damage=reading.damage)
    rundir = newest_console(rundir)
    listed = read_listed(rundir)
    if is_going_on(rundir):  # also while the report is being made, when its end is written down already
        listed = replace(listed, standing="going-on")
    progress = _newest_progress(rundir, history)
    step = max(history.last_step, progress.values["step"] if progress is not None else 0)
    state = next((s for s in reversed(history.states) if (rundir.root / s.path).is_dir()), None)
    present = Present(listed, rundir, history, step=step, state=state)
    if listed.standing != "going-on":
        return present
    phase = _phase(history, has_stepped=step > first_step_of(history, rundir.attempt))
    shown = progress.values["rate_per_s"] if progress is not None else None
    return replace(
        present,
        phase=phase,
        steps_per_second=None if phase == "paused" else _pace(entries) or shown,
        loss=progress.values["avr_loss"] if progress is not None else None,
        silent_s=_silent_s(rundir),
    )


def own_progress(event: LogEvent | None, first_step: int, total_steps: int) -> LogEvent | None:
    """Return a refresh of the training's bar with the step of the whole run; None for anything else, a copy of a bar too."""
    if (
        event is None
        or event.kind != "progress"
        or event.values["total"] not in (total_steps, total_steps - first_step)
    ):
        return None
    return replace(event, values={**event.values, "step": event.values["step"] + first_step})


def first_step_of(history: History, attempt: int) -> int:
    """Return the steps that lie before an attempt: its own counter begins at 1."""
    return next((a.first_step for a in history.attempts if a.number == attempt), 0)


def _phase(history: History, *, has_stepped: bool) -> Phase:
    if history.ending:
        return "reporting"
    if history.attempts and history.attempts[-1].ending:
        return "waiting"
    if history.stop_asked:
        return "stopping"
    if history.is_held:
        return "paused"
    return "training" if has_stepped else "starting"


def _newest_progress(rundir: RunDir, history: History) -> LogEvent | None:
    """Return the newest step that the console log shows, of the whole run; None where its end shows none."""
    parser, first = ConsoleParser(), first_step_of(history, rundir.attempt)
    found = None
    for line in _last_lines(rundir):
        if b"|" in line:
            event = own_progress(parser.feed(line.decode("utf-8", "replace")), first, history.total_steps)
            found = found if event is None or event.values["step"] == first else event
    return found


def _last_lines(rundir: RunDir) -> Iterable[bytes]:
    try:
        with newest_part(rundir.console_log).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except OSError:
        return
    splitter = Splitter()
    yield from (text for text, _ in splitter.feed(data))
    yield splitter.rest()


def _pace(entries: Sequence[Entry]) -> float | None:
    """Return the steps per second between notes of the newest attempt in the journal; None before two were made while it trained."""
    notes = [e for e in entries if e.event == "step" and e.attempt == entries[-1].attempt and e.boot == boot_id()]
    steps = [int(e.facts.get("step", 0)) for e in notes]
    at = next(
        (i for i, step in enumerate(steps) if step > steps[0] and notes[-1].up_s - notes[i].up_s <= PACE_OVER_S), None
    )
    if at is None or steps[-1] <= steps[at]:
        return None
    return (steps[-1] - steps[at]) / (notes[-1].up_s - notes[at].up_s)


def _silent_s(rundir: RunDir) -> float | None:
    try:
        return max(0.0, time.time() - newest_part(rundir.console_log).stat().st_mtime)
    except OSError:
        return None
