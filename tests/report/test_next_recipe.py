from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Change
from orchestrator.core.source import parse_document
from orchestrator.recipe.load import load_recipe
from orchestrator.report.next_recipe import HEADER, next_recipe, rebase

RECIPE = """\
# yaml-language-server: $schema=../recipes/recipe.schema.json
# My girl, third try
recipe_version: 1
name: alice   # the name
subject:
  kind: character
  trigger: "zxq alice"
  class_tokens: girl
base_model: {family: pocket}

concepts:
  # the good ones
  - image_dir: pictures/alice
    num_repeats: 10

train:
  unet_lr: 1e-4  # from a friend
  optimizer_args: {weight_decay: 0.1}
  # keep this
  target_steps: 1500

# pictures while it trains
sample:
  prompts:
    - "zxq alice, night, [city]"
    - |
      zxq alice
"""


def data(text: str) -> dict[str, object]:
    read = parse_document(text, "next.yaml").data
    assert isinstance(read, dict)
    return read


def changed_lines(before: str, after: str) -> list[str]:
    return [line for line in after.splitlines() if line not in before.splitlines()]


def test_only_the_changed_value_differs_and_the_rule_is_named() -> None:
    text = next_recipe(
        RECIPE, [Change("train.unet_lr", 5e-5, 1e-4, is_safe=True)], [], {"train.unet_lr": "R009 lr-too-high"}
    )
    assert changed_lines(RECIPE, text) == ["  unet_lr: 5e-5  # from a friend; R009 lr-too-high, was 1e-4"]
    assert len(text.splitlines()) == len(RECIPE.splitlines())
    assert data(text)["train"] == {"unet_lr": 5e-5, "optimizer_args": {"weight_decay": 0.1}, "target_steps": 1500}


def test_missing_key_goes_to_the_end_of_its_section() -> None:
    text = next_recipe(RECIPE, [Change("train.min_snr_gamma", 5.0)], [], {"train.min_snr_gamma": "R020 x"})
    lines = text.splitlines()
    assert lines[lines.index("  target_steps: 1500") + 1] == "  min_snr_gamma: 5.0  # R020 x"
    assert changed_lines(RECIPE, text) == ["  min_snr_gamma: 5.0  # R020 x"]


def test_missing_section_goes_to_the_end() -> None:
    text = next_recipe(RECIPE, [Change("network.network_dim", 16), Change("network.network_alpha", 8.0)], [])
    assert text.endswith("\nnetwork:\n  network_dim: 16\n  network_alpha: 8.0\n")


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("base_model.vae", "vae.safetensors", "base_model: {family: pocket, vae: vae.safetensors}"),
        ("train.optimizer_args.betas", [0.9, 0.99], "  optimizer_args: {weight_decay: 0.1, betas: [0.9, 0.99]}"),
        ("concepts[0].num_repeats", 7, "    num_repeats: 7"),
        ("concepts.0.keep_tokens", 1, "    keep_tokens: 1"),
        ("subject.trigger", "a: b # c", "  trigger: 'a: b # c'"),
        ("train.stop_on", [], "  stop_on: []"),
        ("name", "初音 ミク", "name: 初音 ミク   # the name"),
    ],
)
def test_each_kind_of_place(key: str, value: object, line: str) -> None:
    assert changed_lines(RECIPE, next_recipe(RECIPE, [Change(key, value)], [])) == [line]


def test_removing_a_key_takes_its_line_and_an_emptied_section() -> None:
    text = next_recipe(RECIPE, [Change("train.target_steps", None), Change("sample.prompts", None)], [])
    assert "target_steps" not in text
    assert "sample:" not in text
    assert "# keep this" in text
    assert "sample" not in data(text)


def test_removing_from_a_flow_mapping() -> None:
    text = next_recipe("train: {a: 1, b: 2}  # why\nname: x\n", [Change("train.a", None)], [])
    assert data(text) == {"train": {"b": 2}, "name": "x"}
    assert "# why" in text


def test_with_extends_a_removed_key_is_taken_back() -> None:
    text = next_recipe(
        "extends: sd15-character\nname: x\ntrain:\n  seed: 3\n",
        [Change("train.seed", None), Change("train.unet_lr", None)],
        [],
    )
    assert data(text)["train"] == {"seed": None, "unet_lr": None}
    assert text.startswith("extends: sd15-character\n")


def test_item_of_an_inherited_list_is_told_not_guessed() -> None:
    text = next_recipe("extends: base.yaml\nname: x\n", [Change("concepts[0].num_repeats", 4)], [])
    assert text.startswith(f"{HEADER}not applied, this value stands in an extended file: concepts[0].num_repeats: 4\n")
    assert data(text) == {"extends": "base.yaml", "name": "x"}


def test_header_stands_below_the_schema_line_and_does_not_pile_up() -> None:
    once = next_recipe(RECIPE, [], ["from alice-001", "second"])
    again = next_recipe(once, [], ["from alice-002"])
    assert once.splitlines()[:3] == [RECIPE.splitlines()[0], f"{HEADER}from alice-001", f"{HEADER}second"]
    assert again.splitlines()[1] == f"{HEADER}from alice-002"
    assert "alice-001" not in again


