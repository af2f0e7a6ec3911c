"""Stopped, killed, gone on with, on the embedded trainer: the planned steps, the planned rates, and nothing lost."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.durable import sha256_of
from orchestrator.core.errors import EXIT_INTERRUPTED, EXIT_REFUSED, InputError
from orchestrator.core.rundir import RunDir
from orchestrator.observe.read import read_run
from orchestrator.run.records.history import read_history
from orchestrator.training.resume import open_run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

LORA_RUN = [sys.executable, "-m", "orchestrator.cli"]
STEPS = 60
CHANGES = {
    "train.train_batch_size": ("train_batch_size: 4", "train_batch_size: 2"),
    "train.gradient_accumulation_steps": ("target_steps: 60", "target_steps: 60\n  gradient_accumulation_steps: 2"),
    "train.seed": ("seed: 42", "seed: 43"),
    "train.unet_lr": ("unet_lr: 0.001", "unet_lr: 0.002"),
    "network.network_dim": ("network_dim: 4", "network_dim: 8"),
}
RELIABILITY = {
    "A01": "kill -9 of lora-run: nothing of the run lives 10 s later, resumed to the planned steps",
    "A07": "Ctrl-C once: ends at the next saved state, no step lost",
    "A09": "the terminal closed: as Ctrl-C once, and the report is written all the same",
    "A10": "stopped, killed, resumed twice: steps exact, rates equal to the uninterrupted run",
    "A13": f"resumed with another {', '.join(CHANGES)}, picture, caption, compiled setting: refused with both values",
    "A14": "resume of a finished run: nothing to do, exit 0",
    "A15": "resume without a whole state: refused, --from-scratch begins anew",
}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [*LORA_RUN, *arguments, "--lang", "en"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(is_true: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 180) -> None:
    limit = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < limit, "waited too long"
        assert process is None or process.poll() is None, process.communicate()[0] if process else ""
        time.sleep(0.1)


def states(run: Path, attempt: int) -> list[Any]:
    if not (run / "journal.jsonl").exists():
        return []
    from orchestrator.run.records.journal import read_journal

    entries = read_journal(run / "journal.jsonl").entries
    return [e for e in entries if e.event == "state" and e.attempt == attempt]


def marked(token_of: Path) -> list[int]:
    """Processes whose working directory is the run folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == token_of:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe of 60 steps, a state at the end of each."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("resume")
    (folder / "images").mkdir()
    for number in range(8):
        Image.effect_noise((64, 64), 40 + number).convert("RGB").save(folder / "images" / f"{number:02}.png")
        (folder / "images" / f"{number:02}.txt").write_text(f"zxq man {number}", encoding="utf-8")
    (folder / "tiny.yaml").write_text(
        "recipe_version: 1\nname: tiny\n"
        "subject:\n  kind: object\n  trigger: zxq\n  class_tokens: man\n"
        "base_model:\n  family: pocket\n"
        "concepts:\n  - image_dir: images\n"
        "network:\n  network_dim: 4\n  network_alpha: 4\n"
        "train:\n  target_steps: 60\n  train_batch_size: 4\n  unet_lr: 0.001\n  text_encoder_lr: 0\n"
        "  optimizer_type: AdamW\n  lr_scheduler: cosine\n  seed: 42\n"
        "sample:\n  prompts: []\nsave:\n  save_state: true\n  save_every_n_epochs: 1\ntelemetry: log\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def stopped(home: Path) -> Path:
    """A run that was asked to end after its first state."""
    process = start(home, "tiny.yaml")
    run = home / "runs" / "tiny-001"
    wait_for(lambda: bool(states(run, 1)), process)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == EXIT_INTERRUPTED, output
    return run


def test_ctrl_c_once_ends_at_a_saved_state(stopped: Path) -> None:
    history = read_history(RunDir(stopped))
    (attempt,) = history.attempts
    (first, *further) = states(stopped, 1)
    assert further, "it ended before the next state was saved"
    assert attempt.ending == "interrupted"
    assert first.facts["step"] < further[-1].facts["step"] <= attempt.last_step < STEPS
    assert not marked(stopped)


@pytest.mark.parametrize("key", CHANGES)
def test_another_recipe_is_refused_with_both_values(home: Path, stopped: Path, key: str) -> None:
    recipe = home / "tiny.yaml"
    before = recipe.read_text(encoding="utf-8")
    old, new = CHANGES[key]
    assert old in before
    recipe.write_text(before.replace(old, new), encoding="utf-8")
    try:
        with pytest.raises(InputError) as refused, ExitStack() as held:
            open_run(stopped, held)
    finally:
        recipe.write_text(before, encoding="utf-8")
    (problem,) = refused.value.problems
    assert f"`{key}`" in problem.what.en
    assert f"is {new.rpartition(' ')[2]} now" in problem.what.en
    if "gradient" not in key:
        assert f"was {old.rpartition(' ')[2]} when" in problem.what.en
    assert refused.value.exit_code == EXIT_REFUSED


@pytest.mark.parametrize("name", ["images/03.png", "images/03.txt", "runs/tiny-001/train.toml"])
def test_other_files_are_refused_with_both_marks(home: Path, stopped: Path, name: str) -> None:
    path = home / name
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    try:
        with pytest.raises(InputError) as refused, ExitStack() as held:
            open_run(stopped, held)
    finally:
        path.write_bytes(before)
    (problem,) = refused.value.problems
    assert path.name in problem.what.en
    assert f"{len(before)} bytes" in problem.what.en
    assert f"{len(before) + 1} bytes" in problem.what.en


@pytest.fixture(scope="module")
def finished(home: Path, stopped: Path) -> tuple[Path, dict[str, str]]:
    """The same run, killed in its second attempt and gone on with to its end."""
    first = {p.name: sha256_of(p) for p in (stopped / "checkpoints").iterdir()}
    process = start(home, "resume", "runs/tiny-001")
    wait_for(lambda: bool(states(stopped, 2)), process)
    process.kill()
    process.communicate()
    wait_for(lambda: not marked(stopped), seconds=10)
    process = start(home, "resume", "runs/tiny-001")
    output = process.communicate(timeout=240)[0]
    assert process.returncode in (0, 1), output
    assert "going on from step" in output
    return stopped, first


def test_all_attempts_make_the_planned_run(home: Path, finished: tuple[Path, dict[str, str]]) -> None:
    run, first = finished
    process = start(home, "tiny.yaml")
    process.communicate(timeout=240)
    whole, seen = read_run(home / "runs" / "tiny-002"), read_run(run)
    history = read_history(RunDir(run))
    assert [a.why for a in history.attempts] == ["start", "resume", "resume"]
    assert history.ending == "succeeded"
    for one in (whole, seen):
        assert list(one.series["loss/current"].steps) == list(range(1, STEPS + 1))
    assert list(seen.series["lr/unet"].values) == pytest.approx(list(whole.series["lr/unet"].values), abs=1e-12)
    assert seen.telemetry is not None
    assert list(seen.telemetry.steps.steps) == list(range(1, STEPS + 1))
    (final,) = [c for c in seen.checkpoints if c.is_final]
    assert (final.path, final.step) == ("checkpoints/tiny.safetensors", STEPS)
    report = json.loads((run / "report.json").read_text())
    assert report["facts"]["attempts"] == 3
    (short,) = [f for f in report["findings"] if f["name"] == "steps-short"]
    assert short["status"] == "clear"
    assert report["outcome"]["cause"] == "ok"
    assert {name: sha256_of(run / "checkpoints" / name) for name in first} == first


def test_nothing_is_left_to_do(home: Path, finished: tuple[Path, dict[str, str]]) -> None:
    before = (finished[0] / "journal.jsonl").read_bytes()
    process = start(home, "resume", "runs/tiny-001")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "nothing to do" in output
    assert (finished[0] / "journal.jsonl").read_bytes() == before


def test_a_closed_terminal_counts_as_ctrl_c_once(home: Path) -> None:
    import fcntl
    import pty
    import termios

    ours, its = pty.openpty()
    command = [*LORA_RUN, "tiny.yaml", "--set", "name=closed"]
    process = subprocess.Popen(
        command, cwd=home, stdin=its, stdout=its, stderr=its, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else runs here
    )  # fmt: skip
    os.close(its)
    run = home / "runs" / "closed-001"
    try:
        limit = time.monotonic() + 180
        while not states(run, 1):
            assert time.monotonic() < limit
            assert process.poll() is None
            if select.select([ours], [], [], 0.1)[0]:
                os.read(ours, 65536)  # as a terminal does
        os.close(ours)
        process.wait(timeout=180)
    finally:
        process.kill()
    history = read_history(RunDir(run))
    assert history.ending in ("interrupted", "succeeded")  # it may have been at its last state
    assert len(states(run, 1)) >= 2 or history.ending == "succeeded"
    assert (run / "report.html").is_file()
    assert not marked(run)


def test_without_a_whole_state_it_begins_anew_only_when_told(home: Path) -> None:
    process = start(home, "tiny.yaml", "--set", "name=bare")
    run = home / "runs" / "bare-001"
    wait_for(lambda: (run / "inputs.json").exists() and bool(states(run, 1)), process)
    process.kill()
    process.communicate()
    wait_for(lambda: not marked(run), seconds=10)
    for state in (run / "attempts" / "001" / "output").glob("*-state"):
        (state / "optimizer.bin").write_bytes(b"torn")
    process = start(home, "resume", "runs/bare-001")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == EXIT_REFUSED
    assert "--from-scratch" in output
    assert list((run / "quarantine").rglob("*optimizer.bin"))
    process = start(home, "resume", "runs/bare-001", "--from-scratch")
    output = process.communicate(timeout=240)[0]
    assert process.returncode in (0, 1), output
    assert read_history(RunDir(run)).ending == "succeeded"
    assert (run / "checkpoints" / "bare.safetensors").exists()
