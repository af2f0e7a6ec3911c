"""Looks after what an attempt leaves while it goes on: publishes network files, notes whole states, lets old ones go.

A thread of its own, because reading a file of a gigabyte whole takes seconds; what it found is taken and written down by the
thread that owns the journal.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from orchestrator.run.saved.publish import Publisher
from orchestrator.run.saved.states import find_epoch_states, prune_states
from orchestrator.run.saved.whole_state import seal_state, state_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.rundir import RunDir
    from orchestrator.run.saved.publish import Found, Verdict
    from orchestrator.run.saved.states import State

LOOK_EVERY_S = 1.0
KEPT_STATES = 2


class Keeper(threading.Thread):
    """One attempt's keeper. `take` returns what it found since the last time, for the journal."""

    def __init__(
        self, rundir: RunDir, output_name: str, first_step: int, steps_per_epoch: int, verify: Callable[[Path], Verdict]
    ) -> None:
        """`verify` reads a network file whole and raises nothing; it is called on this thread."""
        super().__init__(name="keeper", daemon=True)
        self._rundir, self._output_name, self._steps_per_epoch = rundir, output_name, steps_per_epoch
        self._publisher = Publisher(rundir, first_step, verify)
        self._seen: set[Path] = set()
        self._found: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self.saved_states = 0
        """Whole states of this attempt so far."""

    def run(self) -> None:
        """Look every second until `finish`."""
        while not self._is_over.wait(LOOK_EVERY_S):
            with contextlib.suppress(OSError):  # a folder that cannot be listed now may be listed next time
                self._note_files(self._publisher.look())
                self._look_at_states()

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return (event, facts) found since the last call."""
        with self._lock:
            found, self._found = self._found, []
        return found

    def finish(self) -> list[tuple[str, dict[str, Any]]]:
        """End the thread, settle what is left, and return what was found. The trainer must have ended; may be called again."""
        self._is_over.set()
        if self.ident is not None:
            self.join()
        with contextlib.suppress(OSError):
            self._note_files(self._publisher.settle())
        with contextlib.suppress(OSError):
            self._look_at_states()
        return self.take()

    def _note_files(self, files: list[Found]) -> None:
        for found in files:
            self._note(found.event, found.facts())

    def _look_at_states(self) -> None:
        states = find_epoch_states(self._rundir.root, self._output_name)
        new = [s for s in states if s.attempt == self._rundir.attempt and s.path not in self._seen]
        for state in reversed(new):
            if seal_state(state.path, state.epoch) is not None:
                continue  # being written; a torn one is told when somebody wants to go on from it
            self._seen.add(state.path)
            step = state.epoch * self._steps_per_epoch
            self._note("state", {"path": self._rundir.relative(state.path), "epoch": state.epoch, "step": step})
            self.saved_states += 1
        if new:
            for gone in prune_states(states, KEPT_STATES, self._is_whole):
                self._note("state-removed", {"path": self._rundir.relative(gone.path), "epoch": gone.epoch})

    def _is_whole(self, state: State) -> bool:
        """Whether a state is whole; the ones that this attempt sealed are not read again."""
        return state.path in self._seen or state_problem(state.path, state.epoch) is None

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        with self._lock:
            self._found.append((event, facts))
