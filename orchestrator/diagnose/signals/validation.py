"""The trainer's own validation: un-mixing its step average, and whether its held-out pictures are held out at all.

Read from sd-scripts' `split_train_val` and `LossRecorder` and reproduced by running them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def unmixed_step_validation(averages: Sequence[float], first_epoch_passes: int) -> list[float]:
    """Return the mean of each validation pass from what `loss/validation/step_average` reported, (N,) -> (N,).

    The trainer's recorder appends all passes of epoch 1 and afterwards overwrites only the first pass's places. With K passes in
    epoch 1 and reported averages a: v[k] = k a[k] - (k - 1) a[k - 1] for k <= K, later v = K a - (v[2] + ... + v[K]).
    A value that is not finite spoils all that follow, as it does in the trainer. Raises ValueError for K < 1.
    """
    if first_epoch_passes < 1:
        raise ValueError(f"passes in epoch 1: {first_epoch_passes}, must be at least 1")
    first = averages[:first_epoch_passes]
    before = [0.0, *first]
    passes = [(k + 1) * value - k * before[k] for k, value in enumerate(first)]
    kept = math.fsum(passes[1:]) if all(map(math.isfinite, passes[1:])) else math.nan
    return [*passes, *(first_epoch_passes * value - kept for value in averages[first_epoch_passes:])]


def split_counts(pictures: int, split: float) -> tuple[int, int]:
    """Return how many pictures the trainer takes for training and for validation: ceil(n (1 - s)), round(n s)."""
    return math.ceil(pictures * (1 - split)), round(pictures * split)


def possible_leak(train_count: int, held_out_count: int, split: float) -> bool:
    """Return whether these counts show that one picture was counted twice: train = ceil(n (1 - s)), held out = round(n s), n < sum."""
    total = train_count + held_out_count
    counts = (train_count, held_out_count)
    return split_counts(total - 1, split) == counts and split_counts(total, split) != counts


def shared_pictures(train: Iterable[str], held_out: Iterable[str]) -> list[str]:
    """Return the names that are in both sets, sorted: proof of a leak."""
    return sorted(set(train) & set(held_out))
