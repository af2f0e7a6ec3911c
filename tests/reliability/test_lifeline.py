"""Whatever dies, all of it goes: the tool, its terminal, the helper, the launcher, the trainer, a worker of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability.conftest import EPOCHS, PER_EPOCH, helper_of, left_of, make_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.rundir import RunDir
    from tests.reliability.conftest import Runs

RELIABILITY = {
    "A02": "the helper killed with -9: replaced within a second, told, in the journal; the tool killed after that: all gone",
    "A09": "the terminal closed (SIGHUP): stopped at the next saved state, nothing left",
}
GONE_S = 10.0
REPO = Path(__file__).parents[2]


def wait_for(is_true: Callable[[], object], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.02)


def pids(rundir: RunDir) -> dict[str, int]:
    found: dict[str, int] = json.loads((rundir.root / "pids").read_text())
    return found


def is_training(runs: Runs) -> bool:
    """Whether some steps have been taken."""
    console = runs.rundir.console_log
    return (runs.rundir.root / "pids").exists() and console.exists() and b"| 2/" in console.read_bytes()


def kill(runs: Runs, who: Callable[[], int]) -> threading.Thread:
    """Kill a process once the run trains."""

    def wait_and_kill() -> None:
        wait_for(lambda: is_training(runs))
        os.kill(who(), signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    return thread


def test_a_killed_helper_is_replaced_told_and_written_down(runs: Runs) -> None:
    thread = kill(runs, lambda: helper_of(os.getpid())[0])
    runs.start({"step_s": 0.05})
    thread.join()
    (only,) = runs.history.attempts
    assert (only.ending, only.last_step) == ("succeeded", PER_EPOCH * EPOCHS)
    assert [e.event for e in runs.entries].count("helper-replaced") == 1
    assert runs.heard.has("another one was started")
    assert not helper_of(os.getpid())


@pytest.mark.parametrize("who", ["launcher", "trainer"])
def test_a_killed_process_of_the_trainer_takes_the_others_with_it(runs: Runs, who: str) -> None:
    runs.plan_faults({"step_s": 0.05})
    seen: dict[str, int] = {}

    def victim() -> int:
        seen.update(pids(runs.rundir))
        return seen[who]

    thread = kill(runs, victim)
    runs.start({"step_s": 0.05})
    thread.join()
    first, second = runs.history.attempts
    assert (first.ending, first.cause) == ("failed", "killed")
    assert (second.why, second.ending, second.last_step) == ("retry", "succeeded", PER_EPOCH * EPOCHS)
    assert len(seen) == 3
    assert not set(seen.values()) & set(left_of(runs.rundir))


def test_a_killed_worker_that_the_trainer_does_not_miss_costs_nothing(runs: Runs) -> None:
    thread = kill(runs, lambda: pids(runs.rundir)["worker"])
    runs.start({"step_s": 0.05})
    thread.join()
    assert [a.ending for a in runs.history.attempts] == ["succeeded"]


@pytest.mark.parametrize("how", ["hang-up", "helper-then-kill"])
def test_when_the_tool_dies_nothing_of_the_run_lives_on(tmp_path: Path, how: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    runs = make_runs(tmp_path, environment.__setitem__)
    tool = subprocess.Popen([sys.executable, "-m", "tests.reliability.tool", str(tmp_path)], cwd=REPO, env=environment)
    try:
        wait_for(lambda: is_training(runs))
        assert len(left_of(runs.rundir)) >= 3
        if how == "helper-then-kill":
            (helper,) = helper_of(tool.pid)
            os.kill(helper, signal.SIGKILL)
            wait_for(lambda: [h for h in helper_of(tool.pid) if h != helper], 2)
            wait_for(lambda: any(e.event == "helper-replaced" for e in runs.entries), 2)
        tool.send_signal(signal.SIGHUP if how == "hang-up" else signal.SIGKILL)
        wait_for(lambda: not left_of(runs.rundir), 30 if how == "hang-up" else GONE_S)  # the former waits for a state
        tool.wait(30)
    finally:
        tool.kill()
        tool.wait()
    if how == "hang-up":
        assert [a.ending for a in runs.history.attempts] == ["interrupted"]
        events = [e.event for e in runs.entries]
        assert "state" in events[events.index("stop-asked") :]
