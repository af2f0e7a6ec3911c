"""What can be said while the trainer still runs: NaN, and a loss at the level of a lost model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.levels import (
    FIRST_LEVEL,
    FIRST_STEPS,
    LOST_BASE,
    PERSISTENCE,
    WINDOW,
    lost_level,
    nan_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.observation import LogEvent
    from orchestrator.diagnose.rule import Case

BAR_DIGITS = 3
"""Significant digits of `avr_loss` on the progress bar."""


class LiveWatch:
    """Looks at the loss while it comes in. Feed it console events.

    The bar's `avr_loss` is the mean since the start in the first epoch and that of one epoch later. So a NaN shows at the
    very step, and within the first epoch single windows can be computed back from it. The average never recovers: whether the loss
    did is not seen here.
    """

    def __init__(self, case: Case, stop_on: Sequence[str] = ("nan",)) -> None:
        """`case` needs plan or settings only: they decide the level of a lost model and the length of an epoch."""
        self._stop_on = frozenset(stop_on)
        self._limit = lost_level(case)
        self._epoch_steps = case.plan.steps.steps_per_epoch if case.plan is not None else None
        self._over_since: int | None = None
        self._bar: dict[int, float] = {}
        self._first = math.nan
        self._nan_since: int | None = None
        self.last_step = 0
        """Last step the bar showed."""
        self.nan_step: int | None = None
        """First step whose loss was not finite."""
        self.collapse_step: int | None = None
        """First step of the windows at the level of a lost model; the loss became so within the ten steps after it."""

    def feed_event(self, event: LogEvent) -> None:
        """Take one console event; all but `progress` are passed over."""
        step, average = event.values.get("step"), event.values.get("avr_loss")
        if event.kind == "batches-per-epoch" and self._epoch_steps is None:
            self._epoch_steps = int(event.values["count"])
        if event.kind != "progress" or not isinstance(step, int) or not isinstance(average, float) or step < 1:
            return
        if not math.isfinite(average):
            self._see_nan(step)
            self._nan_since = self._nan_since or step
        else:
            self._nan_since = None
        if math.isfinite(average) and step != self.last_step:
            self._see_average(step, average)
        self.last_step = step

    def shows_lasting_nan(self) -> bool:
        """Return whether the average has been NaN for two windows up to now."""
        return self._nan_since is not None and self.last_step - self._nan_since + 1 >= WINDOW * PERSISTENCE

    def stop_reason(self, *, trusts_nan: bool = True) -> str | None:
        """Return `nan` or `collapse` where the recipe lets that stop the run, else None.

        `trusts_nan`: False where somebody else knows whether the loss came back.
        """
        if trusts_nan and "nan" in self._stop_on and self.shows_lasting_nan():
            return "nan"
        return "collapse" if self.collapse_step is not None and "collapse" in self._stop_on else None

    def notices(self) -> dict[str, Text]:
        """Return what to tell the user now, whether or not it stops the run: kind of trouble -> words."""
        found: dict[str, Text] = {}
        if self.nan_step is not None:
            found["nan"] = nan_words(self.nan_step)
        if self.collapse_step is not None:
            found["collapse"] = LOST_BASE if self._was_lost_before() else self._collapse_words(self.collapse_step)
        return found

    @staticmethod
    def _collapse_words(step: int) -> Text:
        return Text(
            f"From about step {step} on the loss lies at the level of a lost model.",
            f"约从第 {step} 步起，损失处于模型失效的水平。",
        )

    def _see_nan(self, step: int) -> None:
        if self.nan_step is None:
            self.nan_step = step

    def _see_collapse(self, step: int) -> None:
        if self.collapse_step is None and self.nan_step is None:
            self.collapse_step = max(step, 1)

    def _was_lost_before(self) -> bool:
        """Whether the first steps, at which the LoRA is still zero, lie at that level already: then it is the base model's own."""
        is_from_start = self.collapse_step is not None and self.collapse_step <= WINDOW
        return is_from_start and self._limit is not None and self._first > FIRST_LEVEL * self._limit[0]

    def _are_lost(self, windows: Sequence[float]) -> bool:
        return self._limit is not None and all(window > self._limit[0] for window in windows)

    def _see_average(self, step: int, average: float) -> None:
        """Look at the bar: windows of the first epoch computed back from its cumulative mean, later its level itself."""
        if step <= min(FIRST_STEPS, self._epoch_steps or 1):
            self._first = average
        if not self._are_lost([average]):
            self._over_since = None
        elif self._over_since is None:
            self._over_since = step
        if self._epoch_steps is None or step > self._epoch_steps:
            self._see_level(step)
            return
        self._bar[step] = average
        self._bar.pop(step - WINDOW * PERSISTENCE - 1, None)
        windows = [self._window(step - back * WINDOW) for back in range(PERSISTENCE)]
        known = [window for window in windows if window is not None]
        if len(known) == PERSISTENCE and self._are_lost(known):
            self._see_collapse(step - WINDOW * PERSISTENCE + 1)

    def _see_level(self, step: int) -> None:
        """Look how long the bar's own average, of one epoch, has been over the level; a short epoch has to stay there for longer.

        `_over_since` may lie in the first epoch: with epochs of eight steps a base that was lost before shows from step 1 on.
        """
        since = self._over_since
        if since is not None and step - max(since - (self._epoch_steps or 1), 0) >= WINDOW * PERSISTENCE:
            self._see_collapse(since)

    def _window(self, end: int) -> float | None:
        """Return a lower bound of the mean loss of the `WINDOW` steps up to `end`; None where the bar skipped a step or cannot tell."""
        begin = end - WINDOW
        last, first = self._bar.get(end), 0.0 if begin == 0 else self._bar.get(begin)
        if last is None or first is None:
            return None
        rounding = end * _rounding(last) + begin * _rounding(first)
        return (end * last - begin * first - rounding) / WINDOW


def _rounding(shown: float) -> float:
    """Return the largest error of a number shown with three significant digits."""
    return 0.5 * 10.0 ** (math.floor(math.log10(shown)) - BAR_DIGITS + 1) if shown > 0 else 0.0
