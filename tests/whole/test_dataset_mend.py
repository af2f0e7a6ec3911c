"""`lora-run dataset caption`, `frames` and `prepare` as users type them, on models, films and pictures made on the spot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.dataset.caption_models.conftest import tagger_files
from tests.dataset.frames.conftest import draw, film
from tests.dataset.pixels.conftest import draw_scene
from tests.whole.test_verbs import lora_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    tagger_files(tmp_path / "tagger")
    folder = tmp_path / "images"
    folder.mkdir()
    for name, colour in (("a", "red"), ("b", "green"), ("c", "blue")):
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
    (folder / "a.txt").write_text("mine", encoding="utf-8")
    return folder


def _captions(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in folder.glob("*.txt")}


def test_captions_are_written_where_none_are_and_taken_back(images: Path) -> None:
    asked = ("dataset", "caption", "images", "--with", "wd14", "--model", "./tagger", "--trigger", "zxq")
    shown = lora_run(*asked, "--dry-run", cwd=images.parent)
    assert (shown.returncode, "nothing was written" in shown.stdout) == (0, True), shown.stderr
    assert _captions(images) == {"a": "mine"}
    done = lora_run(*asked, "--format", "json", cwd=images.parent)
    told = json.loads(done.stdout)
    assert [one["picture"] for one in told["captions"]] == ["b.png", "c.png"]
    assert (told["kept"], told["is_written"]) == (["a.png"], True)
    captions = _captions(images)
    assert captions["a"] == "mine"
    assert captions["b"].startswith("zxq")
    assert lora_run("dataset", "tags", "images", "undo", cwd=images.parent).returncode == 0
    assert _captions(images) == {"a": "mine"}


def test_captions_that_are_there_change_only_when_told_and_come_back_to_the_byte(images: Path) -> None:
    asked = ("dataset", "caption", "images", "--model", "./tagger", "--existing", "append")
    assert lora_run(*asked, cwd=images.parent).returncode == 0
    assert _captions(images)["a"].startswith("mine, ")
    assert lora_run("dataset", "tags", "images", "undo", cwd=images.parent).returncode == 0
    assert (images / "a.txt").read_bytes() == b"mine"


def test_a_model_that_is_not_there_is_told_with_what_fetches_it(images: Path) -> None:
    done = lora_run(
        "dataset", "caption", "images", cwd=images.parent, HF_HOME=str(images.parent / "hub"), HF_HUB_OFFLINE="1"
    )
    assert done.returncode in {2, 4}
    assert "--download" in done.stderr
    assert not (images / ".lora-journal").exists()
    assert _captions(images) == {"a": "mine"}


def test_frames_of_a_film(tmp_path: Path) -> None:
    pytest.importorskip("av")
    scenes = [draw(seed, size=(640, 480)) for seed in (1, 2, 3) for _ in range(5)]
    film(tmp_path / "film.mp4", scenes)
    done = lora_run("dataset", "frames", "film.mp4", "-o", "out", "--per-second", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    assert "too like one that was kept" in done.stdout
    again = lora_run("dataset", "frames", "film.mp4", "-o", "out", cwd=tmp_path)
    assert again.returncode == 2
    both = lora_run("dataset", "frames", "film.mp4", "-o", "o2", "--every", "2", "--per-second", "1", cwd=tmp_path)
    assert both.returncode == 2


def test_a_folder_ready_for_training(tmp_path: Path) -> None:
    old = tmp_path / "alice"
    old.mkdir()
    for seed, tags in enumerate(["close-up"] * 4 + ["full body"] * 2):
        draw_scene(seed, (300, 400)).save(old / f"{seed}.png")
        (old / f"{seed}.txt").write_text(f"zxq, {tags}, smile, wall", encoding="utf-8")
    (old / "copy.png").write_bytes((old / "0.png").read_bytes())
    how = ("--fit", "crop", "--resolution", "256", "--buckets", "1", "--balance", "--no-cache")
    done = lora_run("dataset", "prepare", "alice", "-o", "new", *how, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "full-body: 2 pictures x 2 = 4 exposures (2_alice)" in done.stdout
    assert "copy.png: left out: a copy of 0.png: the same file" in done.stdout
    assert len(list((tmp_path / "new" / "1_alice").glob("*.txt"))) == 4
    told = json.loads((tmp_path / "new" / "manifest.json").read_text())
    assert told["summary"]["left-out"] == 1
    assert {tuple(file["size"]) for one in told["pictures"] for file in one["files"]} == {(192, 320)}
