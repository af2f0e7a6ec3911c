"""A recipe written out is the recipe read back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.source import parse_document
from orchestrator.recipe.dump import dump_resolved, scalar_text, to_yaml
from orchestrator.recipe.load import load_recipe, shipped_recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
name: "2024"
extends: {preset}
subject: {{trigger: 'on'}}
concepts:
- {{image_dir: pics, class_tokens: "it's a # girl: x", num_repeats: 3}}
- image_dir: /data/reg
  is_reg: yes
train: {{unet_lr: 5e-7, lr_scheduler: cosine, text_encoder_lr: [1e-5, 0]}}
trainer_args: {{loss_type: huber, huber_c: 5e-2, x: '1e-4', y: 'no', z: [1, null_, '~']}}
sample:
  prompts: ["a, b: c", {{prompt: "é 初音 \\"q\\"", seed: 1}}, "- x", "{{}}"]
ignore: [{{rule: too-many-steps, because: "tried: it's fine"}}]
"""


@pytest.mark.parametrize("preset", sorted(shipped_recipes()))
def test_reading_it_back_gives_the_same_recipe(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.format(preset=preset), encoding="utf-8")
    loaded = load_recipe(path, ["metadata.title=1e5"])
    text = dump_resolved(loaded)
    again = tmp_path / "again.yaml"
    again.write_text(text, encoding="utf-8")
    reloaded = load_recipe(again)
    assert reloaded.recipe == loaded.recipe
    assert reloaded.data == loaded.data
    assert dump_resolved(reloaded) == text
    assert text.startswith("recipe_version: 1\nname: '2024'\nsubject:\n")


def test_keys_come_in_the_order_of_the_models_and_lists_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "train: {seed: 1, unet_lr: 1}\nconcepts: [{num_repeats: 2, image_dir: b}, {image_dir: a}]\n"
        "base_model: {family: sd15}\nsubject: {kind: style}\nname: x\nrecipe_version: 1\n",
        encoding="utf-8",
    )
    assert dump_resolved(load_recipe(path)) == (
        "recipe_version: 1\nname: x\nsubject:\n  kind: style\nbase_model:\n  family: sd15\nconcepts:\n- image_dir: b\n"
        "  num_repeats: 2\n- image_dir: a\ntrain:\n  unet_lr: 1\n  seed: 1\n"
    )


def test_paths_from_another_folder_become_absolute_and_ids_stay(tmp_path: Path) -> None:
    (tmp_path / "lib" / "pics").mkdir(parents=True)
    (tmp_path / "lib" / "base.yaml").write_text(
        "recipe_version: 1\nname: a\nsubject: {kind: style}\nconcepts: [{image_dir: pics}]\n"
        "base_model: {family: sd15, pretrained_model_name_or_path: runwayml/stable-diffusion-v1-5, vae: v.safetensors}\n",
        encoding="utf-8",
    )
    path = tmp_path / "r.yaml"
    path.write_text("extends: lib/base.yaml\nnetwork: {network_weights: w.safetensors}\n", encoding="utf-8")
    data = parse_document(dump_resolved(load_recipe(path)), "f").data
    assert data["base_model"]["pretrained_model_name_or_path"] == "runwayml/stable-diffusion-v1-5"
    assert data["base_model"]["vae"] == str(tmp_path / "lib" / "v.safetensors")
    assert data["concepts"][0]["image_dir"] == str(tmp_path / "lib" / "pics")
    assert data["network"]["network_weights"] == "w.safetensors"


def test_every_place_is_dumped_once(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.format(preset="quickstart"), encoding="utf-8")
    loaded = load_recipe(path)
    assert {f.name for f in dataclasses.fields(loaded)} >= {"recipe", "origins", "path", "text", "data", "base_dir"}
    assert parse_document(dump_resolved(loaded), "f").data.keys() == loaded.data.keys()


_PRINTABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff\u2028\u2029"), max_size=20
)
_TRICKY = st.sampled_from(
    ["1e-4", "010", "0x1F", "1_1", "on", "No", ".inf", "1e999", "~", "null", "", "- a", "a: b", "#x", "'", '"', "!x", "&a", "*b", "<<", "=", "%",
     "@", ".5", "5.", "+1", "1:30", "2024-01-01", "x #y", "--- a", "a\nb", " a", "a ", "\\", "C:\\x", "[", "{", ","]
)  # fmt: skip
_TEXT = _PRINTABLE | _TRICKY
_KEY = _TEXT.filter(lambda text: text not in {"", "<<"})
_SCALAR = (
    _TEXT | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
_TREE: st.SearchStrategy[Any] = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=3), max_leaves=8
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_KEY, _TREE, min_size=1, max_size=4))
def test_any_plain_data_survives(data: dict[str, Any]) -> None:
    assert parse_document(to_yaml(data), "f").data == data


@settings(max_examples=200, deadline=None)
@given(_SCALAR)
def test_one_value_stays_on_its_line(value: Any) -> None:
    text = scalar_text(value)
    assert "\n" not in text
    assert parse_document(f"a: {text}  # why\n", "f").data == {"a": value}
    assert parse_document(f"a: [{text}, {text}]\n", "f").data == {"a": [value, value]}
