"""Real sd-scripts with a recording and without: the same losses, weights and samples, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from orchestrator.observe.scalars import read_scalars
from tests.backends.test_argspec import rig_folder
from tests.telemetry.runs import read

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCHER = Path(__file__).parents[2] / "orchestrator" / "telemetry" / "launcher.py"
SETTINGS = {"version": 1, "mode": "probe", "folder": "telemetry", "trigger": "glyph man"}
CASES: Mapping[str, Mapping[str, Any]] = {
    "cached latents, validation": {"cache_latents": True, "validate_every_n_epochs": 1},
    "everything drawn anew": {
        "cache_latents": False,
        "shuffle_caption": True,
        "caption_dropout_rate": 0.3,
        "caption_tag_dropout_rate": 0.2,
        "flip_aug": True,
        "gradient_accumulation_steps": 2,
        "network_dropout": 0.1,
        "noise_offset": 0.05,
        "gradient_checkpointing": True,
        "max_data_loader_n_workers": 1,
    },
    "the network of the U-Net alone": {"network_train_unet_only": True, "cache_latents": True, "train_batch_size": 1},
}


def _run(folder: Path, rig: Path, changes: Mapping[str, Any], *, is_recorded: bool) -> None:
    folder.mkdir()
    base = rig / "base-small"
    values = {
        "pretrained_model_name_or_path": str(base), "tokenizer_cache_dir": str(base / "tokcache"),
        "train_data_dir": str(rig / "data"), "caption_extension": ".txt", "resolution": "64,64", "enable_bucket": True,
        "min_bucket_reso": 64, "max_bucket_reso": 128, "train_batch_size": 2, "max_data_loader_n_workers": 0,
        "network_module": "networks.lora", "network_dim": 4, "network_alpha": 4.0, "optimizer_type": "AdamW",
        "learning_rate": 1e-3, "lr_scheduler": "cosine", "max_train_steps": 8, "seed": 1, "sdpa": True,
        "mixed_precision": "no", "validation_split": 0.25, "validation_seed": 7, "output_dir": "model",
        "output_name": "x", "save_model_as": "safetensors", "save_precision": "float", "logging_dir": "logs",
        "log_with": "tensorboard",
    }  # fmt: skip
    (folder / "train.toml").write_text(tomlkit.dumps(values | dict(changes)))
    (folder / "telemetry.json").write_text(json.dumps(SETTINGS))
    script = str(rig / "sd-scripts" / "train_network.py")
    started = [str(LAUNCHER), "telemetry.json", script] if is_recorded else [script]
    command = [
        str(rig / "venv" / "bin" / "python"), "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1",
        "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process",
        "1", *started, "--config_file", "train.toml",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1", "SD_SMALL_UNET": "1", "OMP_NUM_THREADS": "1",
                   "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def _losses(folder: Path) -> str:
    events = sorted((folder / "logs").rglob("events.*"))
    assert events
    found = read_scalars(events, lambda path: path.name)
    return repr({tag: (list(one.steps), list(one.values)) for tag, one in found.series.items()})


def _weights(folder: Path) -> bytes:
    data = (folder / "model" / "x.safetensors").read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]  # behind the header, whose times differ


@pytest.mark.rig
@pytest.mark.parametrize("case", CASES)
def test_a_recorded_run_is_the_plain_run(tmp_path: Path, case: str) -> None:
    rig = rig_folder()
    for name in ("plain", "recorded"):
        _run(tmp_path / name, rig, CASES[case], is_recorded=name == "recorded")
    assert _losses(tmp_path / "plain") == _losses(tmp_path / "recorded")
    assert _weights(tmp_path / "plain") == _weights(tmp_path / "recorded")
    lines = read(tmp_path / "recorded" / "telemetry")
    assert all(lines[0]["hooks"].values())
    assert [line["n"] for line in lines if line["k"] == "s"] == list(range(1, 9))
    assert not [line for line in lines if line["k"] == "note"]
    base = [line for line in lines if line["k"] == "p" and not line["on"]]
    assert [line["n"] for line in base] == [0, 8]
    assert base[0]["l"] == base[1]["l"]
    *on, without = [line for line in lines if line["k"] == "p" and line["on"]]
    assert [line["when"] for line in (*on, without)] == ["train"] * 7 + ["end", "no-trigger"]
    assert without["i"] == on[-1]["i"]
    assert without["g"] == on[-1]["g"]
    assert all(row != other for row, other in zip(without["l"], on[-1]["l"], strict=True))
    assert all(line["l"] != base[0]["l"] for line in on)
    assert sum(line["held_out"] for line in lines if line["k"] == "pic") == 3
    assert all(index >= 0 for line in lines if line["k"] == "s" for index in line["i"])
