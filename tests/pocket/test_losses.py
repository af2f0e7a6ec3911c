"""The running mean keeps sd-scripts' habits, the bad ones too."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.backends.pocket.trainer.losses import LossRecorder


def test_the_mean_covers_one_epoch() -> None:
    recorder = LossRecorder()
    for step, loss in enumerate((1.0, 2.0, 3.0)):
        recorder.add(epoch=0, step=step, loss=loss)
    assert recorder.moving_average == pytest.approx(2.0)
    recorder.add(epoch=1, step=0, loss=4.0)
    assert recorder.moving_average == pytest.approx(3.0)


def test_one_nan_stays_for_ever() -> None:
    recorder = LossRecorder()
    for epoch in range(3):
        for step in range(2):
            recorder.add(epoch=epoch, step=step, loss=math.nan if (epoch, step) == (0, 1) else 1.0)
    assert math.isnan(recorder.moving_average)


def test_a_second_measurement_in_the_first_epoch_mixes_with_the_first() -> None:
    recorder = LossRecorder()
    for loss in (1.0, 1.0):
        recorder.add(epoch=0, step=0, loss=loss)
    recorder.add(epoch=1, step=0, loss=3.0)
    assert recorder.moving_average == pytest.approx(2.0)
