"""A whole run on a disk that fills while it trains and is freed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.core.rundir import RunDir
from orchestrator.core.safetensors_header import read_header
from orchestrator.run.records.journal import read_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
RELIABILITY = {
    "B03 (whole)": "a run of pocket on a tmpfs that fills before its first save: held, nothing torn",
    "B03 (stopped)": "asked once to end while a run is held: ended at once, nothing torn",
    "B06 (whole)": "the same run, the disk freed: all steps, all files",
}


def wait_for(is_true: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


def events(run: Path) -> list[str]:
    return [entry.event for entry in read_journal(RunDir(run).journal).entries]


@pytest.fixture
def held(small_disk: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, Path]]:
    """A run that is held because its disk has filled; yields its process, its folder and the file that fills the disk."""
    disk = small_disk("size=128m")
    pictures = tmp_path / "images"
    pictures.mkdir()
    for index in range(8):
        Image.new("RGB", (64, 64), (index * 20, 10, 10)).save(pictures / f"{index}.png")
        (pictures / f"{index}.txt").write_text("zxq", encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(
        "recipe_version: 1\nname: tiny\nsubject: {kind: object, trigger: zxq, class_tokens: man}\n"
        "base_model: {family: pocket}\nconcepts: [{image_dir: images, num_repeats: 4}]\nvalidate: {hold_out: 0}\n"
        "train: {max_train_epochs: 4, train_batch_size: 2}\nsave: {save_every_n_epochs: 2}\nsample: {prompts: []}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "orchestrator.cli", "tiny.yaml", "--runs-dir", str(disk / "runs"), "--lang", "en"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        run = disk / "runs" / "tiny-001"
        console = RunDir(run).console_log
        wait_for(lambda: console.is_file() and console.stat().st_size > 0, 120)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        filler = disk / "filler"
        filler.write_bytes(b"f" * (free - 4 * MIB))
        wait_for(lambda: "disk" in events(run), 240)
        yield process, run, filler
    finally:
        process.kill()
        process.communicate()


Held = tuple["subprocess.Popen[str]", Path, Path]


def test_b03_b06_a_run_waits_for_room(held: Held) -> None:
    process, run, filler = held
    console = RunDir(run).console_log
    assert list(RunDir(run).output.glob("*.safetensors")) == []
    size = console.stat().st_size
    time.sleep(1.0)
    assert console.stat().st_size == size, "the trainer stands still"
    filler.unlink()
    said, _ = process.communicate(timeout=300)
    assert process.returncode in (0, 1), said
    report = json.loads((run / "report.json").read_text())
    assert report["facts"]["last_step"] == report["plan"]["steps"]["total_steps"]
    assert "paused before the save" in said
    assert "there is room again" in said
    published = sorted(RunDir(run).checkpoints.glob("*.safetensors"))
    assert [path.name for path in published] == ["tiny-000002.safetensors", "tiny.safetensors"]
    assert all(read_header(path).tensors for path in published)
    assert "quarantined" not in events(run)
    assert not RunDir(run).ballast.exists()


def test_b03_a_run_that_waits_ends_when_asked_once(held: Held) -> None:
    process, run, _filler = held
    process.terminate()
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 130, said
    assert list(RunDir(run).output.glob("*.safetensors")) == []
    assert "attempt-ended" in events(run)
    assert not RunDir(run).ballast.exists()
