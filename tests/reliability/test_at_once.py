"""Eight runs begun at once on one data set, one base model and one checkout: none is in another's way, none writes to the user's.

The trainer is a stand-in that keeps its encoded pictures on the disk as sd-scripts does: beside each picture that `dataset.toml` names,
written straight under the good name, and read instead of written where something is there already.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.core.record import read_record
from orchestrator.dataset.pixels.cache import FILE
from orchestrator.run.installed.seen_files import KIND, VERSION
from orchestrator.run.installed.vendor_home import VendorHome
from orchestrator.run.records.inputs import fingerprint
from tests.hostile.fake_run import REPOSITORY, adopt_trainer

if TYPE_CHECKING:
    from pathlib import Path

RUNS, PICTURES = 8, 6
BASE_BYTES = 4_000_000
TRAINER = f"""#!{sys.executable} -S
import hashlib, json, os, pathlib, tomllib, zipfile
train, dataset = (tomllib.loads(pathlib.Path(name).read_text()) for name in ("train.toml", "dataset.toml"))
base = pathlib.Path(train["pretrained_model_name_or_path"])
told = {{"base": os.path.abspath(base), "sha256": hashlib.sha256(base.read_bytes()).hexdigest(), "caches": []}}
for subset in dataset["datasets"][0]["subsets"]:
    for picture in sorted(pathlib.Path(subset["image_dir"]).glob("*.png")):
        cache = os.path.splitext(os.path.abspath(picture))[0] + "_0064x0064_sd.npz"
        if os.path.exists(cache):
            raise SystemExit("a cache of another run: " + cache)
        with zipfile.ZipFile(cache, "w") as file:
            with file.open("latents_8x8.npy", "w") as member:
                for byte in picture.read_bytes():
                    member.write(bytes([byte]))
        told["caches"].append(cache)
pathlib.Path("attempts/001/output/told.json").write_text(json.dumps(told))
raise SystemExit(1)
"""
RECIPE = """
recipe_version: 1
name: alice
subject: {kind: character, trigger: zxq, class_tokens: man}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
concepts: [{image_dir: images}]
train: {target_steps: 300, optimizer_type: AdamW, cache_latents: true, cache_latents_to_disk: true}
"""
RELIABILITY = {
    "D04": f"{RUNS} runs of one data set at once, encoded pictures on the disk: {RUNS} whole caches, each in its own run folder, nothing written to the user's (the trainer a stand-in)",
    "D05": f"the same recipe started {RUNS} times at once: {RUNS} run folders",
    "D06": f"{RUNS} runs of one base model at once: read where it lies, nothing copied, the right sum in each trainer and each run's record",
}


def lay_down(folder: Path) -> None:
    """Pictures, a recipe, and a base model with numbers in it."""
    images = folder / "images"
    images.mkdir()
    for index in range(PICTURES):
        Image.new("RGB", (64, 64), (index * 40, 90, 120)).save(images / f"{index}.png")
        os.utime(images / f"{index}.png", (1e9, 1e9))  # not written to just now: what is seen of it may be kept
        (images / f"{index}.txt").write_text(f"zxq, man, view {index}")
    header = json.dumps({"a": {"dtype": "U8", "shape": [BASE_BYTES], "data_offsets": [0, BASE_BYTES]}}).encode()
    data = random.Random(6).randbytes(BASE_BYTES)
    (folder / "base.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    (folder / "alice.yaml").write_text(RECIPE)


def files_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def begin(folder: Path, home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LORA_ORCHESTRATOR_HOME": str(home), "LANG": "en"}
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator.cli", "alice.yaml", "--share-gpu"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_eight_runs_at_once_share_what_they_read_and_nothing_they_write(tmp_path: Path) -> None:
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    adopt_trainer(home, tmp_path / "trainer")
    (tmp_path / "trainer" / "python").write_text(TRAINER)
    lay_down(folder)
    base, pictures = folder / "base.safetensors", files_in(folder / "images")
    was = (base.stat().st_mtime_ns, hashlib.sha256(base.read_bytes()).hexdigest())
    for process in [begin(folder, home) for _ in range(RUNS)]:
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 3, said  # the stand-in makes no network
        assert "Traceback" not in said
    runs = sorted((folder / "runs").glob("alice-*"))
    assert [run.name for run in runs] == [f"alice-{number + 1:03d}" for number in range(RUNS)]
    for run in runs:
        told = json.loads((run / "attempts" / "001" / "output" / "told.json").read_text())
        assert (told["base"], told["sha256"]) == (str(base), was[1])
        marks = json.loads((run / "inputs.json").read_text())["files"]
        (mark,) = [mark for name, mark in marks.items() if name.startswith("pretrained_model_name_or_path")]
        assert mark == {"bytes": base.stat().st_size, "sha256": fingerprint(base).sha256}
        assert sorted(told["caches"]) == sorted(str(path) for path in run.rglob("*.npz"))
        assert sorted(_cached(path) for path in run.rglob("*.npz")) == sorted(
            content for name, (_, content) in pictures.items() if name.endswith(".png")
        )
    assert files_in(folder / "images") == pictures
    assert (base.stat().st_mtime_ns, hashlib.sha256(base.read_bytes()).hexdigest()) == was
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.stat().st_size >= BASE_BYTES] == [base]
    assert not list(tmp_path.rglob("*.part"))
    with closing(sqlite3.connect(home / "cache" / FILE)) as measures:
        assert measures.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert measures.execute("SELECT count(*) FROM seen").fetchone() == (PICTURES,)
    if VendorHome(home).seen.is_file():
        read_record(VendorHome(home).seen, KIND, VERSION)


def _cached(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return file.read("latents_8x8.npy")
