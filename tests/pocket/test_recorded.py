"""Pocket with a recorder in its process: the same losses, samples and weights, bit for bit, and everything recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.observe.scalars import read_scalars
from orchestrator.observe.telemetry import read_telemetry
from tests.pocket.conftest import TRAINER, picture_folder
from tests.pocket.test_training import DATASET, TRAIN

pytestmark = pytest.mark.slow

LAUNCHER = Path(__file__).parents[2] / "orchestrator" / "telemetry" / "launcher.py"
CASES = {
    "cached, validated, drawn": (
        'max_train_epochs = 3\nvalidate_every_n_steps = 2\nsample_prompts = "prompts.txt"\nsample_every_n_steps = 3\n',
        DATASET,
    ),
    "everything random": (
        (
            "cache_latents = false\nmax_train_epochs = 3\ngradient_accumulation_steps = 2\nnetwork_dropout = 0.2\n"
            "noise_offset = 0.05\nmin_snr_gamma = 5.0\n"
        ),
        DATASET + "shuffle_caption = true\ncaption_dropout_rate = 0.2\nflip_aug = true\n",
    ),
    "the U-Net alone, with workers": (
        (
            "network_train_unet_only = true\nmax_train_epochs = 3\nmax_grad_norm = 0.0\nmin_timestep = 100\n"
            "max_timestep = 700\nmax_data_loader_n_workers = 2\npersistent_data_loader_workers = true\n"
        ),
        DATASET + "flip_aug = true\n",
    ),
}


def train(folder: Path, more: str, dataset: str, *, is_recorded: bool) -> None:
    picture_folder(folder / "6_glx thing", [(64, 64)] * 6)
    kept = [line for line in TRAIN.splitlines() if line.partition(" = ")[0] not in more]
    (folder / "train.toml").write_text("\n".join(kept) + "\n" + more)
    (folder / "dataset.toml").write_text(dataset)
    (folder / "prompts.txt").write_text("glx thing --w 64 --h 64 --s 2 --l 3 --d 7\n")
    settings = {"version": 1, "mode": "probe", "folder": "telemetry", "probe_timesteps": [100, 500, 900]}
    (folder / "telemetry.json").write_text(json.dumps(settings))
    started = [str(LAUNCHER), "telemetry.json", str(TRAINER)] if is_recorded else [str(TRAINER)]
    environment = os.environ | {"COLUMNS": "500", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *started, "--config_file", "train.toml"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]


def left(folder: Path) -> dict[str, Any]:
    """Weights, scalars and samples as digests."""
    weights = {key: value.tobytes() for key, value in load_file(folder / "model" / "thing.safetensors").items()}
    scalars = read_scalars(sorted((folder / "logs").rglob("*tfevents*")), lambda path: path.name).series
    return {
        "weights": {key: sha256(value).hexdigest() for key, value in weights.items()},
        "scalars": {tag: (list(one.steps), list(one.values)) for tag, one in scalars.items()},
        "samples": sorted(sha256(p.read_bytes()).hexdigest() for p in (folder / "model").glob("sample/*.png")),
    }


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_run_is_the_plain_run(tmp_path: Path, case: str) -> None:
    for name in ("plain", "recorded"):
        train(tmp_path / name, *CASES[case], is_recorded=name == "recorded")
    plain = left(tmp_path / "plain")
    assert plain == left(tmp_path / "recorded")
    assert len(plain["scalars"]["loss/current"][0]) > 3
    assert not (tmp_path / "plain" / "telemetry").exists()

    seen, damage = read_telemetry([tmp_path / "recorded" / "telemetry" / "rank0.jsonl"], lambda path: path.name)
    assert damage == ()
    assert seen is not None
    assert (seen.mode, seen.entry, seen.objective, seen.notes) == ("probe", "train_network", "epsilon", ())
    assert all(seen.hooks.values())
    assert seen.is_complete
    assert list(seen.steps.steps) == plain["scalars"]["loss/current"][0]
    names = [picture.name for picture in seen.pictures]
    assert sorted(names) == [f"6_glx thing/p{number}.png" for number in range(6)]
    assert [p.is_held_out for p in seen.pictures].count(True) == 2
    assert all(picture.bucket == (64, 64) for picture in seen.pictures)
    assert {0 <= index < 4 or not seen.pictures[index].is_held_out for index in seen.samples.pictures} == {True}

    first, *on, last = seen.probes
    assert (first.is_on, last.is_on, first.losses) == (False, False, last.losses)
    assert (first.step, last.step) == (0, seen.steps.steps[-1])
    assert all(probe.is_on and probe.losses != first.losses for probe in on)
    assert len(on) >= min(8, len(seen.steps))
