"""What the recorder inside the trainer shows while the run goes on: NaN, a lost model, a run that leaves its base behind.

Surer than the console: exact losses per sample with their targets, and the probe against the base model. The limits are those of the rules
`collapsed-loss` and `diverging`, each with two windows or probes in a row.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.levels import DIVERGED, PERSISTENCE, WINDOW, nan_words
from orchestrator.diagnose.signals.instability import LEAST_BASE, LOST_EXPLAINED
from orchestrator.diagnose.signals.probe import probe_curve

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.core.telemetry import Probe


class RecordWatch:
    """Feed it the recorder's lines as they come."""

    def __init__(self, stop_on: Collection[str] = ()) -> None:
        """`stop_on`: `nan`, `collapse`, `divergence`."""
        self._stop_on = frozenset(stop_on)
        self._windows: deque[tuple[float, float]] = deque(maxlen=WINDOW * PERSISTENCE)
        self._probes: list[Probe] = []
        self._held_out: frozenset[int] = frozenset()
        self._base = math.nan
        self._nan_run = 0
        self.last_step = 0
        """Last step that was recorded."""
        self.nan_step: int | None = None
        """First step whose loss was not finite."""
        self.collapse_step: int | None = None
        self.diverged_step: int | None = None
        """Step of the first of the two probes."""

    def see_held_out(self, pictures: Collection[int]) -> None:
        """Say which pictures are not trained on: they decide nothing here."""
        self._held_out |= frozenset(pictures)

    def feed_step(self, step: int, losses: Sequence[float], targets: Sequence[float]) -> None:
        """Take the samples of one optimizer step, in order of steps."""
        self.last_step = step
        if not all(map(math.isfinite, losses)):
            self.nan_step = self.nan_step or step
            self._nan_run += 1
            return
        self._nan_run = 0
        self._windows.append((math.fsum(losses), math.fsum(targets)))
        if self.collapse_step is None and self._is_lost():
            self.collapse_step = max(1, step - len(self._windows) + 1)

    def feed_probe(self, probe: Probe) -> None:
        """Take one probe."""
        if not probe.is_on:
            loss = math.fsum(value for row in probe.losses for value in row)
            target = math.fsum(value for row in probe.targets for value in row)
            self._base = 1 - loss / target if target > 0 else math.nan
        self._probes.append(probe)
        if probe.is_on and self.diverged_step is None:
            self.diverged_step = self._diverged()

    def stop_reason(self) -> str | None:
        """Return `nan`, `collapse` or `divergence` where the recipe lets that stop the run, else None.

        NaN is told at its step and stops only once it has lasted for two windows: a loss scaler passes over single ones.
        """
        found = {
            "nan": self._nan_run >= WINDOW * PERSISTENCE,
            "collapse": self.collapse_step is not None,
            "divergence": self.diverged_step is not None,
        }
        return next((name for name, is_seen in found.items() if is_seen and name in self._stop_on), None)

    def notices(self) -> dict[str, Text]:
        """Return what to tell the user now, whether or not it stops the run: kind of trouble -> words."""
        found: dict[str, Text] = {}
        if self.nan_step is not None:
            found["nan"] = nan_words(self.nan_step)
        if self.collapse_step is not None:
            found["collapse"] = Text(
                f"From about step {self.collapse_step} on the model predicts nothing any more.",
                f"约从第 {self.collapse_step} 步起，模型已什么都预测不出来。",
            )
        if self.diverged_step is not None:
            found["divergence"] = Text(
                f"From step {self.diverged_step} on the training pictures are more than {DIVERGED:.0f} % worse than without the LoRA.",
                f"从第 {self.diverged_step} 步起，训练图片比不用 LoRA 时差 {DIVERGED:.0f} % 以上。",
            )
        return found

    def _is_lost(self) -> bool:
        if not self._base > LEAST_BASE or len(self._windows) < WINDOW * PERSISTENCE:
            return False
        rows = list(self._windows)
        for start in range(0, len(rows), WINDOW):
            loss, target = (math.fsum(column) for column in zip(*rows[start : start + WINDOW], strict=True))
            if not target > 0 or 1 - loss / target >= LOST_EXPLAINED:
                return False
        return True

    def _diverged(self) -> int | None:
        shown = {index for probe in self._probes for index in probe.pictures}
        curve = probe_curve(self._probes, shown - self._held_out)
        if curve is None or len(curve) < PERSISTENCE:
            return None
        before, last = curve.changes[-2:]
        return curve.steps[-2] if before > DIVERGED and last >= before else None
