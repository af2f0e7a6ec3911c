"""The same on the embedded trainer: one run whose helper is killed, that is asked where it stands, and whose launcher is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from orchestrator.pipeline import read_end
from orchestrator.run.process import process_group, reaper
from orchestrator.training import attempts
from tests.reliability.conftest import helper_of, left_of, make_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.reliability.conftest import Runs

pytestmark = pytest.mark.slow

RELIABILITY = {
    "A02": "pocket: the helper killed with -9: replaced, the run goes on",
    "A03": "pocket: accelerate killed with -9: the trainer gone, tried again once, steps exact",
    "A23": "pocket: where it stands is written into console.log on demand, and it trains on",
}
EPOCHS, PER_EPOCH = 8, 4


def wait_for(is_true: Callable[[], object]) -> None:
    limit = time.monotonic() + 120
    while not is_true():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)


def processes_of(runs: Runs) -> tuple[psutil.Process, psutil.Process]:
    """Return the launcher and the trainer."""
    found = [psutil.Process(pid) for pid in left_of(runs.rundir)]
    (launcher,) = [p for p in found if "accelerate.commands.launch" in p.cmdline()]
    (trainer,) = [p for p in found if p.ppid() == launcher.pid]
    return launcher, trainer


def do_harm(runs: Runs) -> None:
    """Kill the helper, ask for stacks, kill the launcher."""
    wait_for(lambda: any(e.event == "state" for e in runs.entries))
    os.kill(helper_of(os.getpid())[0], signal.SIGKILL)
    launcher, trainer = processes_of(runs)
    assert process_group.ask_for_stacks(trainer.environ()[reaper.MARK]) == 1
    wait_for(lambda: b"most recent call first" in runs.rundir.console_log.read_bytes())
    wait_for(lambda: any(e.event == "helper-replaced" for e in runs.entries))
    launcher.kill()


def test_the_embedded_trainer_survives_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = make_runs(tmp_path, monkeypatch.setenv)
    monkeypatch.setattr(attempts, "waited", lambda _seconds, _rundir: True)
    thread = threading.Thread(target=do_harm, args=(runs,))
    thread.start()
    done = runs.start({}, f"train.max_train_epochs={EPOCHS}", "telemetry=log")
    thread.join()
    assert [(a.why, a.cause) for a in runs.history.attempts] == [("start", "killed"), ("retry", "ok")]
    assert runs.history.last_step == EPOCHS * PER_EPOCH
    assert read_end(done)[1].cause == "ok"
    assert not left_of(runs.rundir)
