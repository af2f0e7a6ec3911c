"""The launch in the trainer's real environment: a user's own accelerate configuration does not change a run."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.launch_command import ACCELERATE_JSON, accelerate_config, launch_command
from orchestrator.backends.protocol import Trainer
from tests.backends.plans import PIN
from tests.backends.test_argspec import rig_folder

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = """
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
mixed_precision: fp16
use_cpu: false
debug: true
num_processes: 4
num_machines: 2
main_process_ip: 10.0.0.1
main_process_port: 1
gpu_ids: 0,1,2,3
enable_cpu_affinity: true
dynamo_config: {dynamo_backend: INDUCTOR}
"""
SCRIPT = """
import json, os, sys
kept = {k: v for k, v in os.environ.items() if k.startswith(("ACCELERATE_", "OMP_", "MASTER_", "WORLD_", "CUDA_V", "PYTHONUTF8"))}
print(json.dumps([sys.argv[1:], os.getcwd(), kept]))
"""


def _launched(folder: Path, home: Path, python: Path) -> tuple[list[str], str, dict[str, str], str]:
    folder.mkdir()
    (folder / ACCELERATE_JSON).write_text(accelerate_config(1, "no", is_cpu=False))
    script = folder / "script.py"
    script.write_text(SCRIPT)
    trainer = Trainer("sd-scripts", python, folder, PIN, num_cpu_threads_per_process=2)
    command = launch_command(trainer, script, num_processes=1, mixed_precision="no", is_cpu=False, is_offline=True)
    environment = {**os.environ, **command.environment, "HF_HOME": str(home)}
    ended = subprocess.run(command.argv, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    arguments, directory, kept = json.loads(ended.stdout)
    return arguments, directory, kept, ended.stderr


@pytest.mark.rig
def test_a_default_config_of_the_user_changes_nothing(tmp_path: Path) -> None:
    python = rig_folder() / "venv" / "bin" / "python"
    hostile = tmp_path / "home" / "accelerate"
    hostile.mkdir(parents=True)
    (hostile / "default_config.yaml").write_text(HOSTILE)
    (tmp_path / "empty").mkdir()
    arguments, directory, with_it, errors = _launched(tmp_path / "one run", tmp_path / "home", python)
    without_it = _launched(tmp_path / "two run", tmp_path / "empty", python)[2]
    assert arguments == ["--config_file", "train.toml"]
    assert directory == str(tmp_path / "one run")
    assert with_it == without_it
    assert with_it["OMP_NUM_THREADS"] == "2"
    assert with_it["ACCELERATE_MIXED_PRECISION"] == "no"
    assert "were not passed" not in errors
