"""Reading along while a run goes on: the trainer's lines and what the recorder writes, to one voice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

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

RECORD_EVERY_S = 1.0
"""How often the recorder's file is looked at; it is written every few seconds."""


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

    def on_line(self, line: str) -> None:
        """Take one line of the trainer."""
        event = self._parser.feed(line)
        if event is not None:
            self._on_event(event)
            self._console.feed_event(event)
            self._say()

    def stop_reason(self) -> str | None:
        """Return `nan`, `collapse` or `divergence` where the run should be stopped now."""
        if self._clock() - self._looked_at >= RECORD_EVERY_S:
            self._looked_at = self._clock()
            self._look_at_record()
            self._say()
        return self._console.stop_reason() or self._record.stop_reason()

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
        seen: tuple[tuple[str, int | None, Text | None], ...] = (
            ("nan", self._console.nan_step or self._record.nan_step, self._console.notice() or self._record.notice()),
            ("collapse", self._console.collapse_step, self._console.notice()),
            ("collapse", self._record.collapse_step, self._record.notice()),
            ("divergence", self._record.diverged_step, self._record.notice()),
        )
        for kind, step, notice in seen:
            if step is not None and notice is not None and kind not in self._told:
                self._told.add(kind)
                self._tell(notice)
