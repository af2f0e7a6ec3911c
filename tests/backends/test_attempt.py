from __future__ import annotations

import json

from orchestrator.backends.attempt import FORBIDDEN, Start, attempt_build
from orchestrator.backends.protocol import Build, Command

ARGV = (
    "python", "-m", "accelerate.commands.launch", "--config_file", "accelerate.json", "launcher.py", "telemetry.json",
    "train_network.py", "--config_file", "train.toml",
)  # fmt: skip
BUILD = Build(
    {
        "train.toml": "a = 1\n",
        "dataset.toml": "b = 1\n",
        "telemetry.json": json.dumps({"folder": "attempts/001/telemetry", "total_steps": 60}),
    },
    (),
    (Command(ARGV),),
)
RELIABILITY = {"A12": "no attempt is ever given the skip flag or an epoch to begin with"}


def test_the_first_attempt_is_what_was_compiled() -> None:
    assert attempt_build(BUILD, Start(1)) is BUILD


def test_a_later_attempt_has_its_own_folders_and_goes_on_by_our_own_count() -> None:
    made = attempt_build(BUILD, Start(3, 20, "attempts/001/output/a-000004-state"))
    (command,) = made.commands
    assert command.argv == (
        *ARGV[:6], "attempts/003/telemetry.json", *ARGV[7:],
        "--output_dir", "attempts/003/output", "--logging_dir", "attempts/003/logs",
        "--resume", "attempts/001/output/a-000004-state", "--initial_step", "20",
    )  # fmt: skip
    assert not FORBIDDEN & set(command.argv)
    assert json.loads(made.files["attempts/003/telemetry.json"]) == {
        "folder": "attempts/003/telemetry",
        "total_steps": 40,
    }
    assert set(made.files) == {"attempts/003/telemetry.json"}  # what the run began with is not written again


def test_a_changed_plan_is_read_from_the_attempt_itself() -> None:
    (command,) = (made := attempt_build(BUILD, Start(2, is_replanned=True))).commands
    assert made.files["attempts/002/train.toml"] == "a = 1\n"
    assert command.argv[4] == "accelerate.json"
    assert command.argv[9] == "attempts/002/train.toml"
    assert command.argv[10:12] == ("--dataset_config", "attempts/002/dataset.toml")
    assert "--resume" not in command.argv
