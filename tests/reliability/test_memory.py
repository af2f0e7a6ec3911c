"""Out of memory: stopped, or with `train.on_oom: adapt` tried again with less, each rung told, kept and proposed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from orchestrator import prepared
from orchestrator.pipeline import read_end
from orchestrator.plan.less_memory import rungs_left
from orchestrator.plan.saved import read_newest_plan, read_plan
from orchestrator.run.installed import trainers
from orchestrator.run.records.run_record import read_run_record
from orchestrator.training.attempts import train
from orchestrator.training.resume import open_run, start_again
from tests.backends.plans import make_plan
from tests.reliability.conftest import Heard

if TYPE_CHECKING:
    import pytest

    from orchestrator.core.trust import Trust
    from orchestrator.dataset.model import Dataset
    from orchestrator.recipe.load import LoadedRecipe
    from tests.reliability.conftest import Runs

RELIABILITY = {
    "A21": "torch's own words of a full card at step 2 (sd15): four steps to less memory in order, each told, in the journal and in a plan of its "
    "own; none left: failed as out-of-memory with advice; with a state saved, no other batch size",
}
OOM = {"at": 2, "do": "oom"}
ADAPT = "train.on_oom=adapt"
HALF = {"train.train_batch_size": 2, "train.gradient_accumulation_steps": 2}


def changes(runs: Runs) -> list[dict[str, Any]]:
    return [dict(a.changes) for a in runs.history.attempts]


def test_without_the_wish_it_stops_and_advises(runs: Runs) -> None:
    _, outcome = read_end(runs.start({"1": OOM}))
    assert [a.cause for a in runs.history.attempts] == ["out-of-memory"]
    assert "train_batch_size" in outcome.message.en


def test_four_rungs_in_order_then_the_failure(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = trainers.find_trainer("pocket").python
    monkeypatch.setattr(trainers, "find_trainer", lambda f: replace(trainers.pinned_trainer(f), python=fake))
    header = b'{"__metadata__":{}}'
    (runs.folder / "base.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    done = runs.start(
        {str(n): OOM for n in range(1, 6)}, ADAPT, "base_model.family=sd15", "train.train_batch_size=4",
        "train.cache_latents=false", "base_model.pretrained_model_name_or_path=" + str(runs.folder / "base.safetensors"),
    )  # fmt: skip
    checkpointing = {"train.gradient_checkpointing": True}
    cached = checkpointing | {"train.cache_latents": True, "train.cache_latents_to_disk": True}
    assert changes(runs) == [
        {}, checkpointing, cached, cached | HALF,
        cached | {"train.train_batch_size": 1, "train.gradient_accumulation_steps": 4},
    ]  # fmt: skip
    assert [a.why for a in runs.history.attempts] == ["start", *["out-of-memory"] * 4]
    told = [text for text in runs.heard.words if "tried again with less memory" in text.en]
    assert [f"(step {n} of at most 4)" in text.en for n, text in enumerate(told, 1)] == [True] * 4
    assert ["改用更省显存的设置重试" in text.zh for text in told] == [True] * 4
    toml = [(runs.rundir.root / f"attempts/{n:03d}/train.toml").read_text() for n in range(2, 6)]
    assert ["gradient_checkpointing = true" in text for text in toml] == [True] * 4
    assert ["cache_latents_to_disk = true" in text for text in toml] == [False, True, True, True]
    _, outcome = read_end(done)
    assert outcome.cause == "out-of-memory"


def test_a_run_that_fits_in_the_end_tells_what_was_changed(runs: Runs) -> None:
    finished = runs.whole({"1": OOM}, ADAPT, "train.train_batch_size=4")
    root = runs.rundir.root
    assert changes(runs) == [{}, HALF]
    plan = read_newest_plan(runs.rundir)
    assert (plan.changes, plan.steps.total_steps) == (HALF, runs.history.total_steps)
    assert read_plan(runs.rundir.plan_json).changes == {}
    assert plan.steps.total_steps == runs.history.last_step
    assert plan.train["gradient_accumulation_steps"].because.en == "the memory did not suffice"
    assert read_run_record(runs.rundir).changes == HALF
    assert any("step 1 of at most 4" in note.en for note in plan.notes)
    (told,) = [f for f in finished.report.verdict.findings if f.name == "out-of-memory" and f.is_fired]
    assert told.severity.value == "watch"
    following = (root / "next.yaml").read_text()
    assert "train_batch_size: 2" in following
    assert "gradient_accumulation_steps: 2" in following
    report = json.loads((root / "report.json").read_text())
    assert report["facts"]["total_steps"] == plan.steps.total_steps


def test_other_steps_are_told_with_their_sum(runs: Runs) -> None:
    for index in range(2):  # two of one shape and six of another: 1 + 2 batches of 4, or 1 + 3 of 2 in two steps
        Image.new("RGB", (128, 64), "red").save(runs.folder / "images" / f"{index}.png")
    runs.start({"1": {"at": 1, "do": "oom"}}, ADAPT, "train.train_batch_size=4")
    assert runs.heard.has("2 steps per epoch x 4 = 8 steps instead of 12")
    assert (runs.history.total_steps, runs.history.last_step) == (8, 8)


def test_what_the_trainer_does_not_take_is_told_and_passed_over(runs: Runs) -> None:
    runs.start({"1": OOM}, ADAPT, "train.train_batch_size=4", "train.cache_latents=false")
    assert changes(runs) == [{}, HALF]
    assert runs.heard.has("not tried, each picture is encoded once")
    assert runs.heard.has("pocket has no option")


def test_other_pictures_than_the_run_began_with_are_not_planned_with(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = prepared.scan

    def scan_one_less(loaded: LoadedRecipe, trust: Trust) -> Dataset:
        (runs.folder / "images" / "7.png").unlink()
        return scanned(loaded, trust)

    def then_one_goes(*_: object) -> None:
        monkeypatch.setattr(prepared, "scan", scan_one_less)

    monkeypatch.setattr(Heard, "begins", then_one_goes)
    runs.start({"1": OOM}, ADAPT, "train.train_batch_size=4")
    assert changes(runs) == [{}]
    assert runs.heard.has("no longer those the run began with")


def test_no_other_batch_size_once_a_state_is_saved(runs: Runs) -> None:
    runs.start({"1": {"at": 6, "do": "oom"}}, ADAPT)
    assert changes(runs) == [{}]


def test_a_resumed_run_keeps_what_was_changed(runs: Runs) -> None:
    runs.start({"1": OOM, "2": {"at": 3, "do": "mistake"}}, ADAPT, "train.train_batch_size=4")
    runs.plan_faults({})
    with ExitStack() as held:
        job = open_run(runs.rundir.root, held)
        assert job.plan.changes == HALF
        start = start_again(job, runs.heard)
        assert start is not None
        done = train(job, runs.heard, start, why="resume", may_stop=True)
    assert changes(runs) == [{}, HALF, HALF]
    assert "train_batch_size" not in done.rundir.attempt_dir.joinpath("dataset.toml").read_text()
    assert "batch_size = 2" in done.rundir.attempt_dir.joinpath("dataset.toml").read_text()
    _, outcome = read_end(done)
    assert outcome.cause == "ok"


def test_large_models_go_on_to_eight_bits_and_swapped_blocks() -> None:
    plan = make_plan("flux")
    found = [dict(rung.changes) for rung in rungs_left(plan, is_host=False, has_state=True)]
    assert found[-2:] == [{"train.fp8_base": True}, {"train.blocks_to_swap": 16}]
    assert all(rung.told.en and rung.told.zh for rung in rungs_left(plan, is_host=False, has_state=False))


def test_the_machines_own_memory_is_saved_by_the_disk() -> None:
    plan = make_plan("sd15")
    (rung,) = rungs_left(plan, is_host=True, has_state=True)
    assert dict(rung.changes) == {"train.cache_latents_to_disk": True}
