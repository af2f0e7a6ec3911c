"""A few drawn pictures and the TOML files of a tiny run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
TRAINER = ROOT / "orchestrator" / "backends" / "pocket" / "trainer" / "train_network.py"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run of the trainer left."""

    code: int
    lines: list[str]
    folder: Path


def picture_folder(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    """A folder of plain pictures with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (40 * number % 255, 120, 200)).save(folder / f"p{number}.png")
        (folder / f"p{number}.txt").write_text(f"glx thing, number {number}\n", encoding="utf-8")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Six square pictures with captions."""
    return picture_folder(tmp_path / "6_glx thing", [(64, 64)] * 6)


@pytest.fixture
def run_trainer(tmp_path: Path) -> Callable[..., Finished]:
    """Write the two TOML files and run the trainer as a process of its own."""

    def run(train: str, dataset: str = "") -> Finished:
        (tmp_path / "train.toml").write_text(train, encoding="utf-8")
        (tmp_path / "dataset.toml").write_text(dataset, encoding="utf-8")
        environment = os.environ | {"COLUMNS": "500", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, str(TRAINER), "--config_file", "train.toml"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = done.stdout.decode("utf-8").replace("\r", "\n")
        return Finished(done.returncode, [line.rstrip() for line in text.split("\n")], tmp_path)

    return run
