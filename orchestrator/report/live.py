"""One line of progress as plain text: what the run is doing now. Printing it is `terminal`'s business.

The pace is counted from the arrival of steps: the trainer's own it/s is wrong for steps under a tenth of a second.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.report.labels import label
from orchestrator.report.numbers import count, duration, short_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.text import Language

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.,-=+*#"
TREND_LENGTH = 8
MAX_LOSSES = 4096
PACE_SECONDS = 30.0
"""The pace is that of the last half minute: latent caching and sampling do not drag it along for ever."""


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

    def advance(self, step: int, now: float, loss: float | None = None) -> None:
        """Note that `step` was done at `now` seconds of a clock that never goes back. Repeated or smaller steps change nothing."""
        if loss is not None:
            self._keep(loss)
        if step <= self.step and self.arrivals:
            return
        self.step = step
        self.arrivals.append((now, step))
        while len(self.arrivals) > 2 and now - self.arrivals[1][0] > PACE_SECONDS:
            self.arrivals.popleft()

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
        """Pace of the last half minute; None before two different moments were seen."""
        if len(self.arrivals) < 2:
            return None
        (begin, first), (end, last) = self.arrivals[0], self.arrivals[-1]
        return (last - first) / (end - begin) if end > begin else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the planned end at this pace."""
        pace = self.steps_per_second
        return max(self.total - self.step, 0) / pace if self.total and pace else None

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
        parts.append(f"{duration(progress.seconds_left, language)} {label('term_left', language)}")
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
