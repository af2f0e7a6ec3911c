"""The whole of `prepare` on drawn folders: what is copied, what is left out, where captions go, what the manifest says."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.prepare import write as write_module
from tests.dataset.pixels.conftest import draw_scene
from tests.dataset.prepare.conftest import Set, codes, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.dataset.prepare.model import Prepared

    Snapshot = Callable[[Path], dict[str, bytes]]


def test_copies_go_and_their_caption_stays_where_the_kept_one_has_none(pictures: Set, snapshot: Snapshot) -> None:
    pictures.draw("best.png", 1, size=(480, 600))
    draw_scene(1, (480, 600)).resize((360, 450)).save(pictures.old / "small.png")
    (pictures.old / "small.txt").write_text("zxq, smile", encoding="utf-8")
    pictures.draw("other.png", 2, "zxq, other")
    (pictures.old / "twice.png").write_bytes((pictures.old / "other.png").read_bytes())
    (pictures.old / "twice.txt").write_text("zxq, twice", encoding="utf-8")
    before = snapshot(pictures.old)
    told = pictures.prepare()
    assert snapshot(pictures.old) == before
    assert pictures.files == ["best.png", "best.txt", "other.png", "other.txt"]
    assert (pictures.new / "best.png").read_bytes() == before["best.png"]
    assert (pictures.new / "best.txt").read_text(encoding="utf-8") == "zxq, smile"
    assert (pictures.new / "other.txt").read_text(encoding="utf-8") == "zxq, other"
    assert codes(told, "small.png") == ["copy"]
    assert picture(told, "small.png")["copy_of"] == "best.png"
    assert codes(told, "best.png") == ["caption-of-copy"]
    # The caption of a copy that is not needed is told all the same.
    assert picture(told, "twice.png")["caption"]["text"] == "zxq, twice"
    assert told["summary"] == {"copied": 2, "rewritten": 0, "left-out": 2}


def test_the_manifest_names_every_file_by_its_content(pictures: Set) -> None:
    pictures.draw("a.png", 1, "zxq")
    pictures.draw("b.jpg", 2)
    Image.open(pictures.old / "b.jpg").convert("CMYK").save(pictures.old / "b.jpg")
    told = pictures.prepare()
    assert (told["record"], told["version"]) == ("prepared-dataset", 1)
    for one in told["pictures"]:
        assert one["sha256"] == hashlib.sha256((pictures.old / one["source"]).read_bytes()).hexdigest()
        for file in one["files"]:
            assert file["sha256"] == hashlib.sha256((pictures.new / file["path"]).read_bytes()).hexdigest()
            with Image.open(pictures.new / file["path"]) as written:
                assert list(written.size) == file["size"]


def test_copies_stay_where_they_are_wanted(pictures: Set) -> None:
    pictures.draw("a.png", 1)
    (pictures.old / "b.png").write_bytes((pictures.old / "a.png").read_bytes())
    assert pictures.prepare(keep_copies=True)["summary"]["copied"] == 2


@pytest.mark.parametrize(("tags", "goes"), [("zxq, shoes, foot focus", False), ("zxq, smile", True)])
def test_a_crop_that_alone_shows_a_kind_of_shot_stays(pictures: Set, tags: str, *, goes: bool) -> None:
    whole = draw_scene(1, (480, 600))
    whole.save(pictures.old / "whole.png")
    (pictures.old / "whole.txt").write_text("zxq, smile, full body", encoding="utf-8")
    whole.crop((40, 60, 440, 560)).save(pictures.old / "crop.png")
    (pictures.old / "crop.txt").write_text(tags, encoding="utf-8")
    told = pictures.prepare()
    assert codes(told, "crop.png") == (["copy"] if goes else ["rare-shot"])


def test_of_two_concepts_each_keeps_its_own(pictures: Set) -> None:
    pictures.draw("10_ann/a.png", 1)
    pictures.draw("5_bob/a.png", 1)
    told = pictures.prepare()
    assert pictures.files == ["10_ann/a.png", "5_bob/a.png"]
    assert any("two concepts" in note for note in told["notes"])


def test_what_the_trainer_cannot_use_is_left_out_by_name(pictures: Set) -> None:
    pictures.draw("good.png", 1, "zxq")
    (pictures.old / "empty.png").write_bytes(b"")
    (pictures.old / "page.png").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    pictures.draw("cut.jpg", 2)
    raw = (pictures.old / "cut.jpg").read_bytes()
    (pictures.old / "cut.jpg").write_bytes(raw[: len(raw) // 2])
    (pictures.old / "away.png").symlink_to(pictures.old / "nowhere.png")
    (pictures.old / "a.gif").write_bytes(b"GIF89a" + bytes(20))
    told = pictures.prepare()
    assert pictures.files == ["good.png", "good.txt"]
    why = {one["source"]: [reason["code"] for reason in one["why"]] for one in told["pictures"]}
    assert why == {
        "good.png": [], "empty.png": ["empty-file"], "page.png": ["not-a-picture"], "cut.jpg": ["truncated-file"],
        "away.png": ["broken-link"],
    }  # fmt: skip
    assert told["not_taken"] == ["a.gif"]


def test_what_a_link_leads_to_is_written_not_the_link(pictures: Set, tmp_path: Path) -> None:
    draw_scene(3).save(tmp_path / "elsewhere.png")
    (pictures.old / "link.png").symlink_to(tmp_path / "elsewhere.png")
    pictures.prepare()
    written = pictures.new / "link.png"
    assert not written.is_symlink()
    assert written.read_bytes() == (tmp_path / "elsewhere.png").read_bytes()


def test_captions_that_the_trainer_dies_of_stay_behind(pictures: Set) -> None:
    pictures.draw("bom.png", 1, b"\xef\xbb\xbfzxq, smile\n")
    pictures.draw("empty.png", 2, b"")
    pictures.draw("gbk.png", 3, "zxq, 红色的墙".encode("gbk"))
    told = pictures.prepare()
    assert (pictures.new / "bom.txt").read_bytes() == b"zxq, smile\n"
    assert pictures.files == ["bom.png", "bom.txt", "empty.png", "gbk.png"]
    assert codes(told, "empty.png") == ["empty-caption"]
    assert codes(told, "gbk.png") == ["caption-not-utf8"]
    assert codes(told, "bom.png") == ["caption-bom"]


def test_pictures_that_shared_a_caption_get_one_each(pictures: Set) -> None:
    pictures.draw("a.png", 1, "zxq")
    pictures.draw("a.jpg", 2)
    Image.open(pictures.old / "a.jpg").convert("CMYK").save(pictures.old / "a.jpg")
    pictures.draw("a-2.png", 3, "zxq, two")
    told = pictures.prepare()
    assert pictures.files == ["a-2.png", "a-2.txt", "a-3.png", "a-3.txt", "a.png", "a.txt"]
    assert (pictures.new / "a-3.txt").read_text() == "zxq"
    assert [one["source"] for one in told["pictures"] if "renamed" in codes(told, one["source"])] == ["a.png"]


def test_names_that_differ_by_case_alone_do_not_meet_on_another_disk(pictures: Set) -> None:
    pictures.draw("A.png", 1)
    pictures.draw("a.png", 2)
    pictures.prepare()
    assert pictures.files == ["A.png", "a-2.png"]


def test_long_and_foreign_names_stay_as_they_are(pictures: Set) -> None:
    long = "初音" * 41 + ".png"
    pictures.draw(long, 1, "zxq")
    assert len(long.encode()) == 250
    pictures.prepare()
    assert pictures.files == sorted([long, long.replace(".png", ".txt")])


def test_a_name_that_is_no_utf8_stays_too(pictures: Set) -> None:
    pictures.draw("a.png", 1, "zxq").rename(pictures.old / os.fsdecode(b"\xff.png"))
    (pictures.old / "a.txt").rename(pictures.old / os.fsdecode(b"\xff.txt"))
    told = pictures.prepare()
    assert [os.fsencode(name) for name in pictures.files] == [b"\xff.png", b"\xff.txt"]
    assert os.fsencode(told["pictures"][0]["source"]) == b"\xff.png"


def test_a_name_without_room_for_the_number_of_a_tile_is_cut_and_told(pictures: Set) -> None:
    for seed, half in enumerate(("before", "after")):
        (pictures.old / half).mkdir()
        pictures.draw(f"{half}/{'x' * 250}.png", seed, "zxq", size=(400, 200))
    told = pictures.prepare(tiles=200)
    assert pictures.files[:2] == [f"after/{'x' * 249}-1.png", f"after/{'x' * 249}-1.txt"]
    assert codes(told, f"after/{'x' * 250}.png") == ["tiles", "renamed"]


def test_a_dry_run_tells_the_same_and_writes_nothing(pictures: Set) -> None:
    pictures.draw("a.png", 1, "zxq")
    (pictures.old / "b.png").write_bytes((pictures.old / "a.png").read_bytes())
    told = pictures.prepare(dry_run=True)
    assert sorted(path.name for path in pictures.old.parent.iterdir()) == ["old"]
    written = pictures.prepare()
    for one in written["pictures"]:
        for file in one["files"]:
            file["sha256"] = None
    assert {key: written[key] for key in told} == told


def test_a_folder_that_holds_something_is_never_written_to(pictures: Set) -> None:
    pictures.draw("a.png", 1)
    pictures.new.mkdir()
    (pictures.new / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        pictures.prepare()
    assert pictures.files == ["mine.txt"]


def test_the_folder_of_the_originals_is_never_written_into(pictures: Set) -> None:
    pictures.draw("a.png", 1)
    pictures.new = pictures.old / "inside"
    with pytest.raises(InputError, match="lies in"):
        pictures.prepare()
    assert not pictures.new.exists()


def test_a_folder_without_pictures_is_refused(pictures: Set) -> None:
    with pytest.raises(InputError, match="no pictures"):
        pictures.prepare()


def test_the_disk_is_asked_first(pictures: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures.draw("a.png", 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1000}))
    with pytest.raises(EnvironmentFault, match="are free there"):
        pictures.prepare()
    assert sorted(path.name for path in pictures.old.parent.iterdir()) == ["old"]


def test_a_picture_that_changes_meanwhile_stops_it_and_nothing_is_left(
    pictures: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.draw("a.png", 1)
    changed = pictures.draw("b.png", 2)
    check = write_module._check_disk

    def change_first(prepared: Prepared) -> None:
        draw_scene(5).save(changed)
        check(prepared)

    monkeypatch.setattr(write_module, "_check_disk", change_first)
    with pytest.raises(InputError, match=r"b\.png was changed"):
        pictures.prepare()
    assert sorted(path.name for path in pictures.old.parent.iterdir()) == ["old"]


def test_equal_edit_pairs_go_together_and_near_ones_stay(pictures: Set) -> None:
    for name, before, after in (("1", 1, 11), ("2", 1, 11), ("3", 1, 13), ("4", 4, 14)):
        pictures.draw(f"{name}_before.png", before)
        pictures.draw(f"{name}_after.png", after, "make it new")
    (pictures.old / "4_after.png").unlink()
    (pictures.old / "4_after.txt").unlink()
    told = pictures.prepare()
    assert [name for name in pictures.files if name.endswith(".png")] == [
        "1_after.png", "1_before.png", "3_after.png", "3_before.png",
    ]  # fmt: skip
    assert codes(told, "4_before.png") == ["no-other-half"]
    assert picture(told, "2_after.png")["copy_of"] == "1_after.png"


def test_a_picture_that_is_like_a_copy_alone_stays(pictures: Set) -> None:
    whole = draw_scene(1, (900, 900))
    for name, share in (("whole", 1.0), ("part", 0.85), ("detail", 0.7)):
        side = int(900 * share)
        corner = (900 - side) // 2
        whole.crop((corner, corner, corner + side, corner + side)).save(pictures.old / f"{name}.png")
    told = pictures.prepare()
    assert codes(told, "part.png") == ["copy"]
    assert codes(told, "detail.png") == ["like-a-copy"]
    assert pictures.files == ["detail.png", "whole.png"]
