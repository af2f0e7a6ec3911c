from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from orchestrator.core.rundir import RunDir
from orchestrator.run.process.leftovers import end_leftovers
from orchestrator.run.process.reaper import MARK

if TYPE_CHECKING:
    from pathlib import Path

RELIABILITY = {"A02": "tool and helper killed together: what they left is ended before the run goes on"}
SLEEP = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]


def start(command: list[str], folder: Path, *, is_marked: bool) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **({MARK: "x"} if is_marked else {})}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_what_a_run_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    run, other, link = tmp_path / "run", tmp_path / "other", tmp_path / "link"
    run.mkdir()
    other.mkdir()
    link.symlink_to(run)  # as `~/runs` on another disk
    ours = [start(SLEEP, run, is_marked=True), start(DEAF, run, is_marked=True)]
    strangers = [start(SLEEP, run, is_marked=False), start(SLEEP, other, is_marked=True)]
    try:
        assert end_leftovers(RunDir(link), patience_s=0.5) == 2
        time.sleep(0.1)
        assert all(process.poll() is not None for process in ours)
        assert all(process.poll() is None for process in strangers)
        assert end_leftovers(RunDir(run)) == 0
    finally:
        for process in [*ours, *strangers]:
            process.kill()
            process.communicate()
