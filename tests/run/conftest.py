from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Command
from orchestrator.core.rundir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def rundir(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "runs" / "fake-001")
    made.output.mkdir(parents=True)
    made.logs.mkdir()
    return made


@pytest.fixture
def fake_trainer(rundir: RunDir) -> Callable[[str], Command]:
    """Return a function that turns a small program into the command that runs it, started as quickly as Python can."""

    def make(program: str) -> Command:
        script = rundir.root / "fake_trainer.py"
        script.write_text("import os, sys, time, signal\n" + textwrap.dedent(program), encoding="utf-8")
        return Command((sys.executable, "-S", "-E", "-u", str(script)), {"PYTHONUTF8": "1"})

    return make
