"""One line of progress as plain text: what the run is doing now. Printing it is `terminal`'s business.

The pace is counted from the arrival of steps: the trainer's own it/s is wrong for steps under a tenth of a second.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from statistics import median, median_low
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.report.labels import label
from orchestrator.report.numbers import count, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.text import Language

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.,-=+*#"
TREND_LENGTH = 8
MAX_LOSSES = 4096
PACE_SECONDS = 30.0
"""The pace is that of the last half minute, or of the last few arrivals where a step takes longer."""
KEPT_ARRIVALS = 9
TICK_SECONDS = 0.25
"""Arrivals nearer to each other are one: a pipe hands over several at once."""
PAUSE_FACTOR = 8.0
"""A gap of so many usual steps is a pause: samples are drawn, latents cached, held-out pictures looked at."""
LEAST_GAPS = 3
"""Gaps that show what is usual."""


@dataclass
class Progress:
    """What is known of a running training."""

    total: int | None = None
    """Planned optimizer steps."""
    step: int = 0
    losses: list[float] = field(default_factory=list)
    """Raw losses in the order they came; of a long run every second, fourth ... one, and each that is not finite."""
    seen: int = 0
    """Losses that came."""
    stride: int = 1
    """One in so many is kept."""
    arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    """(seconds, step) of the last half minute, and one older."""
    pauses: list[tuple[int, float]] = field(default_factory=list)
    """(step, seconds beyond the usual) of each pause."""

    def advance(self, step: int, now: float, loss: float | None = None) -> None:
        """Note that `step` was done at `now` seconds of a clock that never goes back. Repeated or smaller steps change nothing."""
        if loss is not None:
            self._keep(loss)
        if step <= self.step and self.arrivals:
            return
        self.step = step
        if len(self.arrivals) > 1 and self.arrivals[-1][0] - self.arrivals[-2][0] < TICK_SECONDS:
            self.arrivals.pop()
        self._note_pause(step, now)
        self.arrivals.append((now, step))
        while len(self.arrivals) > KEPT_ARRIVALS and now - self.arrivals[1][0] > PACE_SECONDS:
            self.arrivals.popleft()

    def _note_pause(self, step: int, now: float) -> None:
        """Note a gap that is no step. Two in a row are none either: then the steps have become slower."""
        if len(self.arrivals) <= LEAST_GAPS or now - self.arrivals[-1][0] <= TICK_SECONDS:
            return
        begin, first = self.arrivals[-1]
        expected = (self._usual_gap() or 0.0) * (step - first)
        if now - begin <= PAUSE_FACTOR * expected:
            return
        if self.pauses and self.pauses[-1][0] == first:
            self.pauses.pop()
        else:
            self.pauses.append((step, now - begin - expected))

    def _gaps(self) -> list[tuple[float, int]]:
        """(seconds, steps) between arrivals."""
        return [
            (end - begin, last - first)
            for (begin, first), (end, last) in zip(self.arrivals, islice(self.arrivals, 1, None), strict=False)
        ]

    def _usual_gap(self) -> float | None:
        """Seconds of the step in the middle; the lower one of two, for it is the other that may hold a pause."""
        gaps = self._gaps()
        return median_low([seconds / steps for seconds, steps in gaps]) if gaps else None

    def _keep(self, loss: float) -> None:
        """Hold at most MAX_LOSSES: medians of a thinned run are its medians, and drawing stays cheap after 100,000 steps."""
        self.seen += 1
        if self.seen % self.stride and math.isfinite(loss):
            return
        self.losses.append(loss)
        if len(self.losses) >= MAX_LOSSES:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [second if math.isfinite(first) else first for first, second in pairs]
            self.stride *= 2

    @property
    def steps_per_second(self) -> float | None:
        """Pace of the last half minute, without its pauses; None before two different moments were seen."""
        usual = self._usual_gap()
        if usual is None:
            return None
        kept = [(seconds, steps) for seconds, steps in self._gaps() if seconds <= PAUSE_FACTOR * usual * steps]
        elapsed = math.fsum(seconds for seconds, _ in kept)
        return sum(steps for _, steps in kept) / elapsed if elapsed > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the planned end at this pace, and with as many pauses as there were so far."""
        pace = self.steps_per_second
        if not self.total or not pace:
            return None
        left = max(self.total - self.step, 0)
        return left / pace + self._pauses_left(left)

    def _pauses_left(self, steps: int) -> float:
        """Seconds of pauses in so many steps; 0.0 before two pauses have shown how often they come."""
        if len(self.pauses) < 2:
            return 0.0
        apart = (self.pauses[-1][0] - self.pauses[0][0]) / (len(self.pauses) - 1)
        return math.fsum(seconds for _, seconds in self.pauses) / len(self.pauses) * (steps // apart)

    @property
    def share(self) -> float | None:
        """Part done, 0 to 1."""
        return min(self.step / self.total, 1.0) if self.total else None


def sparkline(values: Sequence[float], blocks: str = BLOCKS, length: int = TREND_LENGTH) -> str:
    """Return block medians of `values` as one block character each; `!` for a block with NaN or infinity. Empty for < 2 values."""
    parts = min(length, len(values))
    if parts < 2:
        return ""
    medians: list[float] = []
    for index in range(parts):
        part = values[len(values) * index // parts : len(values) * (index + 1) // parts]
        medians.append(median(part) if all(math.isfinite(value) for value in part) else math.nan)
    finite = [value for value in medians if not math.isnan(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    # A change of less than 2 % is flat: stretching it over all eight heights would draw noise as a trend.
    room = max(high - low, abs(high) * 0.02, 1e-12)
    return "".join(
        "!" if math.isnan(value) else blocks[min(int((value - low) / room * len(blocks)), len(blocks) - 1)]
        for value in medians
    )


def progress_text(
    progress: Progress, language: Language, finding: str = "", *, is_ascii: bool = False, bar: int = 0
) -> str:
    """Return the line: steps, share, time left, pace, loss trend, finding. `bar`: width of a bar in characters, 0 for none."""
    parts = [
        f"{label('term_step', language)} {count(progress.step)}"
        + (f"/{count(progress.total)}" if progress.total else "")
    ]
    share = progress.share
    if share is not None:
        parts.append((_bar(share, bar, is_ascii=is_ascii) + " " if bar else "") + f"{share:.0%}")
    if progress.steps_per_second is not None:
        parts.append(f"{short_number(float(f'{progress.steps_per_second:.3g}'))} it/s")
    if progress.seconds_left:
        parts.append(label("term_left", language).format(time=duration(progress.seconds_left, language)))
    if progress.losses:
        recent = progress.losses[-max(len(progress.losses) // TREND_LENGTH, 1) :]
        finite = [value for value in recent if math.isfinite(value)]
        now = short_number(float(f"{median(finite):.3g}")) if len(finite) == len(recent) else "NaN"
        trend = sparkline(progress.losses, ASCII_BLOCKS if is_ascii else BLOCKS)
        parts.append(f"{label('term_loss', language)} {now}" + (f" {trend}" if trend else ""))
    if finding:
        parts.append(finding)
    return "  ".join(parts)


def _bar(share: float, width: int, *, is_ascii: bool) -> str:
    done = round(share * width)
    full, empty = ("#", ".") if is_ascii else ("━", "─")
    return full * done + empty * (width - done)
