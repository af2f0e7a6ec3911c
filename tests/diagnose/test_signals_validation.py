from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.diagnose.signals import validation


class Recorder:
    """The trainer's own: appends in epoch 1, overwrites by place later."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.total = 0.0

    def add(self, epoch: int, place: int, loss: float) -> None:
        if epoch == 0:
            self.losses.append(loss)
        else:
            self.total -= self.losses[place]
            self.losses[place] = loss
        self.total += loss

    @property
    def average(self) -> float:
        return self.total / len(self.losses)


@given(st.integers(1, 5), st.integers(0, 4), st.integers(1, 6), st.integers(0, 999))
def test_unmixing_undoes_the_trainers_recorder(passes: int, later: int, batches: int, seed: int) -> None:
    draw = random.Random(seed)
    recorder, true, reported = Recorder(), [], []
    for epoch in range(later + 1):
        for _ in range(passes):
            losses = [draw.uniform(0.1, 0.5) for _ in range(batches)]
            for place, loss in enumerate(losses):
                recorder.add(epoch, place, loss)
            true.append(sum(losses) / batches)
            reported.append(recorder.average)
    assert validation.unmixed_step_validation(reported, passes) == pytest.approx(true)


def test_the_measured_case() -> None:
    old = [0.3170, 0.3165, 0.3172]
    found = validation.unmixed_step_validation([0.3169, 0.31695, 0.316733, 0.31685, (0.3128 + sum(old)) / 4], 4)
    kept = 4 * 0.31685 - 0.3169
    assert found[4] == pytest.approx(4 * (0.3128 + sum(old)) / 4 - kept)
    with pytest.raises(ValueError, match="at least 1"):
        validation.unmixed_step_validation([0.3], 0)
    assert validation.unmixed_step_validation([], 3) == []


def test_what_is_not_finite_spoils_what_follows() -> None:
    found = validation.unmixed_step_validation([0.3, math.nan, 0.3, 0.3], 2)
    assert found[0] == 0.3
    assert all(map(math.isnan, found[1:]))


def test_rounding_overlaps_as_often_as_measured() -> None:
    pairs = [(n, s) for n in range(4, 101) for s in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)]
    assert sum(sum(validation.split_counts(n, s)) > n for n, s in pairs) == 258
    assert validation.split_counts(15, 0.1) == (14, 2)


def test_shared_pictures() -> None:
    assert validation.shared_pictures(["a/1.png", "a/2.png"], ["a/2.png", "b/1.png"]) == ["a/2.png"]
