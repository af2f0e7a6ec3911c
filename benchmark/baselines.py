"""What others would say, from the raw loss alone: rules of published tools, as near to them as a loss without accuracy allows.

- `nan_check`: OneTrainer stops on a loss that is not a number, and looks at nothing else.
- `early_stopping`: an exponential mean (0.99) watched as Lightning's EarlyStopping does: not finite, worse than `divergence_threshold`,
  or no better for `patience`; whoever still improves at the end would have been trained on.
- `auto_trainer`: AutoTrainer's loss rules (ICSE 2021, utils/monitor.py) on twenty windows in place of epochs, relative to the first:
  not finite or above 1,000; changes of 3 % to and fro in a quarter of the windows: oscillates; changes by less than 1 %: does not learn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEEP, PATIENCE, DIVERGED = 0.99, 0.2, 3.0
"""Weight of the past, share of the run without improvement, multiple of the best."""
WINDOWS, PEAK, PEAK_SHARE, CHANGE, EXPLODED = 20, 0.03, 0.25, 0.01, 1e3


def nan_check(loss: Sequence[float]) -> State:
    """Return broken for any loss that is not finite, else inconclusive."""
    return State.INCONCLUSIVE if all(map(math.isfinite, loss)) else State.BROKEN


def early_stopping(loss: Sequence[float]) -> State:
    """Return what an exponential mean with patience would have done."""
    if not all(map(math.isfinite, loss)):
        return State.BROKEN
    mean, weight, best, best_at = 0.0, 0.0, math.inf, 0
    for index, value in enumerate(loss):
        mean, weight = KEEP * mean + (1 - KEEP) * value, KEEP * weight + (1 - KEEP)
        if index >= len(loss) // 20 and mean / weight < best:
            best, best_at = mean / weight, index
    if mean / weight > DIVERGED * best:
        return State.BROKEN
    is_out_of_patience = len(loss) - best_at > PATIENCE * len(loss)
    return State.CONVERGED if is_out_of_patience else State.UNDERTRAINED


def auto_trainer(loss: Sequence[float]) -> State:
    """Return what AutoTrainer's rules would say."""
    if not all(map(math.isfinite, loss)) or max(loss) > EXPLODED:
        return State.BROKEN
    size = max(1, len(loss) // WINDOWS)
    means = [math.fsum(loss[i : i + size]) / size for i in range(0, len(loss) - size + 1, size)]
    turns = sum(
        (b - a) * (c - b) < 0 and min(abs(b - a), abs(c - b)) > PEAK * means[0]
        for a, b, c in zip(means, means[1:], means[2:], strict=False)
    )
    if turns >= PEAK_SHARE * len(means):
        return State.UNSTABLE
    return State.NOT_LEARNING if abs(means[-1] - means[0]) < CHANGE * means[0] else State.LEARNING


BASELINES: Mapping[str, Callable[[Sequence[float]], State]] = {
    "NaN check (OneTrainer)": nan_check,
    "mean and patience (Lightning)": early_stopping,
    "AutoTrainer's rules on the loss": auto_trainer,
}
