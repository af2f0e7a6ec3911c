"""Several processes of one run find each other, also beside another run: the command itself is started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.launch_command import ACCELERATE_JSON, accelerate_config, launch_command
from orchestrator.backends.protocol import Trainer
from tests.backends.plans import PIN
from tests.backends.test_argspec import rig_folder

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

PROCESSES = 2
SCRIPT = """
import json, sys
import torch.distributed as dist

dist.init_process_group("gloo")
ranks = [None] * dist.get_world_size()
dist.all_gather_object(ranks, dist.get_rank())
if dist.get_rank() == 0:
    print(json.dumps([ranks, sys.argv[1:]]))
dist.destroy_process_group()
"""


def _launch(folder: Path, python: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    (folder / ACCELERATE_JSON).write_text(accelerate_config(PROCESSES, "no", is_cpu=False))
    script = folder / "script.py"
    script.write_text(SCRIPT)
    trainer = Trainer("sd-scripts", python, folder, PIN)
    command = launch_command(
        trainer, script, num_processes=PROCESSES, mixed_precision="no", is_cpu=False, is_offline=True
    )
    (folder / "sitecustomize.py").write_text(PORT_AS_IT_IS if python == own_python() else "")
    environment = {**os.environ, **command.environment, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(folder)}
    return subprocess.Popen(
        command.argv,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


PORT_AS_IT_IS = """
import sys

if "accelerate.commands.launch" in sys.orig_argv:
    import accelerate.utils.launch

    accelerate.utils.launch.get_free_port = lambda: 0
"""
"""accelerate 1.6.0, sd-scripts' pin, hands port 0 on; later ones take a free one."""


def own_python() -> Path:
    return Path(sys.executable)


def trainers_python() -> Path:
    return rig_folder() / "venv" / "bin" / "python"


@pytest.mark.parametrize("python", [own_python, pytest.param(trainers_python, marks=pytest.mark.rig)])
def test_two_runs_of_two_processes_at_once_beside_a_busy_usual_port(tmp_path: Path, python: Callable[[], Path]) -> None:
    with socket.socket() as usual:
        try:
            usual.bind(("127.0.0.1", 29500))
            usual.listen()
        except OSError:
            pass  # busy all the same
        runs = [_launch(tmp_path / name, python()) for name in ("one", "two")]
        try:
            for run in runs:
                output, errors = run.communicate(timeout=240)
                assert run.returncode == 0, errors
                assert json.loads(output) == [list(range(PROCESSES)), ["--config_file", "train.toml"]]
        finally:
            for run in runs:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.pid, signal.SIGKILL)
