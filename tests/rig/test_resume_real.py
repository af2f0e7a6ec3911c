"""Stopped, killed, gone on with, on real sd-scripts: the planned steps and the planned rates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.processes import living_in
from orchestrator.core.errors import EXIT_INTERRUPTED
from orchestrator.core.rundir import RunDir
from orchestrator.observe.read import read_run
from orchestrator.run.records.history import read_history
from orchestrator.run.records.journal import read_journal

pytestmark = pytest.mark.rig

RELIABILITY = {
    "A10": "the same on real sd-scripts, also with gradient accumulation, two processes, AdamW8bit (by hand, docs/rig.md)",
    "A02": "one of two processes of real sd-scripts killed with -9: the other is gone in 10 s, tried again once, steps exact (by hand)",
}
STATES = [
    "--set", "save.save_state=true", "--set", "save.save_every_n_epochs=1", "--set", "sample.prompts=[]",
    "--set", "telemetry=log", "--set", "train.target_steps=60",
]  # fmt: skip


def start(recipe: Path, home: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "LORA_ORCHESTRATOR_HOME": str(home), "SD_SMALL_UNET": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "orchestrator.cli", *arguments, "--lang", "en", "--share-gpu"]
    return subprocess.Popen(
        command, cwd=recipe.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_states(run: Path, attempt: int, process: subprocess.Popen[str], count: int = 1) -> None:
    limit = time.monotonic() + 600
    while True:
        entries = read_journal(run / "journal.jsonl").entries
        if sum(e.event == "state" and e.attempt == attempt for e in entries) >= count:
            return
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < limit
        time.sleep(0.2)


def process_of_rank(run: Path, rank: int) -> int:
    """Return the number of the trainer's process of that rank; its data workers came later."""
    wanted = f"LOCAL_RANK={rank}".encode()
    return min(pid for pid in living_in(run) if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))


@pytest.mark.parametrize(
    "setting",
    ["gradient_accumulation_steps=1", "gradient_accumulation_steps=2", "num_processes=2", "optimizer_type=AdamW8bit"],
)
def test_stopped_and_killed_it_trains_what_was_planned(
    rig: Path, rig_recipe: Path, rig_home: Path, setting: str
) -> None:
    if (
        "8bit" in setting
        and subprocess.run([rig / "venv/bin/python", "-c", "import bitsandbytes"], check=False).returncode
    ):
        pytest.skip("the rig's environment has no bitsandbytes (docs/rig.md)")
    folder = rig_recipe.parent
    arguments = [rig_recipe.name, *STATES, "--set", f"train.{setting}", "--set", "name=again"]
    run = folder / "runs" / "again-001"
    process = start(rig_recipe, rig_home, *arguments)
    wait_for_states(run, 1, process)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == EXIT_INTERRUPTED, output
    process = start(rig_recipe, rig_home, "resume", "runs/again-001")
    wait_for_states(run, 2, process)
    process.kill()
    process.communicate()
    time.sleep(8)
    for _ in range(2):  # the second one has nothing left to do
        process = start(rig_recipe, rig_home, "resume", "runs/again-001")
        output = process.communicate(timeout=600)[0]
        assert process.returncode in (0, 1), output
    whole_process = start(rig_recipe, rig_home, *arguments)
    whole_process.communicate(timeout=600)
    seen, whole = read_run(run), read_run(folder / "runs" / "again-002")
    history = read_history(RunDir(run))
    assert [a.why for a in history.attempts] == ["start", "resume", "resume"]
    assert history.ending == "succeeded"
    steps = list(whole.series["loss/current"].steps)
    assert steps == list(range(1, history.total_steps + 1))
    assert list(seen.series["loss/current"].steps) == steps
    assert list(seen.series["lr/unet"].values) == pytest.approx(list(whole.series["lr/unet"].values), abs=1e-12)
    pairs = zip(seen.series["loss/current"].values, whole.series["loss/current"].values, strict=True)
    differences = sorted(abs(one / other - 1) for one, other in pairs)
    print("relative differences of losses: median", differences[len(differences) // 2], "most", differences[-1])  # noqa: T201


def test_when_one_of_two_processes_dies_the_run_goes_on_from_its_newest_state(rig_recipe: Path, rig_home: Path) -> None:
    run = rig_recipe.parent / "runs" / "two-001"
    process = start(
        rig_recipe, rig_home, rig_recipe.name, *STATES, "--set", "train.num_processes=2", "--set", "name=two"
    )
    wait_for_states(run, 1, process)
    first = living_in(run)
    os.kill(process_of_rank(run, 1), signal.SIGKILL)
    limit = time.monotonic() + 10
    while set(first) & set(living_in(run)):
        assert time.monotonic() < limit
        time.sleep(0.05)
    output = process.communicate(timeout=600)[0]
    assert process.returncode in (0, 1), output
    history = read_history(RunDir(run))
    assert [(a.why, a.ending) for a in history.attempts] == [("start", "failed"), ("retry", "succeeded")]
    assert history.attempts[0].cause == "killed"
    assert history.last_step == history.total_steps
    assert list(read_run(run).series["loss/current"].steps) == list(range(1, history.total_steps + 1))
