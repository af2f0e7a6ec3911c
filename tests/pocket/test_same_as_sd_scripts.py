"""Pocket says, logs and writes what real sd-scripts does, by the same parser: a rehearsal that teaches other words would mislead."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.observe.console_file import read_console
from orchestrator.observe.read import read_run
from orchestrator.observe.scalars import read_scalars

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).parents[1] / "rig" / "recorded"

ONLY_SD_SCRIPTS = {"tokenizer"}
"""The real trainer announces which of two CLIP tokenizers it takes; pocket has one."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of pocket with what the recorded run had: held-out pictures, saves, samples before and while training."""
    folder = tmp_path_factory.mktemp("pocket")
    (folder / "images").mkdir()
    for index in range(16):
        Image.new("RGB", (64, 64), (index * 15, 80, 255 - index * 15)).save(folder / "images" / f"{index:02d}.png")
        (folder / "images" / f"{index:02d}.txt").write_text("zxq, man", encoding="utf-8")
    (folder / "r.yaml").write_text(
        "recipe_version: 1\nname: rig-run\nsubject: {kind: character, trigger: zxq, class_tokens: man}\n"
        "base_model: {family: pocket}\nconcepts:\n  - image_dir: images\nnetwork: {network_dim: 4, network_alpha: 4}\n"
        "train: {max_train_epochs: 6, train_batch_size: 2, unet_lr: 1e-3, text_encoder_lr: 1e-4, optimizer_type: AdamW}\n"
        'sample: {prompts: ["zxq, man"], sample_at_first: true}\nsave: {checkpoints: 3, save_state: false}\n',
        encoding="utf-8",
    )
    argv = [sys.executable, "-m", "orchestrator.cli", "r.yaml", "--set", "concepts.0.num_repeats=1"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return folder / "runs" / "rig-run-001"


def kinds(log: Path) -> set[str]:
    """Return the kinds of lines in a console log."""
    reading = read_console(log)
    return {event.kind for event in reading.events} | ({"progress"} if len(reading.progress.steps) else set())


def test_the_same_kinds_of_lines(run: Path) -> None:
    real = kinds(RECORDED / "console.log")
    ours = kinds(run / "attempts" / "001" / "console.log")
    assert ours <= real, ours - real
    assert real - ours == ONLY_SD_SCRIPTS


def test_the_same_tensorboard_tags(run: Path) -> None:
    real = read_scalars(sorted(RECORDED.rglob("events.out.tfevents.*")), str).series
    ours = read_scalars(sorted(run.rglob("events.out.tfevents.*")), str).series
    assert set(ours) == set(real)
    assert list(ours["loss/current"].steps) == list(real["loss/current"].steps)
    assert list(ours["loss/epoch_average"].steps) == list(real["loss/epoch_average"].steps)


def test_the_same_files_tensors_and_metadata(run: Path) -> None:
    left = json.loads((RECORDED / "left.json").read_text(encoding="utf-8"))
    output = run / "attempts" / "001" / "output"
    names = {p.relative_to(output).as_posix() for p in output.rglob("*") if p.is_file()}
    assert {_timeless(name) for name in names} == {_timeless(name) for name in left["files"]}
    data = (output / "rig-run.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    keys = set(header.pop("__metadata__"))
    assert keys == set(left["metadata_keys"]) - {
        "modelspec.encoder_layer"
    }  # written for clip_skip, which pocket has not
    tensors = {"alpha" if name.endswith(".alpha") else ".".join(name.split(".")[-2:]) for name in header}
    assert tensors == set(left["tensor_names"])


def test_both_are_read_whole(run: Path) -> None:
    seen = read_run(run)
    assert seen.missing == ()
    assert seen.facts["total_steps"] == seen.facts["last_step"] == 42


def _timeless(name: str) -> str:
    """Return the name of a sample picture without the moment it was drawn at."""
    return re.sub(r"_\d{14}_", "_TIME_", name)
