"""Pictures brought to few shapes, and pairs cut into tiles: what is written, and what is refused by name."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from orchestrator.core.errors import InputError
from orchestrator.dataset.looked import look_and_keep
from orchestrator.dataset.pixels.model import Face
from orchestrator.dataset.prepare import plan
from orchestrator.dataset.prepare.tiles import is_changed
from orchestrator.plan.steps import BucketRules, bucket_chooser, bucket_resolutions
from tests.dataset.pixels.conftest import draw_scene
from tests.dataset.prepare.conftest import Set, codes, picture

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Dataset

RULES = BucketRules((256, 256), enable_bucket=True, min_bucket_reso=128, max_bucket_reso=512, bucket_reso_steps=16)
SHAPES: dict[str, Any] = {"shapes": bucket_resolutions(RULES)}


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.width, image.height


def test_cut_to_few_shapes_as_the_trainer_sorts_them(pictures: Set) -> None:
    sizes = [(300, 400), (310, 400), (330, 400), (500, 320), (480, 330), (400, 400), (150, 200)]
    for number, size in enumerate(sizes):
        pictures.draw(f"{number}.png", number, size=size)
    told = pictures.prepare(fit="crop", buckets=2, least_in_bucket=1, how=SHAPES)
    choose = bucket_chooser(RULES)
    of_trainer = {choose(_size(path)) for path in pictures.new.glob("*.png")}
    assert of_trainer == {tuple(one["size"]) for one in told["buckets"]}
    assert len(of_trainer) == 2
    assert sum(one["pictures"] for one in told["buckets"]) == len(sizes)
    for number, (width, height) in enumerate(sizes):
        new = _size(pictures.new / f"{number}.png")
        assert new[0] <= width
        assert new[1] <= height
    assert "not-enlarged" in codes(told, "6.png")
    assert codes(told, "5.png")[0] == "cropped"


def test_what_has_the_shape_is_copied(pictures: Set) -> None:
    pictures.draw("a.png", 1, size=(512, 512))
    told = pictures.prepare(fit="crop", buckets=1, how=SHAPES)
    assert (picture(told, "a.png")["decision"], told["lost_share"]) == ("copied", 0)


def see_face(monkeypatch: pytest.MonkeyPatch, path: Path, *, is_kept: bool = False) -> None:
    """Let a face be seen near the top of one picture, where faces are looked for, or were before (`is_kept`)."""

    def look(dataset: Dataset, **how: Any) -> tuple[Dataset, Text | None]:
        seen, trouble = look_and_keep(dataset, **how)
        assert seen.looked is not None
        boxes = (Face(0.3, 0.02, 0.6, 0.1),) if how["with_faces"] or is_kept else None
        facts = {one: replace(known, faces=boxes if one == path else ()) for one, known in seen.looked.facts.items()}
        return replace(seen, looked=replace(seen.looked, facts=facts)), trouble

    monkeypatch.setattr(plan, "look_and_keep", look)


def test_faces_stay_inside(pictures: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pictures.draw("a.png", 1, size=(256, 1024))
    pictures.draw("b.png", 2, size=(512, 512))
    pictures.draw("c.png", 3, size=(512, 512))
    see_face(monkeypatch, path)
    told = pictures.prepare(fit="crop", kind="person", buckets=1, how=SHAPES)
    (file,) = picture(told, "a.png")["files"]
    assert file["region"][1] <= 0.02 * 1024
    assert "much-cut" in codes(told, "a.png")


@pytest.mark.parametrize("kind", [None, "character"])
def test_faces_of_other_kinds_are_not_asked_for_even_where_they_are_known(
    pictures: Set, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    see_face(monkeypatch, pictures.draw("a.png", 1, size=(256, 1024)), is_kept=True)
    for seed, name in enumerate("bc", 2):
        pictures.draw(f"{name}.png", seed, size=(512, 512))
    told = pictures.prepare(fit="crop", kind=kind, buckets=1, how=SHAPES)
    assert "in the middle" in picture(told, "a.png")["why"][0]["text"]


def test_padding_keeps_the_whole_picture(pictures: Set) -> None:
    Image.fromarray(np.full((200, 100, 3), (10, 200, 30), np.uint8)).save(pictures.old / "a.png")
    pictures.draw("b.png", 2, size=(512, 512))
    pictures.draw("c.png", 3, size=(640, 640))
    told = pictures.prepare(fit="pad", buckets=1, how=SHAPES)
    assert codes(told, "a.png") == ["padded", "not-enlarged"]
    with Image.open(pictures.new / "a.png") as image:
        assert image.size == (200, 200)
        assert (np.asarray(image) == (10, 200, 30)).all()
    assert _white_corner(pictures) == (255, 255, 255)


def _white_corner(pictures: Set) -> object:
    pictures.new = pictures.new.with_name("white")
    pictures.prepare(fit="pad", buckets=1, pad_colour="white", how=SHAPES)
    with Image.open(pictures.new / "a.png") as image:
        return image.getpixel((0, 0))


def test_pairs_are_cut_into_tiles_at_the_same_places(pictures: Set) -> None:
    before = np.random.default_rng(1).integers(0, 256, (300, 500, 3), np.uint8)
    after = 255 - before
    for half, pixels in (("before", before), ("after", after)):
        (pictures.old / half).mkdir()
        Image.fromarray(pixels).save(pictures.old / half / "1.png")
        (pictures.old / half / "1.txt").write_text("invert it", encoding="utf-8")
    told = pictures.prepare(tiles=200)
    assert [name for name in pictures.files if name.startswith("after")] == [
        f"after/1-{number}.{kind}" for number in range(1, 7) for kind in ("png", "txt")
    ]
    for number in range(1, 7):
        with (
            Image.open(pictures.new / f"before/1-{number}.png") as one,
            Image.open(pictures.new / f"after/1-{number}.png") as two,
        ):
            assert one.size == (200, 200)
            assert (np.asarray(one) == 255 - np.asarray(two)).all()
    regions = [file["region"] for file in picture(told, "before/1.png")["files"]]
    assert regions[:3] == [[0, 0, 200, 200], [150, 0, 350, 200], [300, 0, 500, 200]]


@pytest.mark.parametrize("options", [{"tiles": 128}, {"fit": "crop"}])
def test_halves_of_two_sizes_are_refused_by_name(pictures: Set, options: dict[str, Any]) -> None:
    pictures.draw("1_before.png", 1, size=(300, 300))
    pictures.draw("1_after.png", 2, size=(300, 320))
    with pytest.raises(InputError, match=r"1_before.png, .*1_after.png: 300x300, 300x320"):
        pictures.prepare(**options, how=SHAPES)
    assert not pictures.new.exists()


def test_both_halves_are_cut_around_the_faces_of_either(pictures: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pictures.draw("1_before.png", 1, size=(256, 1024))
    pictures.draw("1_after.png", 2, size=(256, 1024))
    for seed, name in enumerate(("2_before", "2_after", "single"), 3):
        pictures.draw(f"{name}.png", seed, size=(512, 512))
    see_face(monkeypatch, before)
    told = pictures.prepare(fit="crop", kind="person", buckets=1, how=SHAPES)
    one, two = (picture(told, f"1_{half}.png")["files"][0]["region"] for half in ("before", "after"))
    assert one == two
    assert one[1] <= 0.02 * 1024


def test_tiles_are_for_pairs(pictures: Set) -> None:
    pictures.draw("a.png", 1)
    with pytest.raises(InputError, match="none was found"):
        pictures.prepare(tiles=128)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.mark.parametrize("seed", range(4))
def test_compression_is_no_change_and_a_small_edit_is(seed: int) -> None:
    scene = draw_scene(seed, (256, 256))
    scene.paste((200, 60, 60), (100, 100, 124, 124))
    assert not is_changed(scene, _jpeg(scene, 80))
    # Lighter; and of another colour that is as light.
    for colour in ((220, 80, 80), (60, 131, 60)):
        edited = scene.copy()
        edited.paste(colour, (100, 100, 124, 124))
        assert is_changed(scene, _jpeg(edited, 80))


def test_tiles_without_a_change_are_left_out(pictures: Set) -> None:
    for number, name in enumerate(("edit", "same")):
        before = draw_scene(number, (400, 200), grain=0)
        after = before.copy()
        if name == "edit":
            after.paste((255, 0, 255), (320, 80, 380, 140))
        before.save(pictures.old / f"{name}_before.png")
        after.save(pictures.old / f"{name}_after.png")
    told = pictures.prepare(tiles=200)
    (file,) = picture(told, "edit_after.png")["files"]
    assert (file["path"], file["region"]) == ("edit_after.png", [200, 0, 400, 200])
    assert "the others show no change" in picture(told, "edit_before.png")["why"][0]["text"]
    # Where nothing changes at all that may be meant.
    assert codes(told, "same_before.png") == ["tiles", "no-change"]
    assert len(picture(told, "same_before.png")["files"]) == 2


@pytest.mark.parametrize(("right", "down"), [(5, 0), (-3, 2)])
def test_a_shift_is_told_and_is_no_change(pictures: Set, right: int, down: int) -> None:
    whole = draw_scene(1, (440, 240), grain=0)
    before = whole.crop((20, 20, 420, 220))
    before.save(pictures.old / "a_before.png")
    after = whole.crop((20 - right, 20 - down, 420 - right, 220 - down))
    after.paste((255, 0, 255), (320, 80, 380, 140))
    after.save(pictures.old / "a_after.png")
    told = pictures.prepare(tiles=200)
    for half in ("a_before.png", "a_after.png"):
        assert codes(told, half) == ["halves-apart", "tiles"]
        assert [file["region"] for file in picture(told, half)["files"]] == [[200, 0, 400, 200]]
