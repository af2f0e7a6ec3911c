"""A run folder from elsewhere: what `resume` would start is asked what a recipe is asked, whatever the folder says of itself."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.record import record_text
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
from orchestrator.plan.saved import read_plan
from orchestrator.prepared import prepare
from orchestrator.recipe.dump import dump_resolved
from orchestrator.run.installed import trainers
from orchestrator.run.installed.trusted import trust
from orchestrator.run.records.create import create_run
from orchestrator.run.records.inputs import start_marking
from orchestrator.run.records.run_record import start_record, write_run_record
from orchestrator.training.resume import open_run
from tests.hostile.files import archive, calling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.rundir import RunDir

    Write = Callable[..., Path]

RELIABILITY = {
    "T06": "a run folder from elsewhere whose train.toml, plan or recipe hash names a foreign class: resume refuses",
    "T07": "a run folder from elsewhere whose plan names a pickle or a model of Hugging Face: resume refuses",
}
TRAINER: Any = trainers.pinned_trainer("sd15")


@pytest.fixture
def make(recipe: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunDir]:
    """Return a function that lays down a run as `lora-run` does, which needs no trainer to be opened again."""
    monkeypatch.setattr(trainers, "find_trainer", lambda _family: TRAINER)
    monkeypatch.setattr(trainers, "verify_trainer", lambda _trainer: ())
    monkeypatch.setattr(trainers, "trainer_held", lambda *_: nullcontext())

    def lay_down() -> RunDir:
        prepared = prepare(recipe())
        assert prepared.plan is not None
        assert prepared.build is not None
        resolved = dump_resolved(prepared.loaded)
        plan = record_text("plan", PLAN_RECORD_VERSION, plan_record(prepared.plan))
        files = {"recipe.yaml": resolved, "recipe.resolved.yaml": resolved, "plan.json": plan}
        rundir = create_run(tmp_path / "runs", "alice", prepared.build, extra_files=files)
        record = start_record("alice", "sd15", resolved, TRAINER, prepared.build.commands)
        write_run_record(rundir, replace(record, recipe_dir=os.path.relpath(tmp_path, rundir.root), recipe_name="gone"))
        return rundir

    return lay_down


def put(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(rundir: RunDir) -> dict[str, str]:
    """What resume says to the folder, whose marks are its maker's."""
    start_marking(read_plan(rundir.plan_json), rundir, TRAINER).join()
    try:
        with ExitStack() as held:
            open_run(rundir.root, held, shares_gpu=True)
    except InputError as error:
        return {problem.code: problem.what.en for problem in error.problems}
    return {}


def test_a_run_as_it_was_laid_down_is_gone_on_with(make: Callable[[], RunDir]) -> None:
    assert problems(make()) == {}


@pytest.mark.parametrize("name", ["train.toml", "dataset.toml", "accelerate.json"])
def test_a_compiled_file_that_the_plan_does_not_compile_to_is_refused(make: Callable[[], RunDir], name: str) -> None:
    rundir = make()
    (rundir.root / name).write_text("x = 1\n" + (rundir.root / name).read_text())
    told = problems(rundir)
    assert list(told) == ["resume-rewritten"]
    assert told["resume-rewritten"].startswith(f"{name} is not what the run's plan compiles to: `x = 1` there, ")


def test_a_class_in_the_trainers_file_alone_is_refused_with_both_values(make: Callable[[], RunDir]) -> None:
    rundir = make()
    put(rundir.train_toml, '"AdamW"', '"evil_mod.Canary"')
    told = problems(rundir)["resume-rewritten"]
    assert 'optimizer_type = "evil_mod.Canary"' in told
    assert 'optimizer_type = "AdamW"' in told


@pytest.mark.parametrize(
    ("model", "code"), [("base.dat", "pickle-model-file"), ("somebody/a-model", "model-from-the-network")]
)
def test_a_model_that_no_recipe_may_name_is_refused(
    make: Callable[[], RunDir], tmp_path: Path, model: str, code: str
) -> None:
    (tmp_path / "base.dat").write_bytes(calling(exec, "1"))
    rundir = make()
    for path in (rundir.plan_json, rundir.train_toml):
        put(path, str(tmp_path / "base.safetensors"), str(tmp_path / model) if model == "base.dat" else model)
    assert list(problems(rundir)) == [code]


def test_a_plan_of_a_later_attempt_does_not_hide_the_runs_own(make: Callable[[], RunDir], tmp_path: Path) -> None:
    rundir = make()
    later = rundir.root / "attempts" / "002" / "plan.json"
    later.parent.mkdir()
    later.write_text(rundir.plan_json.read_text())
    (tmp_path / "base.dat").write_bytes(calling(exec, "1"))
    for path in (rundir.plan_json, rundir.train_toml):
        put(path, str(tmp_path / "base.safetensors"), str(tmp_path / "base.dat"))
    assert list(problems(rundir)) == ["pickle-model-file"]


def test_the_hash_of_something_else_that_is_trusted_makes_no_recipe_trusted(
    make: Callable[[], RunDir], tmp_path: Path
) -> None:
    rundir = make()
    (tmp_path / "public.ckpt").write_bytes(archive(data=b"x"))
    for name in ("public.ckpt", "alice.yaml"):
        (one,) = trust(tmp_path / name)
        body = json.loads(rundir.run_json.read_text())
        rundir.run_json.write_text(json.dumps({**body, "recipe_sha256": one.sha256}))
        for path in (rundir.plan_json, rundir.train_toml):
            put(path, '"AdamW"', '"evil_mod.Canary"')
        rundir.resolved_recipe.write_text(rundir.resolved_recipe.read_text() + "\n")  # another one than was trusted
        assert "foreign-optimizer-class" in problems(rundir), name
        rundir = make()
