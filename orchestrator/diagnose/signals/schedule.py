"""What the learning-rate schedule spent its steps on, and what Prodigy's step size did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

DEAD_SHARE: Final = 0.02
"""Below this share of the peak a step moves next to nothing."""
RESTART_SHARE: Final = 0.1
"""A rise within one step by this share of the peak, after the warm-up, is a restart."""


@dataclass(frozen=True, slots=True)
class LrAccount:
    """The learning rate of one parameter group over N logged steps."""

    source: str
    """Tag or parameter group it was read from."""
    peak: float
    warm_up_end: int
    """First step at the peak; the first step of the run where there is no warm-up."""
    warm_up_steps: float
    """Share of the steps before that, 0 ... 1."""
    warm_up_integral: float
    """Share of the summed learning rate before that, 0 ... 1: how much of the training the warm-up did."""
    dead_tail: float
    """Share of the steps, counted from the end, whose learning rate is below 2 % of the peak, 0 ... 1."""
    dead_from: int | None
    """First step of that tail."""
    restarts: tuple[int, ...]
    """Steps at which the learning rate jumped up again after the warm-up."""
    mean: float
    """Mean learning rate over the run."""
    last: float
    count: int
    """N."""
    last_step: int
    """The last step it is known of."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What the conditioned loss did at one event of the schedule, log units."""

    step: int
    """The event: the first step at the new learning rate."""
    rise: float
    """Mean just after it - mean just before it."""
    z: float
    """That over its standard error."""
    later: float
    """Mean of a stretch as long, three to four stretches on, - the mean before; NaN where the run ended before. Near 0: it healed."""


@dataclass(frozen=True, slots=True)
class StepSizeAccount:
    """The step size `d` that Prodigy or D-Adaptation found, of one parameter group."""

    source: str
    first: float
    last: float
    growth: float
    """last / first."""
    moved_after: float
    """Share of the run until d exceeded twice its first value, 0 ... 1; 1 where it never did."""
    late_growth: float
    """Growth over the last third of the run: 0.2 is 20 %."""
    largest_lr: float
    """Greatest d x learning rate; NaN where the learning rate is unknown."""


def account_lr(source: str, steps: Sequence[int], lrs: Sequence[float]) -> LrAccount | None:
    """Return the account of a learning rate (N,); values that are not finite are left out; None where none is above 0."""
    pairs = [(step, lr) for step, lr in zip(steps, lrs, strict=True) if math.isfinite(lr)]
    peak = max((lr for _, lr in pairs), default=0.0)
    if peak <= 0:
        return None
    count, total = len(pairs), math.fsum(lr for _, lr in pairs)
    top = next(i for i, (_, lr) in enumerate(pairs) if lr >= 0.9999 * peak)
    tail = next((n for n, (_, lr) in enumerate(reversed(pairs)) if lr >= DEAD_SHARE * peak), count)
    restarts = [pairs[i][0] for i in range(top + 1, count) if pairs[i][1] - pairs[i - 1][1] > RESTART_SHARE * peak]
    return LrAccount(
        source=source,
        peak=peak,
        warm_up_end=pairs[top][0],
        warm_up_steps=top / count,
        warm_up_integral=math.fsum(lr for _, lr in pairs[:top]) / total,
        dead_tail=tail / count,
        dead_from=pairs[count - tail][0] if tail else None,
        restarts=tuple(restarts),
        mean=total / count,
        last=pairs[-1][1],
        count=count,
        last_step=pairs[-1][0],
    )


def account_step_size(source: str, ds: Sequence[float], lrs: Sequence[float] = ()) -> StepSizeAccount | None:
    """Return the account of a step size (N,) with its learning rates (N,) where known; None without three finite values above 0."""
    finite = [(index, d) for index, d in enumerate(ds) if math.isfinite(d) and d > 0]
    if len(finite) < 3:
        return None
    values = [d for _, d in finite]
    first, last = values[0], values[-1]
    moved = next((n for n, d in enumerate(values) if d > 2 * first), len(values))
    third = values[(2 * len(values)) // 3]
    products = [d * lrs[index] for index, d in finite if index < len(lrs) and math.isfinite(lrs[index])]
    return StepSizeAccount(
        source=source,
        first=first,
        last=last,
        growth=last / first,
        moved_after=moved / len(values),
        late_growth=last / third - 1,
        largest_lr=max(products, default=math.nan),
    )


def step_sizes(products: Sequence[float], lrs: Sequence[float]) -> list[float]:
    """Return d from the logged d x lr and lr, (N,) and (N,) -> (N,): the trainer logs only the product. NaN where lr is 0."""
    return [product / lr if lr else math.nan for product, lr in zip(products, lrs, strict=True)]


def rise_at(
    event: int, steps: NDArray[np.int64], levels: NDArray[np.float64], noise: float, share: float = 0.03
) -> Rise | None:
    """Return the rise at `event` of levels (N,) at steps (N,), with stretches of `share` of the run; None for fewer than 3 steps on a side.

    `noise`: standard deviation of one level. A place that is known beforehand needs no search: two means are compared.
    """
    import numpy as np

    length, at = max(3, round(share * len(levels))), int(np.searchsorted(steps, event))
    before, after = levels[max(0, at - length) : at], levels[at : at + length]
    if len(before) < 3 or len(after) < 3 or not noise > 0:
        return None
    rest = levels[at + 3 * length : at + 4 * length]
    start = float(before.mean())
    rise = float(after.mean()) - start
    error = noise * math.sqrt(1 / len(before) + 1 / len(after))
    return Rise(event, rise, rise / error, float(rest.mean()) - start if len(rest) >= 3 else math.nan)
