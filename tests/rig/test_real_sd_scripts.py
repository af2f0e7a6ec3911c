"""The whole way on real, unedited sd-scripts: what was planned is what the trainer counts and does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.observe.read import read_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.rig


def run_on_rig(recipe: Path, home: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run a recipe and return the process and its report.json."""
    environment = {**os.environ, "LORA_ORCHESTRATOR_HOME": str(home), "SD_SMALL_UNET": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", str(recipe), "--lang", "en", *arguments],
        cwd=recipe.parent, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    return done, json.loads((recipe.parent / "runs" / "rig-run-001" / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["train.train_batch_size=3", "train.gradient_accumulation_steps=2"],
        ["concepts.0.num_repeats=3", "train.max_train_epochs=2", "validate.hold_out=0"],
        ["dataset.enable_bucket=false", "dataset.flip_aug=true", "train.train_batch_size=4"],
    ],
    ids=["preset", "accumulated", "explicit", "one-shape"],
)
def test_the_trainer_counts_what_was_planned(changes: list[str], rig_recipe: Path, rig_home: Path) -> None:
    done, report = run_on_rig(rig_recipe, rig_home, *(word for change in changes for word in ("--set", change)))
    facts, steps = report["facts"], report["plan"]["steps"]
    assert facts["total_steps"] == facts["last_step"] == steps["total_steps"], done.stdout
    assert facts["batches_per_epoch"] == steps["batches_per_epoch"]
    assert facts["train_images"] == steps["train_samples"]
    assert report["outcome"]["ending"] == "succeeded"
    assert report["checkpoints"]["files"][-1]["step"] == steps["total_steps"]


def test_nothing_of_the_user_leaks_into_the_file(rig_recipe: Path, rig_home: Path) -> None:
    _done, _report = run_on_rig(rig_recipe, rig_home)
    run = rig_recipe.parent / "runs" / "rig-run-001"
    (final,) = run.glob("attempts/001/output/rig-run.safetensors")
    header = final.read_bytes()[: int.from_bytes(final.read_bytes()[:8], "little") + 8].decode("utf-8")
    assert str(rig_recipe.parent) not in header


def test_the_run_is_recorded_and_read_back(rig_recipe: Path, rig_home: Path) -> None:
    done, report = run_on_rig(rig_recipe, rig_home)
    seen = read_run(rig_recipe.parent / "runs" / "rig-run-001")
    found = seen.telemetry
    assert found is not None, done.stdout
    assert (found.mode, found.objective, found.is_complete, found.notes) == ("probe", "epsilon", True, ())
    assert seen.damage == ()
    assert all(found.hooks.values())
    total = report["plan"]["steps"]["total_steps"]
    assert list(found.steps.steps) == list(range(1, total + 1))
    run = rig_recipe.parent / "runs" / "rig-run-001"
    laid = {f"{path.parent.name}/{path.name}" for path in run.glob("data*/*/*.png")}
    assert found.pictures
    assert {picture.name for picture in found.pictures} <= laid
    assert min(found.samples.pictures) >= 0
    first, *on, last = (probe for probe in found.probes if probe.when != "no-trigger")
    assert (first.is_on, last.is_on, first.losses) == (False, False, last.losses)
    assert [probe.is_on for probe in found.probes if probe.when == "no-trigger"] in ([], [True])
    assert [probe.step for probe in on][-1] == total
    assert len(on) >= min(8, total)


def test_a_learning_rate_gone_wild_is_named(rig_recipe: Path, rig_home: Path) -> None:
    _done, report = run_on_rig(
        rig_recipe, rig_home, "--set", "train.unet_lr=1e6", "--set", "train.target_steps=120", "--no-stop"
    )
    fired = {f["name"] for f in report["findings"] if f["status"] == "fired" and f["severity"] == "stop"}
    assert fired & {"nan-loss", "collapsed-loss", "final-file-not-finite"}, report["findings"]
