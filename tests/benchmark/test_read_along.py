"""A simulated run is shown to the tool as a run that goes on is: nothing comes earlier or more exact than it would."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from benchmark import read_along
from benchmark.read_along import told_while_running
from benchmark.simulate import simulate
from orchestrator.observe.console import ConsoleParser

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bar_shows_what_the_trainers_does() -> None:
    run = simulate("collapsed", 2)
    seen = run.case.observations
    assert seen is not None
    losses, length = seen.series["loss/current"].values, int(seen.facts["batches_per_epoch"])
    parser = ConsoleParser()
    for line in read_along.announced(seen):
        parser.feed(line)
    shown = {}
    for _, line in read_along.bar(seen):
        event = parser.feed(line)
        assert event is not None
        assert event.kind == "progress"
        shown[event.values["step"]] = event.values["avr_loss"]
    for step in (1, length, length + 1, len(losses)):
        part = losses[max(step - length, 0) : step]
        assert shown[step] == float(f"{math.fsum(part) / len(part):.3g}")


def test_the_recorders_file_grows_in_blocks_and_after_each_probe(tmp_path: Path) -> None:
    run = simulate("learning", 0)
    assert run.case.observations is not None
    assert run.case.observations.telemetry is not None
    writer = read_along.Recorder(tmp_path / "rank0.jsonl", run.case.observations.telemetry)
    probed = {probe.step for probe in run.case.observations.telemetry.probes}
    written, blocks = 0, []
    for step in range(1, 200):
        writer.step_done(step, step / 4)
        lines = (tmp_path / "rank0.jsonl").read_text().splitlines() if (tmp_path / "rank0.jsonl").exists() else []
        steps = [line["n"] for line in map(json.loads, lines) if line["k"] == "s"]
        if len(steps) > written:
            assert steps[-1] == step
            assert step in probed or step - written == 2
            blocks.append(step - written)
            written = len(steps)
    assert 2 in blocks


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_a_collapse_is_told_when_its_block_is_written_and_by_the_bar_no_earlier(seed: int) -> None:
    run = simulate("collapsed", seed)
    told, alone = told_while_running(run), told_while_running(run, is_recorded=False)
    assert told is not None
    assert alone is not None
    assert 10 <= told - run.about["onset_step"] <= 40
    assert alone >= told


def test_a_nan_is_told_at_its_step_and_a_sound_run_left_alone() -> None:
    run = simulate("nan", 1)
    assert told_while_running(run) == run.about["onset_step"]
    assert told_while_running(simulate("converged", 1)) is None
