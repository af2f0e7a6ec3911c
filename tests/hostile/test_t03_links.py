"""Links in a data set: a text of the user's that is no caption is never read; folders made of links on purpose still train."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.dataset.scan import scan_folder
from orchestrator.run.installed.trusted import trust
from orchestrator.run.records.create import write_build_to
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

PRIVATE = "canary-text-of-the-user"
CAPTIONS = (
    "absolute",
    "relative",
    "chain",
    "through a linked folder",
    "proc",
    "dotfile",
    "other extension",
    "a folder up",
    "to a run of ours",
)
STORES = ("hugging face", "hugging face, large", "git-annex", "dvc")
PICTURES = ("to itself", "in a circle", "to nothing", "to a text", "to a folder", "to a device")
RELIABILITY = {
    "T03": f"{len(CAPTIONS)} shapes of a caption link that leads out, {len(PICTURES)} of a picture link that is none; 3 folders made of links and {len(STORES)} stores by content pass"
}


def caption_target(shape: str, outside: Path) -> str:
    """Where the caption `0.txt` leads."""
    secret = outside / "secret.txt"
    secret.write_text(PRIVATE)
    (outside / ".netrc").write_text(PRIVATE)
    (outside / "notes.md").write_text(PRIVATE)
    if shape == "chain":
        (outside / "first.txt").symlink_to(secret)
        (outside / "second.txt").symlink_to(outside / "first.txt")
        return str(outside / "second.txt")
    if shape == "through a linked folder":
        (outside.parent / "images" / "sub").symlink_to(outside, target_is_directory=True)
        return "sub/secret.txt"
    return {
        "relative": "../outside/secret.txt",
        "proc": "/proc/self/environ",
        "dotfile": str(outside / ".netrc"),
        "other extension": str(outside / "notes.md"),
        "a folder up": "../alice.yaml",
        "to a run of ours": str(outside / "runs" / "alice-001" / "data" / "1_x" / "0.txt"),
    }.get(shape, str(secret))


@pytest.mark.parametrize("shape", CAPTIONS)
def test_a_caption_that_leads_out_is_refused_and_not_read(
    recipe: Write, images: Path, tmp_path: Path, shape: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    path = recipe()
    target = caption_target(shape, outside)
    if shape == "to a run of ours":
        (outside / "runs" / "alice-001" / "data" / "1_x").mkdir(parents=True)
        (outside / "runs" / "alice-001" / "data" / "1_x" / "0.txt").symlink_to(outside / "secret.txt")
    (images / "0.txt").unlink()
    (images / "0.txt").symlink_to(target)
    if shape == "through a linked folder":
        assert os.path.realpath(images / "0.txt") == str(outside / "secret.txt")
    build, problems = look(path)
    assert build is None
    (problem,) = problems
    assert problem.code == "broken-caption"
    assert f"{images / '0.txt'} -> {os.path.realpath(images / '0.txt')}" in problem.what.en
    assert PRIVATE not in str(problems)
    assert scan_folder(images).pictures[0].caption is None


@pytest.mark.parametrize("shape", PICTURES)
def test_a_picture_link_to_no_picture_is_refused(recipe: Write, images: Path, tmp_path: Path, shape: str) -> None:
    path = recipe()
    (tmp_path / "secret").write_text(PRIVATE * 10)
    link = images / "0.png"
    link.unlink()
    link.symlink_to(
        {
            "to itself": "0.png",
            "in a circle": "circle",
            "to nothing": "nowhere.png",
            "to a text": str(tmp_path / "secret"),
            "to a folder": str(tmp_path),
            "to a device": "/dev/zero",
        }[shape]
    )
    (images / "circle").symlink_to("0.png")
    build, problems = look(path)
    assert build is None
    assert [problem.code for problem in problems] == ["broken-picture"]
    assert str(link) in problems[0].what.en


def test_folders_made_of_links_train_as_what_they_lead_to(recipe: Write, images: Path, tmp_path: Path) -> None:
    build, _ = look(recipe())
    assert build is not None
    write_build_to(tmp_path / "compiled", build)  # a run's own folder: links to pictures and captions
    (trained,) = (tmp_path / "compiled" / "data").iterdir()
    farm = tmp_path / "farm"
    farm.mkdir()
    for file in images.iterdir():
        (farm / file.name).symlink_to(file)
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for file in farm.iterdir():
        (chosen / f"x{file.name}").symlink_to(file)
    wanted = [picture.caption for picture in scan_folder(images).pictures]
    for folder in (trained, farm, chosen):
        found, problems = look(recipe(concepts=[{"image_dir": str(folder)}]))
        assert problems == ()
        assert found is not None
        assert [picture.caption for picture in scan_folder(folder).pictures] == wanted


def named_by_content(store: str, text: str, folder: Path) -> Path:
    data = text.encode()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324
    md5, sha256 = hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()  # noqa: S324
    key = f"SHA256E-s{len(data)}--{sha256}.txt"
    place = {
        "hugging face": folder / "blobs" / git,
        "hugging face, large": folder / "blobs" / sha256,
        "git-annex": folder / ".git" / "annex" / "objects" / "x1" / "9Z" / key / key,
        "dvc": folder / "files" / "md5" / md5[:2] / md5[2:],
    }[store]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_names_files_by_their_content_is_a_data_set(
    recipe: Write, images: Path, tmp_path: Path, store: str
) -> None:
    caption = images / "0.txt"
    caption.unlink()
    place = named_by_content(store, "zxq, man, of a store", tmp_path / "store")
    caption.symlink_to(place)
    assert look(recipe())[1] == ()
    assert scan_folder(images).pictures[0].caption == "zxq, man, of a store"
    place.write_text(PRIVATE)  # the name alone says nothing
    assert [problem.code for problem in look(recipe())[1]] == ["broken-caption"]


def test_captions_of_a_trusted_recipe_may_be_links_to_a_second_folder(
    recipe: Write, images: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    for caption in images.glob("*.txt"):
        caption.rename(second / caption.name)
        caption.symlink_to(second / caption.name)
    path = recipe()
    problems = look(path)[1]
    assert {problem.code for problem in problems} == {"broken-caption"}
    assert problems[0].fix is not None
    assert "lora-run trust RECIPE" in problems[0].fix.en
    trust(path)
    build, problems = look(path)
    assert problems == ()
    assert build is not None
    path.write_text(path.read_text() + "# another\n")  # a comment changes nothing of what it says
    assert look(path)[1] == ()
    path.write_text(path.read_text().replace("300", "301"))
    assert look(path)[0] is None


def test_a_link_within_the_folder_is_a_caption(recipe: Write, images: Path) -> None:
    (images / "shared").mkdir()
    (images / "0.txt").rename(images / "shared" / "words")
    (images / "0.txt").symlink_to("shared/words")
    assert look(recipe())[1] == ()
    assert scan_folder(images).pictures[0].caption == "zxq, man, view 0"


def test_what_is_linked_is_not_in_the_files_of_a_run(recipe: Write, images: Path, tmp_path: Path) -> None:
    """The picture may lie elsewhere; a text that is not its caption is in nothing that is compiled."""
    (tmp_path / "secret.txt").write_text(PRIVATE)
    (images / "unused.md").symlink_to(tmp_path / "secret.txt")
    build, _ = look(recipe())
    assert build is not None
    assert PRIVATE not in str(build)
    assert not any("unused" in link.path for link in build.links)
