"""The tables written down here agree with the trainer's real environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.backends.dataset_schema import DATASET_KEYS
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.sd_scripts.refusals import optimizer, scheduler
from tests.backends.test_argspec import rig_folder

LOOK = """
import importlib.util, inspect, json, sys, warnings
warnings.simplefilter("ignore")
import torch, transformers, toml
from transformers.optimization import Adafactor, SchedulerType
import prodigyopt, lion_pytorch, schedulefree
from library.config_util import ConfigSanitizer
from diffusers.optimization import SchedulerType as DiffusersType
classes = {"adamw": torch.optim.AdamW, "adafactor": Adafactor, "prodigy": prodigyopt.Prodigy,
           "lion": lion_pytorch.Lion, "adamwschedulefree": schedulefree.AdamWScheduleFree}
schema = ConfigSanitizer(True, True, False, True)
accepted = []
for path in sys.argv[1:]:
    schema.sanitize_user_config(toml.load(path))
    accepted.append(path)
print(json.dumps({
    "arguments": {n: [p for p in inspect.signature(c.__init__).parameters if p not in ("self", "params", "lr")]
                  for n, c in classes.items()},
    "torch": [n for n in dir(torch.optim) if inspect.isclass(getattr(torch.optim, n))
              and issubclass(getattr(torch.optim, n), torch.optim.Optimizer) and n != "Optimizer"],
    "schedulers": [t.value for t in SchedulerType] + [DiffusersType.PIECEWISE_CONSTANT.value, "adafactor"],
    "general": sorted(map(str, schema.general_schema)),
    "dataset": sorted(map(str, schema.db_dataset_schema)),
    "subset": sorted(map(str, schema.db_subset_schema)),
    "accepted": accepted,
}))
"""
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """What the trainer's own packages say, and which of the golden data set TOMLs its reader takes."""
    folder = rig_folder()
    tomls = [str(path) for path in sorted(GOLDEN.glob("*/expected/dataset.toml"))]
    checkout = folder / "sd-scripts"
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    command = [str(folder / "venv" / "bin" / "python"), "-c", LOOK, *tomls]
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert said["accepted"] == tomls
    return said


@pytest.mark.rig
def test_optimizer_arguments_are_the_real_ones(real: dict[str, Any]) -> None:
    for name, arguments in real["arguments"].items():
        assert set(optimizer._ARGUMENTS[name].split()) == set(arguments), name


@pytest.mark.rig
def test_torch_optimizers_are_the_real_ones(real: dict[str, Any]) -> None:
    # torch's own Adafactor is hidden: the trainer takes the name in any case of letters for the other one.
    assert set(optimizer.TORCH_OPTIMIZERS) == set(real["torch"]) - {"Adafactor"}


@pytest.mark.rig
def test_schedulers_are_the_real_ones(real: dict[str, Any]) -> None:
    assert {*scheduler.WORKING, *scheduler.CRASHING} == set(real["schedulers"])


@pytest.mark.rig
def test_dataset_keys_are_the_real_ones(real: dict[str, Any]) -> None:
    for level in ("general", "dataset", "subset"):
        ours = {name for name, key in DATASET_KEYS.items() if level in key.levels}
        assert ours == set(real[level]) - {"subsets"}, level


@pytest.mark.rig
def test_network_modules_exist() -> None:
    checkout = rig_folder() / "sd-scripts"
    modules = {m for facts in FAMILIES.values() for m in facts.network_modules if m.startswith("networks.")}
    assert all((checkout / (m.replace(".", "/") + ".py")).is_file() for m in modules)
