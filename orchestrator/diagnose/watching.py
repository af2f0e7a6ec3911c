"""Reading along while a run goes on: the trainer's lines and what the recorder writes, to one voice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.diagnose.facts import is_logging
from orchestrator.diagnose.live import LiveWatch
from orchestrator.diagnose.live_record import RecordWatch
from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.telemetry_tail import TelemetryTail

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from orchestrator.core.observation import LogEvent
    from orchestrator.core.text import Text
    from orchestrator.diagnose.rule import Case

RECORD_EVERY_S = 0.25
"""How often the recorder's file is looked at; it is written every two seconds, and a lost run is to be told at once."""


SILENT_STEPS = 50
"""Steps that the recorder may lie behind the console, two of its blocks: then it has fallen silent, and the console alone decides."""


class Watching:
    """Feed it lines, ask it whether to stop. What it has to say is told once, by the source that knew it first."""

    def __init__(
        self,
        case: Case,
        stop_on: Collection[str],
        telemetry: Path,
        on_event: Callable[[LogEvent], None],
        tell: Callable[[Text], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`telemetry`: folder of the recorder's files. `on_event` hears lines that mean something, `tell` what they mean."""
        self._parser = ConsoleParser()
        self._console, self._record = LiveWatch(case, tuple(stop_on)), RecordWatch(stop_on)
        self._tail = TelemetryTail(telemetry / "rank0.jsonl")
        self._on_event, self._tell, self._clock = on_event, tell, clock
        self._told: set[str] = set()
        self._looked_at = clock()
        self._is_recorded = is_logging(case)

    def on_line(self, line: str) -> None:
        """Take one line of the trainer."""
        event = self._parser.feed(line)
        if event is not None:
            self._on_event(event)
            self._console.feed_event(event)
            self._say()

    def stop_reason(self) -> str | None:
        """Return `nan`, `collapse` or `divergence` where the run should be stopped now."""
        now = self._clock()
        if now - self._looked_at >= RECORD_EVERY_S or self._console.shows_lasting_nan():
            self._looked_at = now
            self._look_at_record()
            self._say()
        return self._console.stop_reason(trusts_nan=not self._knows_better()) or self._record.stop_reason()

    def _knows_better(self) -> bool:
        """Return whether the recorder sees what the console's average cannot: that the loss is a number again."""
        return self._is_recorded and self._console.last_step - self._record.last_step < SILENT_STEPS

    def _look_at_record(self) -> None:
        new = self._tail.read_new()
        self._record.see_held_out([index for index, picture in new.pictures.items() if picture.is_held_out])
        for probe in new.probes:
            self._record.feed_probe(probe)
        at = 0
        for step, count in zip(new.steps.steps, new.steps.counts, strict=True):
            self._record.feed_step(step, new.steps.losses[at : at + count], new.steps.targets[at : at + count])
            at += count

    def _say(self) -> None:
        """Tell each kind of trouble once: the console and the recorder see the same NaN."""
        for kind, notice in (*self._console.notices().items(), *self._record.notices().items()):
            if kind not in self._told:
                self._told.add(kind)
                self._tell(notice)