def test_windows_line_ends_stay() -> None:
    text = RECIPE.replace("\n", "\r\n")
    made = next_recipe(text, [Change("train.seed", 4), Change("train.unet_lr", 2e-4)], ["h"], {"train.unet_lr": "R1"})
    assert made.count("\n") == made.count("\r\n") == text.count("\n") + 2
    assert "unet_lr: 2e-4  # from a friend; R1\r\n" in made


def test_reason_cannot_break_out_of_its_comment() -> None:
    text = next_recipe(RECIPE, [Change("train.unet_lr", 1e-5)], ["a\nb: 1"], {"train.unet_lr": "x\nevil: 1\x85y"})
    assert set(data(text)) == set(data(RECIPE))


def test_a_text_that_is_no_recipe_is_refused() -> None:
    with pytest.raises(InputError):
        next_recipe("- a\n- b\n", [Change("train.seed", 1)], [])


def test_loads_with_exactly_these_values_changed(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    source = tmp_path / "recipes" / "alice.yaml"
    text = RECIPE.replace("    - |\n      zxq alice\n", "")
    source.write_text(text, encoding="utf-8")
    run = tmp_path / "runs" / "alice-001"
    run.mkdir(parents=True)
    changes = [Change("train.unet_lr", 5e-5, 1e-4), Change("network.network_dim", 16)]
    target = run / "next.yaml"
    target.write_text(rebase(next_recipe(text, changes, ["x"]), source.parent, run), encoding="utf-8")
    old, new = load_recipe(source), load_recipe(target)
    wanted = {**old.data, "train": {**old.data["train"], "unet_lr": 5e-5}, "network": {"network_dim": 16}}
    wanted["concepts"] = [{**old.data["concepts"][0], "image_dir": "../../recipes/pictures/alice"}]
    assert new.data == wanted
    assert new.resolve_path("concepts[0].image_dir").resolve() == old.resolve_path("concepts[0].image_dir").resolve()


def test_rebase_follows_files_and_leaves_names_alone(tmp_path: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "runs" / "a-001"
    home.mkdir()
    run.mkdir(parents=True)
    (home / "models").mkdir()
    text = (
        "extends: ./base.yaml\nbase_model:\n  pretrained_model_name_or_path: author/model\n  vae: models\n"
        "  ae: /abs/ae.safetensors\n  clip_l: ~/clip.bin\n  t5xxl: sub/t5.safetensors\nconcepts:\n- image_dir: a b\n"
        "trainer_args: {vae: models}\n"
    )
    made = data(rebase(text, home, run))
    assert made["extends"] == "../../home/base.yaml"
    assert made["base_model"] == {
        "pretrained_model_name_or_path": "author/model", "vae": "../../home/models", "ae": "/abs/ae.safetensors",
        "clip_l": "~/clip.bin", "t5xxl": "../../home/sub/t5.safetensors",
    }  # fmt: skip
    assert made["concepts"] == [{"image_dir": "../../home/a b"}]
    assert made["trainer_args"] == {"vae": "models"}
    assert data(rebase("extends: sd15-character\nname: x\n", home, run))["extends"] == "sd15-character"


def test_rebase_does_not_climb_to_the_root(tmp_path: Path) -> None:
    made = data(rebase("concepts:\n- image_dir: pictures\n", Path("/srv/lora"), tmp_path))
    assert made == {"concepts": [{"image_dir": "/srv/lora/pictures"}]}


def test_rebase_goes_through_links(tmp_path: Path) -> None:
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk" / "deep")
    made = data(rebase("concepts:\n- image_dir: pictures\n", tmp_path, tmp_path / "runs"))
    assert made == {"concepts": [{"image_dir": "../../pictures"}]}


values = st.one_of(
    st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cn"), blacklist_characters="\ufeff"), max_size=30),
    st.lists(st.floats(0, 1), max_size=3),
)  # fmt: skip
keys = st.sampled_from(
    ["name", "train.unet_lr", "train.seed", "network.network_args.algo", "concepts[0].num_repeats", "concepts[0].share",
     "base_model.vae", "train.optimizer_args.d_coef", "train.optimizer_args", "sample.prompts", "metadata.author", "subject"]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(keys, values), max_size=4))
def test_any_value_survives(edits: list[tuple[str, object]]) -> None:
    text = RECIPE
    for key, value in edits:
        if _is_below_a_scalar(data(text), key):
            continue
        text = next_recipe(text, [Change(key, value)], [], {key: "R001 x"})
        assert _get(data(text), key) == value


def _get(read: object, key: str) -> object:
    for part in key.replace("[0]", ".0").split("."):
        read = read[int(part)] if isinstance(read, list) else read[part]  # type: ignore[index]
    return read


def _is_below_a_scalar(read: object, key: str) -> bool:
    for part in key.replace("[0]", ".0").split(".")[:-1]:
        if isinstance(read, list):
            read = read[int(part)]
        elif isinstance(read, dict):
            read = read.get(part, {})
        else:
            return True
    return not isinstance(read, dict)
