"""What a new recipe changes because the new pictures do not fit the old one, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.plan.reuse import new_recipe
from orchestrator.recipe.load import load_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.plan.reuse import NewRecipe

OLD = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: al1ce, class_tokens: girl}
base_model: {family: FAMILY, pretrained_model_name_or_path: base.safetensors}
concepts:
  - image_dir: alice
dataset:
  resolution: SIDE     # as the old pictures were
  enable_bucket: BUCKET   # her pictures are all portraits
"""


@pytest.fixture
def make(tmp_path: Path, pictures: Callable[..., Path]) -> Callable[..., NewRecipe]:
    """Make the recipe of new pictures, {size: how many}, from one of that resolution."""

    def new(
        sizes: dict[tuple[int, int], int], side: str = "768", bucket: str = "true", family: str = "sd15"
    ) -> NewRecipe:
        pictures("alice", 20, (1024, 1024))
        text = OLD.replace("SIDE", side).replace("BUCKET", bucket).replace("FAMILY", family)
        (tmp_path / "alice.yaml").write_text(text, encoding="utf-8")
        for size, count in sizes.items():
            folder = pictures("bob", count, size)
        return new_recipe("bob", tmp_path / "alice.yaml", folder, "b0b", tmp_path)

    return new


def _told(made: NewRecipe, key: str) -> list[str]:
    return [note.en for note in made.notes if key in note.en]


def test_a_resolution_that_the_pictures_do_not_fill_is_lowered_to_what_they_fill(
    make: Callable[..., NewRecipe],
) -> None:
    made = make({(600, 680): 12, (1024, 1024): 3})
    assert "  resolution: 576     # as the old pictures were\n" in made.text
    (told,) = _told(made, "dataset.resolution")
    # sqrt(600 x 680) = 639; 768 / 639 = 1.20; 9 x 64 = 576
    assert "`dataset.resolution` 768 -> 576" in told
    assert "about 639 x 639 pixels" in told
    assert "enlarged 1.20 times" in told
    assert "enlarged" not in "".join(note.en for note in made.notes).replace(told, "")


def test_never_below_what_the_base_was_made_for(make: Callable[..., NewRecipe]) -> None:
    made = make({(300, 320): 12})
    assert "  resolution: 512 " in made.text
    assert "sd15 was made for 512" in _told(made, "768 -> 512")[0]
    assert _told(made, "enlarged 1.65 times (512 / 310, median)")


def test_the_native_resolution_stays_and_what_is_small_is_told(make: Callable[..., NewRecipe], tmp_path: Path) -> None:
    made = make({(600, 680): 12}, side="1024", family="sdxl")
    assert load_recipe(tmp_path / "bob.yaml", text=made.text).recipe.dataset.resolution == 1024
    assert _told(made, "enlarged 1.60 times (1024 / 639, median)")


@pytest.mark.parametrize("side", ["768", "[768, 768]", "640"])
def test_what_fits_is_left_alone(side: str, make: Callable[..., NewRecipe]) -> None:
    made = make({(768, 1152): 12, (480, 640): 5}, side=side)
    assert f"  resolution: {side}     # as the old pictures were\n" in made.text
    assert not _told(made, "dataset.resolution")
    assert "enable_bucket: true   # her" in made.text


def test_an_oblong_resolution_is_left_to_its_owner(make: Callable[..., NewRecipe]) -> None:
    made = make({(300, 320): 12}, side="[640, 960]")
    assert "resolution: [640, 960] " in made.text
    assert _told(made, "enlarged 2.53 times (784 / 310, median)")


def test_shapes_that_one_crop_would_hurt_turn_buckets_on(make: Callable[..., NewRecipe]) -> None:
    made = make({(1024, 1024): 12, (768, 1152): 4}, bucket="false")
    assert "  enable_bucket: true   # her pictures are all portraits\n" in made.text
    (told,) = _told(made, "dataset.enable_bucket")
    assert "cropped to 768x768, 4 of 16 new pictures would lose more than 20% of themselves, half of these 33%" in told


def test_one_odd_shape_among_many_leaves_them_off(make: Callable[..., NewRecipe]) -> None:
    made = make({(1024, 1000): 19, (768, 1152): 1}, bucket="false")
    assert "enable_bucket: false   # her" in made.text
    assert not _told(made, "enable_bucket")


def test_an_inherited_value_is_overlaid_in_the_new_file(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    pictures("alice", 20)
    (tmp_path / "parent.yaml").write_text(
        OLD.replace("SIDE", "768").replace("BUCKET", "false").replace("FAMILY", "sd15")
    )
    (tmp_path / "alice.yaml").write_text("extends: parent.yaml\nname: alice\nconcepts:\n  - image_dir: alice\n")
    folder = pictures("bob", 14, (400, 700))
    made = new_recipe("bob", tmp_path / "alice.yaml", folder, "b0b", tmp_path)
    recipe = load_recipe(tmp_path / "bob.yaml", text=made.text).recipe
    assert (recipe.dataset.resolution, recipe.dataset.enable_bucket) == (512, True)
    assert made.text.startswith("extends: parent.yaml\nname: bob\n")


def test_what_buckets_would_save_is_told_of_the_lowered_size(make: Callable[..., NewRecipe]) -> None:
    made = make({(400, 800): 16}, bucket="false")
    assert _told(made, "`dataset.resolution` 768 -> 512")
    (told,) = _told(made, "dataset.enable_bucket")
    assert "cropped to 512x512" in told
