"""Out of memory: stopped, or with `train.on_oom: adapt` tried again with less, each rung told, kept and proposed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.attempts import train
from orchestrator.core.rundir import RunDir
from orchestrator.pipeline import read_end
from orchestrator.plan.saved import read_newest_plan, read_plan
from orchestrator.resume import open_run, start_again
from orchestrator.run.run_record import read_run_record
from tests.reliability.conftest import EPOCHS, PER_EPOCH

if TYPE_CHECKING:
    from tests.reliability.conftest import Runs

RELIABILITY = {
    "A21": "torch's own words of a full card at step 3: rungs in order, each told, in the journal and a plan of its own; "
    "none left: failed as out-of-memory with advice; with a state saved no other batch size",
}
OOM = {"at": 3, "do": "oom"}
ADAPT = "train.on_oom=adapt"


def changes(runs: Runs) -> list[dict[str, object]]:
    return [dict(a.changes) for a in runs.history.attempts]


def test_without_the_wish_it_stops_and_advises(runs: Runs) -> None:
    done = runs.start({"1": OOM})
    _, outcome = read_end(done)
    assert [a.cause for a in runs.history.attempts] == ["out-of-memory"]
    assert "train_batch_size" in outcome.message.en


def test_each_rung_is_climbed_told_and_kept(runs: Runs) -> None:
    finished = runs.whole(
        {"1": OOM, "2": OOM}, ADAPT, "train.cache_latents=false", "train.train_batch_size=4"
    )  # fmt: skip
    assert [(a.why, a.cause) for a in runs.history.attempts] == [
        ("start", "out-of-memory"), ("out-of-memory", "out-of-memory"), ("out-of-memory", "ok"),
    ]  # fmt: skip
    cached = {"train.cache_latents": True, "train.cache_latents_to_disk": True}
    ...
