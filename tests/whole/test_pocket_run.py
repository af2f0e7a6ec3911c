"""The whole way for real on the embedded trainer: recipe in, LoRA, verdict and report out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.whole.conftest import write_pocket_recipe
from tests.whole.listening import listening, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

LORA_RUN = [sys.executable, "-m", "orchestrator.cli"]
LOOK_EVERY_S = 0.25
LISTENERS = """
import socket, sys
kinds = [(family, kind) for family in (socket.AF_INET, socket.AF_UNIX) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
tcp, udp, unix, letters = (socket.socket(*kind) for kind in kinds)
tcp.bind(("127.0.0.1", 0))
udp.bind(("127.0.0.1", 0))
unix.bind(sys.argv[1])
letters.bind(sys.argv[1] + "d")
tcp.listen()
unix.listen()
client = socket.create_connection(tcp.getsockname())
print(flush=True)
input()
"""
"""Listens in four ways, and is connected in others."""
RELIABILITY = {
    "I14": "every process of a run looked at over and over: none has a socket that listens (TCP, UDP, unix)",
}


def lora_run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `lora-run` in a process of its own, in English."""
    return subprocess.run(
        [*LORA_RUN, *map(str, arguments), "--lang", "en"], cwd=cwd, capture_output=True, text=True, check=False
    )


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return name, size, time and content of every file of a folder."""
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def watched_run(recipe: Path, *more: str) -> tuple[subprocess.CompletedProcess[str], set[int], set[str]]:
    """Run a recipe; return also which processes there were, and on what they listened."""
    command = [*LORA_RUN, recipe.name, *more, "--lang", "en"]
    processes: set[int] = set()
    heard: set[str] = set()
    with (
        (recipe.parent / "said").open("w") as out,
        (recipe.parent / "told").open("w") as err,
        subprocess.Popen(command, cwd=recipe.parent, stdout=out, stderr=err) as process,
    ):
        while process.poll() is None:
            tree = tree_of(process.pid)
            processes |= tree
            heard |= listening(tree)
            time.sleep(LOOK_EVERY_S)
    said, told = ((recipe.parent / name).read_text() for name in ("said", "told"))
    return subprocess.CompletedProcess(command, process.returncode, said, told), processes, heard


@dataclass(frozen=True)
class Trained:
    """A finished run: its folder, what was said, the numbers of its processes, and on what they listened."""

    run: Path
    done: subprocess.CompletedProcess[str]
    processes: set[int]
    heard: set[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A finished run over fourteen pictures, one of them dark, and what was said. The data set is read-only, as on a share."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = write_pocket_recipe(folder)
    images = folder / "pocket-images"
    dark = images / "05.png"
    Image.effect_noise((64, 64), 10).point(lambda value: value // 12).convert("RGB").save(dark)
    os.utime(dark, (1e9, 1e9))
    for path in (*images.iterdir(), images):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(images)
    try:
        done, processes, heard = watched_run(recipe, "--set", "train.unet_lr=2e-3")
    finally:
        images.chmod(0o755)
    assert snapshot(images) == before
    return Trained(folder / "runs" / "tiny-001", done, processes, heard)


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are read from Linux's /proc")
def test_a_listening_socket_would_be_seen(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", LISTENERS, str(tmp_path / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = listening(tree_of(child.pid))
        child.communicate(b"\n")
    assert sorted(name.partition(" ")[0] for name in found) == ["tcp", "udp", "unix", "unix"]


def test_one_recipe_in_a_lora_and_a_report_out(trained: Trained) -> None:
    run, done = trained.run, trained.done
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("runs/tiny-001/report.html")
    if sys.platform == "linux":
        assert len(trained.processes) >= 4  # the tool, its helper, the launcher, the trainer
        assert trained.heard == set()
    for name in (
        "recipe.yaml",
        "recipe.resolved.yaml",
        "plan.json",
        "run.json",
        "train.toml",
        "dataset.toml",
        "report.html",
        "report.json",
        "next.yaml",
    ):
        assert (run / name).is_file(), name
    report = json.loads((run / "report.json").read_text())
    assert report["facts"]["total_steps"] == report["plan"]["steps"]["total_steps"] == report["facts"]["last_step"]
    assert report["outcome"]["ending"] == "succeeded"
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout
    assert str(run.parents[1]) not in (run / "report.html").read_text() + (run / "report.json").read_text()


def test_the_next_recipe_runs_as_it_is(trained: Trained) -> None:
    run = trained.run
    assert "unet_lr: 0.002" in (run / "next.yaml").read_text()
    done = lora_run("check", run / "next.yaml", cwd=run.parents[1])
    assert done.returncode in (0, 1), done.stdout + done.stderr


def test_a_run_is_judged_again_the_same(trained: Trained) -> None:
    run = trained.run
    first = json.loads((run / "report.json").read_text())
    done = lora_run("diagnose", run, cwd=run.parents[1])
    assert done.returncode in (0, 1), done.stdout + done.stderr
    again = json.loads((run / "report.json").read_text())
    assert [(f["name"], f["status"]) for f in again["findings"]] == [
        (f["name"], f["status"]) for f in first["findings"]
    ]
    assert again["next_changes"] == first["next_changes"]
    assert again["dataset"] == first["dataset"]
    assert first["dataset"]["not_looked_at"] == []
    (dark,) = [f for f in again["findings"] if f["name"] == "underexposed-image"]
    assert (dark["status"], dark["paths"]) == ("fired", ["05.png"])
    (told,) = first["dataset"]["folders"]
    assert (told["pictures"], told["held_out"]) == (12, 2)  # of fourteen


def test_names_with_spaces_quotes_and_characters_of_every_script(
    draw: Callable[..., Path], pocket_recipe: Path
) -> None:
    folder = pocket_recipe.parent
    deep = folder / ("very long folder name " * 6).strip() / '初音ミク\'s "pictures"'
    draw(str(deep.relative_to(folder)))
    pocket_recipe.write_text(
        pocket_recipe.read_text(encoding="utf-8")
        .replace("pocket-images", json.dumps(str(deep.relative_to(folder)), ensure_ascii=False))
        .replace("name: tiny", 'name: "初音ミク\'s LoRA"')
        .replace("class_tokens: man", "class_tokens: 初音 'ミク'"),
        encoding="utf-8",
    )
    done = lora_run(pocket_recipe.name, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    (run,) = (folder / "runs").iterdir()
    assert "初音ミク" in run.name
    assert json.loads((run / "report.json").read_text())["outcome"]["ending"] == "succeeded"


def test_nan_is_named_and_stops_the_run(pocket_recipe: Path) -> None:
    folder = pocket_recipe.parent
    text = (
        pocket_recipe.read_text()
        .replace("target_steps: 12", "target_steps: 120")
        .replace("unet_lr: 1e-3", "unet_lr: 1e30")
        .replace("train_batch_size: 4", "train_batch_size: 12")  # steps less tiny, so that a busy machine can keep up
    )
    pocket_recipe.write_text(text)
    done = lora_run(pocket_recipe.name, cwd=folder)
    run = folder / "runs" / "tiny-001"
    report = json.loads((run / "report.json").read_text())
    (nan,) = [f for f in report["findings"] if f["name"] == "nan-loss"]
    assert nan["status"] == "fired"
    assert done.returncode != 0
    named = int(re.search(r"step (\d+)", nan["message"]["en"]).group(1))  # type: ignore[union-attr]
    losses = report["series"]["loss/current"]
    assert abs(named - losses["first_nonfinite_step"]) <= 2
    assert losses["last_step"] <= losses["first_nonfinite_step"] + 60  # two windows, and a block of the recorder
    assert report["outcome"]["ending"] == "stopped"


def test_ctrl_c_once_keeps_what_was_saved_and_still_reports(pocket_recipe: Path) -> None:
    folder = pocket_recipe.parent
    pocket_recipe.write_text(
        pocket_recipe.read_text().replace("target_steps: 12", "target_steps: 3000") + "save:\n  checkpoints: 400\n"
    )
    process = subprocess.Popen(
        [*LORA_RUN, pocket_recipe.name, "--lang", "en"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = folder / "runs" / "tiny-001" / "attempts" / "001" / "output"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (output.is_dir() and any(output.glob("*.safetensors"))):
        time.sleep(0.1)
    saved = {p.name for p in output.glob("*.safetensors")}
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=40)
    assert process.returncode == 130, told
    assert saved
    assert saved <= {p.name for p in output.glob("*.safetensors")}
    assert (folder / "runs" / "tiny-001" / "report.html").is_file()
    assert not [p for p in Path("/proc").iterdir() if p.name.isdigit() and str(folder) in _working_directory(p)]


def test_ctrl_c_before_the_first_step_says_that_nothing_was_trained(pocket_recipe: Path) -> None:
    folder = pocket_recipe.parent
    process = subprocess.Popen(
        [*LORA_RUN, pocket_recipe.name, "--lang", "en"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "12 steps planned" in first
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=40)
    assert process.returncode == 130, told
    assert "interrupted the run before its first step: nothing was trained" in told
    for words in ("Not judged[", "could not decide", "next recipe", "0/12"):
        assert words not in told
    assert not (folder / "runs" / "tiny-001" / "next.yaml").exists()


def _working_directory(process: Path) -> str:
    """Return the working directory of a process: the trainer's is its run folder."""
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""
