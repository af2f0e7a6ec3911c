"""The shipped recipes: complete apart from what is the user's, with their sources told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from orchestrator.core.errors import InputError
from orchestrator.core.source import read_document
from orchestrator.recipe.load import LoadedRecipe, load_recipe, shipped_recipes
from orchestrator.recipe.schema import HEADER

if TYPE_CHECKING:
    from pathlib import Path

PRESETS = [
    "sd15-character", "sd15-style", "sdxl-character", "sdxl-style", "sdxl-person", "flux-character", "flux-style", "sd35-character",
]  # fmt: skip
USERS_OWN = """\
name: alice
subject: {trigger: alicechr}
base_model: {pretrained_model_name_or_path: m.safetensors, clip_l: l, clip_g: g, t5xxl: t, ae: a}
concepts: [{image_dir: pictures}]
"""
# Published range of lr * sqrt(alpha / rank) of each family.
LR_RANGE = {"sd15": (7e-5, 3.5e-4), "sdxl": (2e-5, 3e-4), "flux": (2.5e-5, 4e-4), "sd3": (2.5e-5, 1.5e-4)}


def extended(name: str, tmp_path: Path) -> LoadedRecipe:
    path = tmp_path / "r.yaml"
    path.write_text(f"extends: {name}\n{USERS_OWN}", encoding="utf-8")
    return load_recipe(path)


def test_all_of_them_are_there() -> None:
    assert set(shipped_recipes()) == {*PRESETS, "quickstart"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_lacks_only_what_is_the_users(name: str, tmp_path: Path) -> None:
    recipe = extended(name, tmp_path).recipe
    assert recipe.subject.kind == name.split("-")[1]
    train, network = recipe.train, recipe.network
    decided: list[Any] = [
        recipe.dataset.resolution, recipe.dataset.enable_bucket, network.network_dim, network.network_alpha, train.target_steps,
        train.exposures_per_image, train.train_batch_size, train.unet_lr, train.text_encoder_lr, train.optimizer_type,
        train.lr_scheduler, train.lr_warmup_steps, train.mixed_precision, train.cache_latents,
    ]  # fmt: skip
    assert None not in decided
    with pytest.raises(InputError) as caught:
        load_recipe(shipped_recipes()[name])
    assert sorted(p.what.en for p in caught.value.problems) == ["`concepts` is missing", "`name` is missing"]


@pytest.mark.parametrize("name", PRESETS)
def test_the_learning_rate_lies_in_the_published_range(name: str, tmp_path: Path) -> None:
    recipe = extended(name, tmp_path).recipe
    rate, rank, alpha = recipe.train.unet_lr, recipe.network.network_dim, recipe.network.network_alpha
    assert rate is not None
    assert rank is not None
    assert alpha is not None
    low, high = LR_RANGE[recipe.base_model.family]
    assert low <= rate * math.sqrt(alpha / rank) <= high


@pytest.mark.parametrize("name", PRESETS)
def test_a_usual_number_of_pictures_stays_in_the_band(name: str, tmp_path: Path) -> None:
    train = extended(name, tmp_path).recipe.train
    assert train.exposures_per_image is not None
    assert train.target_steps is not None
    least, most = train.exposures_per_image
    seen = train.target_steps * (train.train_batch_size or 1)
    assert any(least <= seen / pictures <= most for pictures in range(15, 61))


@pytest.mark.parametrize("name", [*PRESETS, "quickstart"])
def test_source_limits_and_schema_are_told_in_comments(name: str) -> None:
    path = shipped_recipes()[name]
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == HEADER
    assert yaml.safe_load(text).keys() == read_document(path).data.keys()
    if name != "quickstart":
        assert "# Numbers: " in text
        assert "# Limits: " in text
        assert "measured here" in text


@pytest.mark.parametrize("name", ["flux-character", "flux-style"])
def test_flux_has_what_the_trainer_needs_told(name: str, tmp_path: Path) -> None:
    train = extended(name, tmp_path).recipe.train
    assert (train.timestep_sampling, train.discrete_flow_shift, train.model_prediction_type, train.guidance_scale) == (
        "shift",
        3.1582,
        "raw",
        1.0,
    )
    assert train.fp8_base
    assert train.cache_text_encoder_outputs
    assert train.min_snr_gamma is None
    assert train.noise_offset is None


def test_cached_text_goes_with_captions_that_do_not_change(tmp_path: Path) -> None:
    for name in PRESETS:
        recipe = extended(name, tmp_path).recipe
        if recipe.train.cache_text_encoder_outputs:
            assert not recipe.dataset.shuffle_caption
            assert recipe.network.network_train_unet_only
        if recipe.network.network_train_unet_only:
            assert recipe.train.text_encoder_lr == 0


def test_the_example_at_the_top_of_each_preset_loads(tmp_path: Path) -> None:
    for name in PRESETS:
        lines = shipped_recipes()[name].read_text(encoding="utf-8").splitlines()
        example = [line[4:] for line in lines if line.startswith("#   ")]
        path = tmp_path / "r.yaml"
        path.write_text("\n".join(example) + "\n", encoding="utf-8")
        assert load_recipe(path).recipe.train.unet_lr is not None


def test_the_quickstart_is_whole() -> None:
    recipe = load_recipe(shipped_recipes()["quickstart"]).recipe
    assert recipe.base_model.family == "pocket"
    assert recipe.subject.trigger == "glxtrophy"
