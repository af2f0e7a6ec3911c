"""All mistakes of a recipe at once: those of the options too, where the recipe or the pictures leave nothing to plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Trainer
from orchestrator.backends.registry import check_options, compile_plan
from orchestrator.core.errors import InputError
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.plan.resolve import make_plan
from orchestrator.recipe.load import LoadedRecipe, load_recipe, shipped_recipes
from tests.backends.plans import POCKET, TRAINER

if TYPE_CHECKING:
    from orchestrator.core.finding import Problem

RECIPE = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar}
base_model: {family: sd15, pretrained_model_name_or_path: /models/base.safetensors}
concepts: [{image_dir: no such folder}]
"""
FIVE = (
    "train.lr_scheduler=foo",
    "sample.prompts=[a --w 3]",
    "trainer_args.foo=1",
    "dataset.bucket_reso_steps=48",
    "train.text_encoder_lr=[1,2,3]",
)


def _load(folder: Path, *overrides: str, text: str = RECIPE) -> LoadedRecipe:
    return load_recipe(folder / "recipe.yaml", overrides, text=text)


def _options(loaded: LoadedRecipe, trainer: Trainer = TRAINER) -> list[Problem]:
    """What is wrong apart from the model files, which these recipes only name."""
    return [p for p in check_options(loaded, trainer) if p.code != "model-file"]


def test_five_mistakes_are_five_problems(tmp_path: Path) -> None:
    found = _options(_load(tmp_path, *FIVE))
    assert sorted(p.code for p in found) == [
        "bucket-step", "prompt-not-sayable", "text-encoder-rates", "unknown-option", "unknown-scheduler",
    ]  # fmt: skip
    assert all(p.where is not None and p.where.file.startswith("--set") for p in found)


def test_a_recipe_without_a_mistake_has_none(tmp_path: Path) -> None:
    assert _options(_load(tmp_path)) == []


def test_a_missing_model_file_is_told_without_pictures(tmp_path: Path) -> None:
    (found,) = check_options(_load(tmp_path), TRAINER)
    assert found.code == "model-file"
    assert found.where is not None
    assert found.where.line == 4


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_have_none(tmp_path: Path, name: str) -> None:
    text = f"extends: {name}\nrecipe_version: 1\nname: a\nsubject: {{trigger: b}}\nconcepts: [{{image_dir: c}}]\n"
    files = ("pretrained_model_name_or_path", "clip_l", "clip_g", "t5xxl", "ae")
    loaded = _load(tmp_path, text=text)
    family = loaded.recipe.base_model.family
    wanted = {"flux": files, "sd3": files[:4], "pocket": ()}.get(family, files[:1])
    wanted = tuple(f for f in wanted if not (family == "flux" and f == "clip_g"))
    loaded = _load(tmp_path, *(f"base_model.{f}=/m/{f}.safetensors" for f in wanted), text=text)
    assert _options(loaded, POCKET if family == "pocket" else TRAINER) == []


@pytest.mark.parametrize("override", [FIVE[0], FIVE[1], FIVE[2], "trainer_args.vae_batch_size=0"])
def test_problems_are_those_of_the_compiler(tmp_path: Path, override: str) -> None:
    _picture(tmp_path / "set")
    loaded = _load(tmp_path, override, text=RECIPE.replace("no such folder", "set"))
    dataset = scan_dataset([FolderRequest(tmp_path / "set", None, is_reg=False)])
    build = compile_plan(make_plan(loaded, dataset), TRAINER)
    assert [(p.code, p.what) for p in _options(loaded)] == [(p.code, p.what) for p in build.problems]
    assert len(build.problems) == 1


def test_the_planner_goes_on_after_the_first_mistake(tmp_path: Path) -> None:
    """A mistake before the length and others behind it are raised together."""
    _picture(tmp_path / "set")
    overrides = (
        "train.lr_warmup_steps=5",
        "dataset.bucket_reso_steps=48",
        "dataset.max_bucket_reso=64",
        "train.lr_scheduler=constant",
    )
    loaded = _load(tmp_path, *overrides, text=RECIPE.replace("no such folder", "set"))
    dataset = scan_dataset([FolderRequest(tmp_path / "set", None, is_reg=False)])
    with pytest.raises(InputError) as caught:
        make_plan(loaded, dataset)
    assert [p.code for p in caught.value.problems] == ["bucket-step", "max-bucket-reso", "warmup-without-schedule"]


def test_pocket_is_checked_as_pocket(tmp_path: Path) -> None:
    text = RECIPE.replace("{family: sd15, pretrained_model_name_or_path: /models/base.safetensors}", "{family: pocket}")
    trainer = Trainer("pocket", Path("/python"), Path("/pocket"), "0")
    found = check_options(_load(tmp_path, "train.clip_skip=2", text=text), trainer)
    assert [p.code for p in found] == ["unknown-option"]


def _picture(folder: Path) -> None:
    folder.mkdir()
    header = b"\x00\x00\x00\rIHDR\x00\x00\x02\x00\x00\x00\x02\x00\x08\x02\x00\x00\x00" + b"\x00" * 4
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\x00\x00\x00\x00IEND\xaeB`\x82")
    (folder / "a.txt").write_text("alicechar", encoding="utf-8")


def test_a_file_that_a_preset_lacks_belongs_into_the_recipe(tmp_path: Path) -> None:
    """The preset names the family; the files are the user's to write, and not into the preset."""
    text = """\
recipe_version: 1
extends: flux-character
name: alice
subject: {trigger: alicechar}
base_model:
  pretrained_model_name_or_path: /models/flux.safetensors
concepts: [{image_dir: no such folder}]
"""
    missing = [p for p in check_options(_load(tmp_path, text=text), TRAINER) if p.code == "missing-model-file"]
    assert len(missing) == 3
    assert {(p.where.file.rpartition("/")[2], p.where.line) for p in missing if p.where} == {("recipe.yaml", 6)}
