"""The process to start: `accelerate launch` in the trainer's own interpreter, with every answer given.

accelerate reads the user's `default_config.yaml` unless it is handed a file of its own; a multi-GPU or DeepSpeed file
there would change the run. So a small one goes into the run folder, and the same answers stand on the command line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.backends.protocol import Command
from orchestrator.backends.recorder_settings import TELEMETRY_JSON
from orchestrator.backends.train_toml import TRAIN_TOML

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.backends.protocol import Trainer

ACCELERATE_JSON = "accelerate.json"

ENVIRONMENT: Mapping[str, str] = {
    "PYTHONUTF8": "1",  # the trainer prints Japanese; another encoding ends it with UnicodeEncodeError
    "PYTHONUNBUFFERED": "1",  # else its prints come in blocks through a pipe
    "COLUMNS": "500",  # else rich wraps every log record at 80 columns
    "PYTHONFAULTHANDLER": "1",  # a native crash leaves a stack in the log
    "TOKENIZERS_PARALLELISM": "false",  # loader workers fork after tokenizers were used
    "WANDB_MODE": "disabled",  # nothing leaves the machine
}

_FREE_PORT: Mapping[str, str] = {"PET_STANDALONE": "1", "PET_LOCAL_ADDR": "127.0.0.1"}
"""Told to torch.distributed.run: the processes of a run meet at a free port that it takes itself, so that two runs on one machine
do not. With `--main_process_port 0` alone those of accelerate 1.6.0, sd-scripts' pin, look for each other at port 0 for ever
(huggingface/accelerate, issue 3175); without it accelerate refuses to begin while anything listens on 29500."""


def accelerate_config(num_processes: int, mixed_precision: str, *, is_cpu: bool) -> str:
    """Return the text of the run's own accelerate configuration (JSON)."""
    content: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": "MULTI_GPU" if num_processes > 1 and not is_cpu else "NO",
        "enable_cpu_affinity": False,
        "gpu_ids": "all",
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": mixed_precision,
        "num_machines": 1,
        "num_processes": num_processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": is_cpu,
    }
    return json.dumps(content, indent=2) + "\n"


def launch_command(
    trainer: Trainer,
    script: Path,
    *,
    num_processes: int,
    mixed_precision: str,
    is_cpu: bool,
    is_offline: bool,
    is_recorded: bool = False,
) -> Command:
    """Return the command of one run. Working directory: the run folder, so that compiled files hold relative paths.

    `is_recorded`: the recorder starts the script inside its own process and is told by `telemetry.json`.
    """
    argv = [
        str(trainer.python),
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        ACCELERATE_JSON,
        "--num_processes",
        str(num_processes),
        "--num_machines",
        "1",
        "--mixed_precision",
        mixed_precision,
        "--dynamo_backend",
        "no",
        "--num_cpu_threads_per_process",
        str(trainer.num_cpu_threads_per_process),
        "--gpu_ids",
        "all",
    ]
    if is_cpu:
        argv.append("--cpu")
    elif num_processes > 1:
        argv += ["--multi_gpu", "--main_process_port", "0"]
    if is_recorded:
        argv += [str(trainer.launcher), TELEMETRY_JSON]
    argv += [str(script), "--config_file", TRAIN_TOML]
    environment = {**ENVIRONMENT, **(_FREE_PORT if num_processes > 1 else {})}
    if is_offline:
        environment["HF_HUB_OFFLINE"] = "1"
    return Command(tuple(argv), environment)
