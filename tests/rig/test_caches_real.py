"""Two runs of one data set at once on real sd-scripts, each keeping its encoded pictures on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from orchestrator.core.rundir import RunDir
from orchestrator.run.records.history import read_history

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.rig

RUNS = 2
RELIABILITY = {
    "D04": f"the same on real sd-scripts, {RUNS} runs at once: each trains to its end from a cache of its own (by hand, docs/rig.md)"
}


def start(recipe: Path, home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "LORA_ORCHESTRATOR_HOME": str(home), "SD_SMALL_UNET": "1", "HF_HUB_OFFLINE": "1"}
    command = [
        sys.executable, "-m", "orchestrator.cli", recipe.name, "--lang", "en", "--share-gpu",
        "--set", "train.cache_latents=true", "--set", "train.cache_latents_to_disk=true", "--set", "sample.prompts=[]",
        "--set", "telemetry=log", "--set", "train.target_steps=10",
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=recipe.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_each_run_keeps_its_own_cache(rig_recipe: Path, rig_home: Path) -> None:
    images = rig_recipe.parent / "images"
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in images.iterdir()}
    for process in [start(rig_recipe, rig_home) for _ in range(RUNS)]:
        said = process.communicate(timeout=900)[0]
        assert process.returncode in (0, 1), said
    runs = sorted((rig_recipe.parent / "runs").iterdir())
    assert [run.name for run in runs] == [f"rig-run-{number + 1:03d}" for number in range(RUNS)]
    for run in runs:
        assert read_history(RunDir(run)).ending == "succeeded"
        pictures = sorted((run / "data").rglob("*.png"))
        caches = sorted((run / "data").rglob("*.npz"))
        assert len(pictures) >= 12  # of 16, the rest held out
        assert [picture.stem for picture in pictures] == [cache.stem.rsplit("_", 2)[0] for cache in caches]
        for cache in caches:
            with np.load(cache) as arrays:
                (name,) = [name for name in arrays if name.startswith("latents")]
                assert arrays[name].shape[0] == 4
                assert np.isfinite(arrays[name]).all()
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in images.iterdir()} == before
