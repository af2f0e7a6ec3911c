"""A run on the fake trainer in a process of its own; argv: the folder that `make_runs` laid down."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.run.installed import trainers
from orchestrator.training import attempts
from tests.reliability.conftest import Runs


def main() -> None:
    """Train, and judge nothing."""
    folder = Path(sys.argv[1])
    real = trainers.find_trainer("pocket")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainers, "find_trainer", lambda _family: replace(real, python=folder / "fake-python"))
        patch.setattr(attempts, "waited", lambda _seconds, _rundir: False)
        Runs(folder, folder / "faults.json", []).start({"step_s": 0.3})


if __name__ == "__main__":
    main()
