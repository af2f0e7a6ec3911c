"""The trainer started through the recorder: its settings, and its place in the command."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import LAUNCHER
from orchestrator.backends.registry import COMPILERS, trainer_of
from orchestrator.core.provenance import Source
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import same
from orchestrator.core.trust import NOTHING_TRUSTED
from orchestrator.plan.model import Recording, Resolved
from tests.backends.plans import FAMILY_VALUES, POCKET, TRAINER, make_plan

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Build


def build(family: str, mode: str | None) -> Build:
    name = trainer_of(family)
    decided = None if mode is None else Recording(Resolved(mode, Source.RECIPE, same("said")), 10)
    plan = make_plan(family, plan={"telemetry": decided})
    return COMPILERS[name](plan, POCKET if name == "pocket" else TRAINER, NOTHING_TRUSTED)


@pytest.mark.parametrize("family", FAMILY_VALUES)
@pytest.mark.parametrize("mode", ["log", "probe"])
def test_the_recorder_stands_before_the_entry_script(family: str, mode: str) -> None:
    recorded, plain = build(family, mode), build(family, "off")
    (command,), (bare,) = recorded.commands, plain.commands
    assert command.argv[-5:-3] == (str(LAUNCHER), "telemetry.json")
    assert (*command.argv[:-5], *command.argv[-3:]) == bare.argv
    assert command.environment == bare.environment
    assert {k: v for k, v in recorded.files.items() if k != "telemetry.json"} == plain.files
    assert json.loads(recorded.files["telemetry.json"]) == {
        "version": 1,
        "mode": mode,
        "folder": "attempts/001/telemetry",
        "probe_every_steps": 10,
        "probe_pictures": 4,
        "probe_timesteps": [100, 300, 500, 700, 900],
        "probe_seed": 20260101,
        "total_steps": 80,
        "trigger": make_plan(family).trigger,
    }


@pytest.mark.parametrize("mode", ["off", None])
def test_without_a_recording_the_command_is_the_trainer_alone(mode: str | None) -> None:
    made = build("sd15", mode)
    assert "telemetry.json" not in made.files
    assert not [part for part in made.commands[0].argv if "telemetry" in part]


def test_the_settings_name_the_folder_that_is_read_back() -> None:
    run = RunDir(Path("/run"))
    told = json.loads(build("pocket", "probe").files["telemetry.json"])
    assert run.root / told["folder"] == run.telemetry
    assert run.telemetry_json.name in build("pocket", "probe").files


def test_the_recorder_is_there_and_imports_nothing_of_ours() -> None:
    """It is found by its path and starts in an environment that does not hold this project."""
    assert LAUNCHER.is_file()
    for path in LAUNCHER.parent.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.split(".")[0] == "orchestrator"], path
