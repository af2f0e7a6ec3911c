"""`lora-run dataset check` as users type it: what it finds, what it says about each picture, what it keeps and leaves alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from orchestrator.dataset_check import look_into
from orchestrator.report.tell_dataset import shown
from tests.dataset.pixels.conftest import draw_scene
from tests.whole.test_verbs import lora_run

if TYPE_CHECKING:
    import subprocess

RECIPES = Path(__file__).parents[2] / "recipes"
SIZE = (640, 800)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve sound pictures with captions."""
    folder = tmp_path / "10_alice"
    folder.mkdir()
    for number in range(12):
        draw_scene(number, SIZE).save(folder / f"{number:02}.png")
        _caption(folder, f"{number:02}", number)
    return folder


def _caption(folder: Path, stem: str, number: int = 0) -> None:
    words = ("smile, city", "sad, beach", "running, forest", "sitting, room", "from behind, sky")
    (folder / f"{stem}.txt").write_text(f"zxqchara, 1girl, {words[number % 5]}", encoding="utf-8")


def _check(target: Path, *more: str, code: int) -> dict[str, Any]:
    done = _run(target, *more, "--format", "json")
    assert done.returncode == code, done.stdout + done.stderr
    body: dict[str, Any] = json.loads(done.stdout)
    assert body["exit_code"] == code
    return body


def _run(target: Path, *more: str) -> subprocess.CompletedProcess[str]:
    cwd = target.parent
    return lora_run("dataset", "check", target.name, *more, cwd=cwd, LORA_ORCHESTRATOR_HOME=str(cwd / "home"))


def _found(body: dict[str, Any]) -> dict[str, list[str]]:
    return {image["path"]: image["findings"] for image in body["images"] if image["findings"]}


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_sound_set_fires_nothing_above_info(pictures: Path) -> None:
    before = _digests(pictures)
    body = _check(pictures, "--kind", "character", "--trigger", "zxqchara", code=0)
    assert not {f["name"] for f in body["findings"] if f["status"] == "fired" and f["severity"] != "info"}
    assert [image["path"] for image in body["images"]] == [f"{number:02}.png" for number in range(12)]
    assert (body["groups"], body["not_looked_at"]) == ([], [])
    assert _digests(pictures) == before


def test_each_picture_is_told_what_is_wrong_with_it(pictures: Path) -> None:
    scene = draw_scene(50, SIZE)
    scene.filter(ImageFilter.GaussianBlur(6)).save(pictures / "blurred.jpg", quality=95)
    Image.eval(scene, lambda value: value // 8).save(pictures / "dark.png")
    Image.eval(scene, lambda value: min(255, value + 128)).save(pictures / "washed.png")
    scene.resize((160, 200)).save(pictures / "small.png")
    scene.resize((1600, 400)).save(pictures / "long.png")
    grey = np.asarray(scene.convert("L"), np.uint16) * 256
    Image.fromarray(grey).save(pictures / "deep.png")
    clear = scene.convert("RGBA")
    clear.putalpha(Image.new("L", SIZE, 0))
    clear.save(pictures / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    draw_scene(51, SIZE).save(pictures / "turned.jpg", exif=exif, quality=95)
    frames = [draw_scene(52, SIZE), draw_scene(53, SIZE)]
    frames[0].save(pictures / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    whole = (pictures / "turned.jpg").read_bytes()
    (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (pictures / "empty.png").touch()
    for path in [*pictures.iterdir()]:
        if not path.with_suffix(".txt").exists():
            _caption(pictures, path.stem)
    found = _found(_check(pictures, code=2))
    wanted = {
        "blurred.jpg": "blurry-image", "dark.png": "underexposed-image", "washed.png": "overexposed-image", "small.png": "image-too-small",
        "long.png": "extreme-aspect-ratio", "deep.png": "sixteen-bit-image", "alpha.png": "hidden-alpha", "turned.jpg": "exif-rotation",
        "moving.webp": "animated-image", "cut.jpg": "unreadable-image", "empty.png": "unreadable-image",
    }  # fmt: skip
    assert {path: name for path, name in wanted.items() if name not in found.get(path, [])} == {}
    assert not {f"{number:02}.png" for number in range(12)} & set(found)


def test_copies_are_groups_with_the_one_to_keep_first(pictures: Path) -> None:
    (pictures / "copy.png").write_bytes((pictures / "03.png").read_bytes())
    with Image.open(pictures / "05.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((480, 600)).save(pictures / "flip.jpg", quality=80)
    _caption(pictures, "copy", 3)
    _caption(pictures, "flip", 5)
    body = _check(pictures, code=0)
    assert body["groups"] == [
        {"kind": "exact-duplicate-images", "paths": ["03.png", "copy.png"]},
        {"kind": "near-duplicate-images", "paths": ["05.png", "flip.jpg"]},
    ]
    assert _found(body)["flip.jpg"] == ["near-duplicate-images"]


def test_a_second_look_says_the_same(pictures: Path) -> None:
    first = _check(pictures, code=0)
    assert (pictures.parent / "home" / "cache" / "pixels.sqlite3").stat().st_size > 0
    assert _check(pictures, code=0) == first
    assert _check(pictures, "--no-cache", code=0) == first


def test_folders_below_are_one_set_and_paths_are_seen_from_the_folder_asked_for(pictures: Path) -> None:
    root = pictures.parent / "all"
    root.mkdir()
    pictures.rename(root / "10_alice")
    (root / "5_more").mkdir()
    (root / "5_more" / "again.png").write_bytes((root / "10_alice" / "00.png").read_bytes())
    _caption(root / "5_more", "again")
    body = _check(root, code=0)
    assert body["groups"] == [
        {"kind": "exact-duplicate-images", "paths": ["10_alice/00.png", "5_more/again.png"]},
    ]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("projects/rec/set/a.png", "set/a.png"),
        ("projects/rec/../set/a.png", "../set/a.png"),
        ("home/someone/set/a.png", "set/a.png"),
    ],
)
def test_no_private_folder_is_told(path: str, told: str) -> None:
    root = Path("/secret/projects/rec")
    assert shown(root, Path("/secret") / path) == told
    assert shown(Path("/secret/projects/x/../rec"), Path("/secret") / path) == told
    assert shown(Path("/rec"), Path("/home/someone/set/a.png")) == "set/a.png"


def test_a_recipe_brings_kind_trigger_and_resolution(sd15_recipe: Path) -> None:
    done = _run(sd15_recipe)
    assert "image" not in done.stderr
    assert "14 pictures are too small" in done.stdout
    refused = _run(sd15_recipe, "--kind", "style")
    assert (refused.returncode, "is a recipe" in refused.stderr) == (2, True)


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    done = _run(tmp_path / "nowhere")
    assert (done.returncode, "there is no folder" in done.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    empty = _run(tmp_path / "empty", "--lang", "zh")
    assert empty.returncode == 2
    assert "图片" in empty.stdout


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(pictures: Path) -> None:
    (pictures.parent / "home").write_text("in the way", encoding="utf-8")
    body = _check(pictures, code=0)
    assert len(body["notes"]) == 1
    assert "not kept" in body["notes"][0]


def test_check_of_a_recipe_knows_what_an_earlier_look_has_seen(sd15_recipe: Path) -> None:
    folder = sd15_recipe.parent / "images"
    draw_scene(1, SIZE).filter(ImageFilter.GaussianBlur(8)).save(folder / "00.png")
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))  # not written to just now
    home = {"LORA_ORCHESTRATOR_HOME": str(sd15_recipe.parent / "home")}
    first = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent, **home)
    assert "not looked at: the pixels" in first.stdout
    assert lora_run("dataset", "check", "images", cwd=sd15_recipe.parent, **home).returncode == 0
    again = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent, **home)
    assert "1 picture is blurred: 00.png" in again.stdout
    assert "the pixels" not in again.stdout


