"""What lies in a run folder, read by other code than the tool's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from pathlib import Path

STATE_FILES = ("model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl", "train_state.json")
"""Of both trainers: accelerate writes them."""
_BAR = re.compile(rb"steps: +\d+%\|")
"""The trainer's own; `bucket_reso_steps: 64` stands before it."""


def has_begun_training(attempt: Path) -> bool:
    """Whether the bar that begins with the training stands in the attempt's console log."""
    console = attempt / "console.log"
    return console.exists() and _BAR.search(console.read_bytes()) is not None


def states_of(run: Path) -> list[Path]:
    """Return the states at ends of epochs of all attempts, whole or not. The recipe is named `tiny`."""
    return list(run.glob("attempts/*/output/tiny-*-state"))


def networks_of(run: Path) -> list[Path]:
    """Return the network files of all attempts as the trainer wrote them, whole or not."""
    return list(run.glob("attempts/*/output/*.safetensors"))


def newest_whole(run: Path) -> Path | None:
    """Return the state to go on from; None where there is none."""
    found = [p for p in states_of(run) if is_whole(p)]
    return max(found, key=lambda p: (int(p.name.split("-")[1]), p.parts[-3]), default=None)


def is_whole(folder: Path) -> bool:
    """Whether all five files are there and can be read to their ends."""
    if any(not (folder / name).is_file() or not (folder / name).stat().st_size for name in STATE_FILES):
        return False
    try:
        json.loads((folder / "train_state.json").read_text(encoding="utf-8"))
        for name in STATE_FILES[1:4]:
            with zipfile.ZipFile(folder / name) as file:
                if file.testzip() is not None:
                    return False
    except (ValueError, OSError, zipfile.BadZipFile):
        return False
    return opens(folder / "model.safetensors")


def opens(path: Path) -> bool:
    """Whether the safetensors library reads every tensor."""
    try:
        with safe_open(path, "numpy") as file:
            names = list(file.keys())
            for name in names:
                file.get_tensor(name)
    except (SafetensorError, OSError, ValueError):
        return False
    return bool(names)


def journal(run: Path) -> list[dict[str, Any]]:
    """Return the journal's whole lines."""
    found = []
    with contextlib.suppress(OSError):
        for line in (run / "journal.jsonl").read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def attempts_of(run: Path) -> list[str]:
    """Return the names of the attempts' folders, in order."""
    folder = run / "attempts"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
