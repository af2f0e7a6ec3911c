from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from orchestrator.observe.scalars import ScalarReading, mean_per_step, newest_per_step, read_scalars
from tests.observe.event_writer import run, scalar

if TYPE_CHECKING:
    from orchestrator.observe.scalars import Rows

LOGS = Path(__file__).parents[1] / "logs"


def rows(steps: list[int], values: list[float], times: list[float] | None = None) -> Rows:
    return np.array(steps, dtype=np.int64), np.array(values), np.array(times or [float(n) for n in range(len(steps))])


def plain(found: Rows) -> list[list[Any]]:
    return [part.tolist() for part in found]


def read(tmp_path: Path, *files: bytes) -> ScalarReading:
    paths = []
    for number, data in enumerate(files):
        path = tmp_path / f"events.out.tfevents.{number}"
        path.write_bytes(data)
        paths.append(path)
    return read_scalars(paths, lambda p: p.name)


def test_without_accumulation_every_row_is_a_step() -> None:
    assert plain(mean_per_step(rows([1, 2, 3], [0.1, 0.2, 0.3]))) == [[1, 2, 3], [0.1, 0.2, 0.3], [0.0, 1.0, 2.0]]


def test_with_accumulation_rows_belong_to_the_step_they_end() -> None:
    # Two micro-steps a step: the first batch is logged at 0, each later step's first one under the number before it.
    found = mean_per_step(rows([0, 1, 1, 2, 2, 3], [1.0, 3.0, 10.0, 30.0, 100.0, 300.0]))
    assert plain(found) == [[1, 2, 3], [2.0, 20.0, 200.0], [1.0, 3.0, 5.0]]


def test_a_short_last_group_of_an_epoch_is_a_step_too() -> None:
    # Three batches an epoch, two micro-steps a step: steps of two, one, two, one.
    found = mean_per_step(rows([0, 1, 2, 2, 3, 4], [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]))
    assert plain(found)[:2] == [[1, 2, 3, 4], [2.0, 5.0, 8.0, 11.0]]


def test_a_step_that_never_ended_is_left_out() -> None:
    assert plain(mean_per_step(rows([0, 1, 1], [1.0, 3.0, 9.0])))[:2] == [[1], [2.0]]
    assert plain(mean_per_step(rows([0, 0], [1.0, 3.0])))[:2] == [[], []]


def test_a_restart_drops_only_the_unfinished_step() -> None:
    found = mean_per_step(rows([0, 1, 1, 2, 2, 0, 1, 1, 2], [1.0, 3.0, 5.0, 7.0, 99.0, 2.0, 4.0, 6.0, 8.0]))
    assert plain(found)[:2] == [[1, 2, 1, 2], [2.0, 6.0, 3.0, 7.0]]


def test_one_nan_micro_step_makes_its_step_nan_and_no_other() -> None:
    steps, values, _ = mean_per_step(rows([0, 1, 1, 2], [1.0, math.nan, 2.0, 4.0]))
    assert steps.tolist() == [1, 2]
    assert math.isnan(values[0])
    assert values[1] == 3.0


def test_the_newest_wall_time_wins() -> None:
    found = newest_per_step(rows([1, 2, 3, 2, 3], [1.0, 2.0, 3.0, 20.0, 30.0], [1.0, 2.0, 9.0, 5.0, 6.0]))
    assert plain(found)[:2] == [[1, 2, 3], [1.0, 20.0, 3.0]]


def test_two_files_are_merged_by_step(tmp_path: Path) -> None:
    first = b"".join(scalar("loss/current", step, 1.0, 100.0 + step) for step in range(1, 61))
    second = b"".join(scalar("loss/current", step, 2.0, 500.0 + step) for step in range(41, 81))
    reading = read(tmp_path, first, second)
    series = reading.series["loss/current"]
    assert list(series.steps) == list(range(1, 81))
    assert list(series.values) == [1.0] * 40 + [2.0] * 40
    assert series.source == "events.out.tfevents.0, events.out.tfevents.1"
    assert reading.file_count == 2
    swapped = read(tmp_path, second, first).series["loss/current"]
    assert (swapped.steps, swapped.values) == (series.steps, series.values)


def test_the_last_value_of_a_step_counts_for_everything_but_the_loss(tmp_path: Path) -> None:
    data = b"".join(scalar("lr/unet", step, value) for step, value in ((0, 0.0), (1, 0.1), (1, 0.2), (2, 0.3)))
    data += b"".join(scalar("loss/validation/step_average", step, 1.0) for step in (0, 100))
    series = read(tmp_path, data).series
    assert list(series["lr/unet"].steps) == [1, 2]
    assert list(series["lr/unet"].values) == pytest.approx([0.2, 0.3])
    assert list(series["loss/validation/step_average"].steps) == [0, 100]
    assert "mixed" in series["loss/validation/step_average"].note
    assert series["lr/unet"].note == ""


def test_a_file_that_cannot_be_opened_is_noted(tmp_path: Path) -> None:
    good = tmp_path / "events.out.tfevents.0"
    good.write_bytes(b"".join(run(10)))
    reading = read_scalars([tmp_path / "none", good], lambda p: p.name)
    assert reading.damage == ("none: cannot be read (No such file or directory)",)
    assert len(reading.series["loss/current"]) == 10


def test_a_real_run_has_all_its_tags() -> None:
    reading = read_scalars((LOGS / "wide-console").rglob("*tfevents*"), lambda p: p.name)
    lengths = {tag: len(series) for tag, series in reading.series.items()}
    assert lengths == {
        "loss/current": 36,
        "loss/average": 36,
        "lr/textencoder": 36,
        "lr/unet": 36,
        "lr/group1": 36,
        "loss/epoch_average": 4,
        "loss/validation/epoch_average": 4,
        "loss/validation/epoch_divergence": 4,
    }
    assert reading.first_time is not None
    assert reading.last_time is not None
    assert 1.0 < reading.last_time - reading.first_time < 60.0


def test_nan_of_a_real_run_is_kept() -> None:
    series = read_scalars((LOGS / "nan" / "logs").iterdir(), lambda p: p.name).series["loss/current"]
    assert [math.isfinite(v) for v in series.values[:4]] == [True, True, False, False]
