"""The loop that kills runs: whom it finds, when it waits, and what it does where a run fails by itself."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from chaos import kill
from chaos.processes import kill as kill_processes
from chaos.processes import living_in, processes_of
from chaos.trainers import POCKET

if TYPE_CHECKING:
    from pathlib import Path


def test_what_works_in_the_run_folder_is_found_and_killed(tmp_path: Path) -> None:
    sleep = "import time; time.sleep(60)"
    launcher = subprocess.Popen([sys.executable, "-c", sleep, "accelerate.commands.launch"], cwd=tmp_path)
    trainer = subprocess.Popen([sys.executable, "-c", sleep], cwd=tmp_path)
    try:
        tool = os.getpid()
        assert set(living_in(tmp_path)) == {launcher.pid, trainer.pid}
        assert processes_of("accelerate", tool, tmp_path) == [launcher.pid]
        assert processes_of("trainer", tool, tmp_path) == [trainer.pid]
        assert processes_of("helper", tool, tmp_path) == []
        assert set(processes_of("all", tool, tmp_path)) == {launcher.pid, trainer.pid, tool}
    finally:
        kill_processes([launcher.pid, trainer.pid])
    assert (launcher.wait(), trainer.wait()) == (-9, -9)
    assert living_in(tmp_path) == []


def test_a_run_that_is_refused_ends_the_loop(tmp_path: Path) -> None:
    refused = dataclasses.replace(POCKET, recipe="recipe_version: 1\nname: tiny\n")
    tally = kill.wreck(tmp_path, 1, random.Random(1), refused)
    assert (tally.runs, sum(tally.kills.values()), tally.too_late) == (1, 0, 1)
    assert not tally.is_clean
    assert tally.other[0].startswith("tiny-001: exit 2: ")


def test_the_real_trainer_needs_a_rig(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("LORA_RIG", raising=False)
    monkeypatch.setattr("sys.argv", ["kill", "--trainer", "sd-scripts"])
    with pytest.raises(SystemExit, match="2"):
        kill.main()
    assert "LORA_RIG" in capsys.readouterr().err


def test_the_recipe_saves_what_is_to_be_torn() -> None:
    recipe = yaml.safe_load(POCKET.recipe)
    assert recipe["name"] == "tiny"
    assert recipe["save"] == {"save_state": True, "save_every_n_epochs": 1}
