"""The two trainers whose runs are killed, and all that differs between them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trainer:
    """What a loop has to know about a trainer."""

    name: str
    recipe: str
    """YAML of a run named `tiny` over `images/`, with a state and a network file at the end of each epoch."""
    moments: tuple[str, ...]
    """When to kill, one of them by chance: `start`, while it loads; `any`, in training or after it; `state` and `network`,
    while such a file is being written; `end`, from the final file on, while the run is judged and reported."""
    train_s: float
    """Longest wait after the first step before a kill at `any` moment."""
    report_s: float
    """Longest wait after the final file before a kill at the `end`."""
    patience_s: float
    """Longest that a start, the next file or the end may take; longer is counted as a fault."""
    load_s: float = 0.0
    """Longest wait after the start before a kill at the `start`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to that of the loop."""


def _recipe(base_model: str, train: str, network_dim: int) -> str:
    return (
        "recipe_version: 1\nname: tiny\n"
        "subject:\n  kind: object\n  trigger: zxq\n  class_tokens: man\n"
        f"base_model:\n{base_model}"
        "concepts:\n  - image_dir: images\n    num_repeats: 1\n"
        f"network:\n  network_dim: {network_dim}\n  network_alpha: {network_dim}\n"
        f"train:\n{train}  train_batch_size: 4\n  text_encoder_lr: 0\n"
        "  optimizer_type: AdamW\n  lr_scheduler: cosine\n  seed: 42\n"
        "sample:\n  prompts: []\nsave:\n  save_state: true\n  save_every_n_epochs: 1\ntelemetry: log\n"
    )


POCKET = Trainer(
    name="pocket",
    recipe=_recipe("  family: pocket\n", "  max_train_epochs: 24\n  unet_lr: 0.001\n", 32),
    moments=("any", "any", "state", "network", "end"),
    train_s=8.0,  # about as long as a run takes
    report_s=3.0,
    patience_s=120.0,
)


def sd_scripts(rig: Path, home: Path) -> Trainer:
    """Return the real trainer of `rig` (docs/rig.md). `home`: what is noted about it goes there, not where the user's is.

    Raises subprocess.CalledProcessError where the rig's checkout or environment cannot be adopted.
    """
    environment = {
        "LORA_ORCHESTRATOR_HOME": str(home / "vendor-home"),
        "XDG_DATA_HOME": str(home / "data-home"),
        "XDG_CACHE_HOME": str(home / "cache-home"),
        "CUDA_VISIBLE_DEVICES": "",  # small enough for a CPU, and no GPU of the machine is taken
        "SD_SMALL_UNET": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "orchestrator.cli", "vendor", "install", "sd-scripts", "--allow-changes"]
    command += ["--path", str(rig / "sd-scripts"), "--python", str(rig / "venv/bin/python")]
    subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
    base = rig / "base-small"
    return Trainer(
        name="sd-scripts",
        recipe=_recipe(
            f"  family: sd15\n  pretrained_model_name_or_path: {base}\n  tokenizer_cache_dir: {base / 'tokcache'}\n",
            '  max_train_epochs: 40\n  unet_lr: 0.0001\n  mixed_precision: "no"\n',
            64,  # files of 8 MB and a state of 23 MB: a kill can come while they are written
        )
        + "dataset:\n  resolution: 64\n  min_bucket_reso: 64\n  max_bucket_reso: 128\n",
        moments=("start", "any", "state", "network", "end"),
        report_s=10.0,
        train_s=12.0,  # less than half of a run, so that it can be killed several times
        patience_s=600.0,
        load_s=15.0,
        environment=environment,
    )
