"""`lora-run dataset tags` as users type it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.whole.test_verbs import lora_run

if TYPE_CHECKING:
    from pathlib import Path

TAGS = ("smile", "sad", "city", "sky", "beach")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(12):
        (folder / f"{index:02}.png").write_bytes(b"no picture")
        caption = f"1girl, zxqchara, red hair, blue eyes, {TAGS[index % 5]}"
        (folder / f"{index:02}.txt").write_text(caption, encoding="utf-8")
    return folder


def _captions(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}


def test_tags_are_listed_with_category_count_and_share(images: Path) -> None:
    done = lora_run("dataset", "tags", images, cwd=images.parent)
    assert done.returncode == 0, done.stderr
    assert any(line.split() == ["red", "hair", "hair-colour", "12", "100", "%"] for line in done.stdout.splitlines())
    told = json.loads(
        lora_run("dataset", "tags", images, "list", "--category", "eyes", "--format", "json", cwd=images.parent).stdout
    )
    assert told["tags"] == [{"tag": "blue eyes", "category": "eyes", "count": 12, "share": 1.0}]


def test_an_edit_shows_itself_first_is_applied_when_asked_to_and_taken_back(images: Path) -> None:
    before = _captions(images)
    shown = lora_run("dataset", "tags", images, "move-first", "zxqchara", cwd=images.parent)
    assert shown.returncode == 0, shown.stderr
    assert "- 1girl, zxqchara, red hair, blue eyes, smile" in shown.stdout
    assert "+ zxqchara, 1girl, red hair, blue eyes, smile" in shown.stdout
    assert "nothing was written" in shown.stdout
    assert _captions(images) == before
    assert not (images / ".lora-journal").exists()
    done = lora_run("dataset", "tags", images, "move-first", "zxqchara", "--apply", cwd=images.parent)
    assert "changed 12 captions" in done.stdout
    assert all(caption.startswith("zxqchara, 1girl") for caption in _captions(images).values())
    assert lora_run("dataset", "tags", images, "undo", cwd=images.parent).returncode == 0
    assert _captions(images) == before
    again = lora_run("dataset", "tags", images, "undo", "--lang", "zh", cwd=images.parent)
    assert again.returncode == 2
    assert "没有可撤销的编辑" in again.stderr


def test_pruning_takes_traits_of_a_character_and_keeps_what_is_asked_to_stay(images: Path) -> None:
    told = json.loads(
        lora_run(
            "dataset", "tags", images, "prune", "--kind", "character", "--keep", "blue_eyes", "--format", "json",
            cwd=images.parent,
        ).stdout
    )  # fmt: skip
    assert (told["is_applied"], told["journal"], len(told["changed"])) == (False, None, 12)
    assert told["changed"][0]["after"] == "1girl, zxqchara, blue eyes, smile"
    nothing = lora_run("dataset", "tags", images, "prune", "--kind", "style", cwd=images.parent)
    assert "no caption would change" in nothing.stdout


def test_captions_that_had_to_be_left_alone_are_told_and_the_code_says_so(images: Path) -> None:
    (images / "00.txt").write_bytes("红发, smile".encode("gbk"))
    done = lora_run("dataset", "tags", images, "remove", "red hair", "--apply", "--lang", "zh", cwd=images.parent)
    assert done.returncode == 1
    assert "未改动：00.txt：不是 UTF-8" in done.stdout
    assert "已改动 11 个标注" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder `nowhere`"),
        (["images", "list", "--category", "hair"], "one of: count, hair-colour"),
        (["images", "add", "a, b"], "is not one tag"),
        (["images", "add", "night", "--only", "zz*"], "no picture in `images` is named like `zz*`"),
        (["images", "prune"], "`--kind` is missing"),
    ],
)
def test_mistakes_are_told(images: Path, arguments: list[str], said: str) -> None:
    done = lora_run("dataset", "tags", *arguments, cwd=images.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_diff_is_cut_for_people_and_whole_for_programs(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(25):
        (folder / f"{index:02}.png").write_bytes(b"no picture")
        (folder / f"{index:02}.txt").write_text("zxq, hat, sky", encoding="utf-8")
    done = lora_run("dataset", "tags", folder, "remove", "hat", cwd=tmp_path)
    assert "... and 5 more" in done.stdout
    told = json.loads(lora_run("dataset", "tags", folder, "remove", "hat", "--format", "json", cwd=tmp_path).stdout)
    assert len(told["changed"]) == 25
