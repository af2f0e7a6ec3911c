"""TensorBoard is ended with everything it started, however `lora-run board` ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("pids.tmp", "w").write(f"{os.getpid()} {child.pid}")
os.rename("pids.tmp", "pids")
time.sleep(60)
"""
TOOL = "import sys; from orchestrator.run.process.board import _serve; sys.exit(_serve((sys.executable, '-c', sys.argv[1])))"


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool], seconds: float = 15.0) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if is_so():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
    ids=str,
)
def test_nothing_is_left_running(number: int, code: int, tmp_path: Path) -> None:
    tool = subprocess.Popen(
        [sys.executable, "-c", TOOL, SERVER], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    try:
        assert wait_until((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(lives(pid) for pid in pids)
        tool.send_signal(number)
        assert tool.wait(timeout=15) == code
        assert wait_until(lambda: not any(lives(pid) for pid in pids))
    finally:
        tool.kill()
        tool.wait()


def test_a_server_that_ends_by_itself_gives_its_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOOL, "import sys; sys.exit(5)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        check=False,
    )
    assert done.returncode == 5
