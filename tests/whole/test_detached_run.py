"""A run that goes on without its terminal, looked after from others: the embedded trainer for real, one run for all of it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.rundir import RunDir
from orchestrator.run.records.locks import is_going_on, read_owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LORA_RUN = [sys.executable, "-m", "orchestrator.cli"]
RELIABILITY = {
    "A09": "--detach: the terminal closed, the run goes on; attach, stop and resume work from another one",
    "D08": "status, list, logs, attach and diagnose while it trains: never a wait, never half a record",
}


def lora_run(*arguments: str | Path, cwd: Path, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LORA_RUN, *map(str, arguments), "--lang", "en"],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=seconds,
    )  # fmt: skip


def status(cwd: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    body: dict[str, Any] = json.loads(lora_run("status", "--format", "json", cwd=cwd).stdout)
    assert time.perf_counter() - begun < 20.0
    assert body["damage"] == []
    return body


def wait_for_step(cwd: Path, step: int, seconds: float = 180.0) -> dict[str, Any]:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        now = status(cwd)
        assert now["standing"] == "going-on", now
        if now["step"] >= step:
            return now
        time.sleep(0.5)
    raise AssertionError(status(cwd))


@pytest.fixture
def in_terminal(pocket_recipe: Path) -> Iterator[tuple[int, int]]:
    """Type `lora-run tiny.yaml --detach` in a terminal; return the shell's process and the terminal."""
    text = pocket_recipe.read_text().replace("target_steps: 12", "target_steps: 6000")
    text = text.replace("image_dir: pocket-images", "image_dir: pocket-images\n    num_repeats: 1")
    pocket_recipe.write_text(f"{text}save:\n  save_state: true\n  checkpoints: 200\n")  # a state every 30 steps
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(pocket_recipe.parent)
        command = " ".join([*LORA_RUN, "tiny.yaml", "--detach", "--lang", "en"])
        os.execv("/bin/sh", ["sh", "-c", f"{command}; echo code $?; sleep 120"])
    yield shell, terminal
    run = RunDir(pocket_recipe.parent / "runs" / "tiny-001")
    owner = read_owner(run.owner_json)
    if owner is not None and is_going_on(run):
        os.kill(owner.pid, signal.SIGKILL)


def read_until(terminal: int, words: bytes, seconds: float = 120.0) -> bytes:
    said, limit = b"", time.monotonic() + seconds
    while words not in said:
        assert time.monotonic() < limit, said
        if select.select([terminal], [], [], 1.0)[0]:
            said += os.read(terminal, 4096)
    return said


@pytest.mark.slow
def test_a_run_goes_on_without_its_terminal(in_terminal: tuple[int, int], pocket_recipe: Path) -> None:
    """A09 and D08: closing the terminal ends nothing; looking, following, watching and judging hold up nothing; stop ends it."""
    folder, (shell, terminal) = pocket_recipe.parent, in_terminal
    run = RunDir(folder / "runs" / "tiny-001")
    said = read_until(terminal, b"code 0")
    assert b"runs/tiny-001 goes on by itself" in said
    assert b"lora-run attach runs/tiny-001" in said
    os.close(terminal)  # hangs up: SIGHUP to the shell and all that it started
    os.waitpid(shell, 0)
    now = wait_for_step(folder, 5)
    assert now["phase"] == "training"

    follower = subprocess.Popen([*LORA_RUN, "logs", "tiny-001", "-f", "-n", "0"], cwd=folder, stdout=subprocess.DEVNULL)
    viewer = subprocess.Popen(
        [*LORA_RUN, "attach", "tiny-001", "--lang", "en"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert viewer.stdout is not None
    assert viewer.stdout.readline().startswith("run tiny-001: ")
    while "step " not in viewer.stdout.readline():
        pass
    viewer.send_signal(signal.SIGINT)
    rest, errors = viewer.communicate()
    assert (viewer.returncode, errors) == (0, "")
    assert "the run goes on" in rest

    judged = lora_run("diagnose", run.root, "-o", folder / "report", "--format", "json", cwd=folder)
    assert json.loads(judged.stdout)["outcome"]["cause"] == "unfinished", judged.stderr
    second = lora_run("resume", run.root, "--detach", cwd=folder)
    assert (second.returncode, "is going on already" in second.stderr) == (2, True)
    assert "going on" in lora_run("list", cwd=folder).stdout
    assert wait_for_step(folder, now["step"] + 1)["step"] > now["step"]

    ended = lora_run("stop", "tiny-001", cwd=folder, seconds=300)
    assert ended.returncode == 0, ended.stderr
    assert "tiny-001: stopped by you at step" in ended.stdout
    assert "stopping at the next saved state" in ended.stdout
    assert "`lora-run resume runs/tiny-001` goes on from step" in ended.stdout
    body = status(folder)
    assert body["standing"] == "interrupted"
    assert body["state"]["step"] > 0
    assert (run.root / body["state"]["path"]).is_dir()
    assert follower.wait(timeout=20) == 0
    assert "You interrupted" in run.supervisor_log.read_text() or "report.html" in run.supervisor_log.read_text()

    again = lora_run("resume", "tiny-001", "--detach", cwd=folder)
    assert (again.returncode, "goes on by itself" in again.stdout) == (0, True), again.stderr
    assert "going on from step" in again.stdout
    assert status(folder)["attempt"] == 2
    assert wait_for_step(folder, body["state"]["step"] + 1)["first_step"] == body["state"]["step"]
    assert lora_run("stop", "tiny-001", "--now", cwd=folder).returncode == 0
    assert status(folder)["standing"] == "interrupted"


def test_what_is_refused_is_told_in_the_terminal(pocket_recipe: Path) -> None:
    pocket_recipe.write_text(pocket_recipe.read_text().replace("target_steps", "targt_steps"))
    done = lora_run(pocket_recipe.name, "--detach", cwd=pocket_recipe.parent)
    assert done.returncode == 2
    assert "targt_steps" in done.stdout
    assert not (pocket_recipe.parent / "runs").exists()


def test_ctrl_c_before_the_trainer_is_started_leaves_nothing_behind(pocket_recipe: Path) -> None:
    code = (
        "import sys, time, threading, os, signal\n"
        "import orchestrator.pipeline as p\n"
        "def slow(*a, **k):\n    os.kill(os.getppid(), signal.SIGINT)\n    time.sleep(60)\n"
        "p.run_recipe = slow\n"
        "sys.argv = ['lora-run', 'tiny.yaml', '--detach']\n"
        "from orchestrator import cli\ncli.main()\n"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=pocket_recipe.parent, capture_output=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, b"")
    assert time.monotonic() - begun < 40


def test_a_worker_that_dies_unheard_is_no_success(pocket_recipe: Path) -> None:
    code = (
        "import sys, os, signal\n"
        "import orchestrator.pipeline as p\n"
        "p.run_recipe = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.argv = ['lora-run', 'tiny.yaml', '--detach']\n"
        "from orchestrator import cli\ncli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=pocket_recipe.parent, capture_output=True, check=False)
    assert done.returncode == 128 + signal.SIGKILL