def test_pairs_are_known_by_their_folders_and_measured(tmp_path: Path) -> None:
    for number, shift in enumerate((0, 5, 0)):
        scene = draw_scene(number, (660, 820))
        for half, at in (("source", 0), ("target", shift)):
            (tmp_path / "set" / half).mkdir(parents=True, exist_ok=True)
            shown = scene.crop((10 - at, 10, 650 - at, 810))
            shown.paste("red" if half == "target" else "green", (200, 300, 320, 420))
            shown.save(tmp_path / "set" / half / f"{number}.png")
    draw_scene(9, (640, 800)).save(tmp_path / "set" / "target" / "alone.png")
    body = _check(tmp_path / "set", code=1)
    found = _found(body)
    assert "pair-pixel-shift" in found["source/1.png"]
    assert "pair-pixel-shift" not in found.get("source/0.png", [])
    assert "pair-half-missing" in found["target/alone.png"]
    assert body["groups"] == []


def test_the_shipped_first_run_fires_nothing_above_info(tmp_path: Path) -> None:
    shutil.copytree(RECIPES / "quickstart", tmp_path / "quickstart")
    shutil.copy(RECIPES / "quickstart.yaml", tmp_path)
    body = _check(tmp_path / "quickstart.yaml", code=0)
    assert not {f["name"] for f in body["findings"] if f["status"] == "fired" and f["severity"] != "info"}


def _about(root: Path) -> dict[str, set[str]]:
    """Return the pictures that each rule names; judged in this process."""
    seen = look_into(root, keep=False)
    fired = [finding for finding in seen.verdict.findings if finding.is_fired]
    names = dict.fromkeys(finding.name for finding in fired)
    return {
        name: {path.relative_to(root).as_posix() for one in fired if one.name == name for path in one.paths}
        for name in names
    }


def test_what_the_names_of_folders_keep_apart_is_held_against_what_is_trained_on(tmp_path: Path) -> None:
    for number, folder in enumerate(("10_alice", "10_alice", "reg/1_girl", "val", "val")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        draw_scene(number, (240, 300)).save(tmp_path / folder / f"{number}.png")
        _caption(tmp_path / folder, str(number))
    shutil.copy(tmp_path / "10_alice" / "0.png", tmp_path / "val" / "again.png")
    draw_scene(1, (240, 300)).save(tmp_path / "reg" / "1_girl" / "copy.jpg", quality=80)
    found = _about(tmp_path)
    assert found["overlapping-folders"] == {"10_alice/0.png", "val/again.png", "10_alice/1.png", "reg/1_girl/copy.jpg"}
    assert "near-duplicate-images" not in found  # the regularisation picture is none of the subject
    assert found["missing-caption"] == {"val/again.png"}


def test_a_pair_that_was_never_edited_and_one_without_an_instruction_are_named(tmp_path: Path) -> None:
    for number in range(8):
        scene = draw_scene(number, (240, 300))
        for half in ("before", "after"):
            (tmp_path / half).mkdir(exist_ok=True)
            if half == "after" and number != 5:
                scene.paste("red", (60, 80, 160, 180))
            scene.save(tmp_path / half / f"{number}.jpg", quality=90 if half == "before" else 80)
        if number != 2:
            (tmp_path / "after" / f"{number}.txt").write_text("put a red square on it", encoding="utf-8")
    found = _about(tmp_path)
    assert found["edit-change-differs"] == {"before/5.jpg", "after/5.jpg"}
    assert found["edit-instruction"] == {"after/2.jpg"}
    assert "edit-pairs-few" in found
    assert "missing-caption" not in found
