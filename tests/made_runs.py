"""Run folders as a run leaves them while it goes on or after it was cut off; nothing is trained."""

from __future__ import annotations

import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import write_record
from orchestrator.core.rundir import RunDir
from orchestrator.run.records.identity import identity_of
from orchestrator.run.records.journal import Journal
from orchestrator.run.records.locks import run_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Event = tuple[str, dict[str, Any]]
TOTAL, EPOCH = 100, 20


def make_run(
    runs_dir: Path,
    name: str = "alice-001",
    events: Iterable[Event] = (),
    *,
    attempts: int = 1,
    started_at: str = "2026-11-01T10:00:00+00:00",
    outcome: dict[str, Any] | None = None,
    report: dict[str, Any] | None = None,
) -> RunDir:
    """Lay down a run of 100 steps in epochs of 20 with `attempts` begun; `events` of the newest one follow in its journal."""
    rundir = RunDir(runs_dir / name, attempts)
    for number in range(1, attempts + 1):
        RunDir(rundir.root, number).output.mkdir(parents=True)
    record = {
        "status": "ended" if outcome else "started", "name": name.rpartition("-")[0], "family": "sdxl",
        "started_at": started_at, "ended_at": started_at if outcome else "", "outcome": outcome,
    }  # fmt: skip
    write_record(rundir.run_json, "run", 1, record)
    rundir.plan_json.write_text('{"record": "plan", "version": 1, "kind": "character"}')
    with closing(Journal(rundir.journal)) as journal:
        journal.add("planned", total_steps=TOTAL, steps_per_epoch=EPOCH)
        for number in range(1, attempts + 1):
            journal.attempt = number
            first = (number - 1) * EPOCH
            journal.add("attempt-started", first_step=first, state=None, why="start" if number == 1 else "resume")
        for event, facts in events:
            journal.add(event, **facts)
    if report is not None:
        write_record(rundir.report_json, "report", 2, report)
    return rundir


def save_state(rundir: RunDir, epoch: int) -> Event:
    """Make the folder of a saved state; return its line for the journal."""
    folder = rundir.output / f"alice-{epoch:06d}-state"
    folder.mkdir()
    return "state", {"path": rundir.relative(folder), "epoch": epoch, "step": epoch * EPOCH}


def bar(step: int, total: int = TOTAL, loss: str = "0.0934") -> str:
    """Return the training's bar at a step, as tqdm writes it."""
    return f"\rsteps:  {step:3d}%|###   | {step}/{total} [00:10<00:20,  2.00it/s, avr_loss={loss}]"


def add_to_log(rundir: RunDir, text: str | bytes) -> None:
    """Append to the console log of the attempt."""
    with rundir.console_log.open("ab") as log:
        log.write(text if isinstance(text, bytes) else text.encode())


@contextmanager
def held(rundir: RunDir) -> Iterator[None]:
    """Hold the run as the process that trains in it does."""
    with run_locked(rundir):
        yield


def leave_dead_owner(rundir: RunDir) -> None:
    """Leave the note of a process that held the run and was killed."""
    process = subprocess.Popen(["/bin/sleep", "100"])
    me = identity_of(process.pid)
    assert me is not None
    body = {"pid": me.pid, "started": me.started, "boot": me.boot, "since": "2026-11-01T10:00:00+00:00", "run": "x"}
    write_record(rundir.owner_json, "owner", 1, body)
    process.kill()
    process.wait()
