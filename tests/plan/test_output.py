"""Folders, samples, names, and the plan told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.record import read_record, write_record
from orchestrator.dataset.layout import parse_folder_name
from orchestrator.plan.explain import PLAN_RECORD_VERSION, explain, plan_record, plan_settings
from orchestrator.plan.naming import ascii_stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]

TWO = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar, class_tokens: girl}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
concepts:
  - {image_dir: face, num_repeats: 4, flip_aug: true, keep_tokens: 2}
  - {image_dir: body, num_repeats: 4}
  - {image_dir: reg, is_reg: true, class_tokens: girl}
validate: {hold_out: 0}
"""


@pytest.fixture
def two(plan_of: PlanOf, pictures: Pictures) -> Plan:
    pictures("face", 3)
    pictures("body", 4)
    pictures("reg", 2, caption=None)
    return plan_of(TWO)


@pytest.mark.parametrize(("name", "part"), [("初音ミク", "lora-"), ("my girl", "my_girl"), ("初音 ミク's 1", "s_1-")])
def test_a_file_name_that_is_not_the_recipes_name_is_told(
    plan_of: PlanOf, pictures: Pictures, name: str, part: str
) -> None:
    pictures("set", 12)
    plan = plan_of("", f'name="{name}"')
    (note,) = [n for n in plan.notes if "the files are named" in n.en]
    assert f"`{plan.output_name}`" in note.en
    assert f"`{name}`" in note.en
    assert ("hash" in note.en) == (part != "my_girl")
    assert plan.output_name.startswith(part)
    (row,) = [row for row in explain(plan) if row.key == "output_name"]
    assert row.value == plan.output_name
    assert row.because.en in note.en


def test_a_plain_name_needs_no_note(two: Plan) -> None:
    assert not any("named" in n.en for n in two.notes)
    assert [row.value for row in explain(two) if row.key == "output_name"] == ["alice"]


def test_folders_say_what_the_data_set_says(two: Plan) -> None:
    names = [s.image_dir for s in two.subsets]
    assert names == ["data/4_alicechar girl", "data/4_alicechar girl (2)", "data/1_girl"]
    for subset in two.subsets:
        parsed = parse_folder_name(subset.image_dir.partition("/")[2])
        assert parsed is not None
        assert parsed[0] == subset.num_repeats
        assert parsed[1].startswith(subset.class_tokens)


def test_links_carry_the_users_names(two: Plan, tmp_path: Path) -> None:
    first = two.subsets[0]
    assert [link.path for link in first.links] == [
        *(f"data/4_alicechar girl/00{i}.png" for i in range(3)),
        *(f"data/4_alicechar girl/00{i}.txt" for i in range(3)),
    ]
    assert first.links[0].target == tmp_path / "face" / "000.png"
    assert len(two.subsets[2].links) == len(two.subsets[2].sizes) == 2


def test_options_of_one_concept_stay_with_it(two: Plan) -> None:
    assert two.subsets[0].options == {"flip_aug": True, "keep_tokens": 2}
    assert two.subsets[1].options == {}


def test_shared_caption_is_linked_once(plan_of: PlanOf, pictures: Pictures) -> None:
    folder = pictures("set", 3)
    (folder / "000.webp").symlink_to(folder / "000.png")
    plan = plan_of("validate: {hold_out: 0}\n")
    paths = [link.path for link in plan.subsets[0].links]
    assert len(paths) == len(set(paths)) == 4 + 3


def test_extended_webp_counts_as_the_trainer_sees_it(plan_of: PlanOf, pictures: Pictures) -> None:
    folder = pictures("set", 3)
    header = b"WEBPVP8X\x0a\0\0\0\x10\0\0\0" + (511).to_bytes(3, "little") * 2
    (folder / "100.webp").write_bytes(b"RIFF" + len(header).to_bytes(4, "little") + header)
    plan = plan_of("validate: {hold_out: 0}\n")
    assert plan.subsets[0].sizes[-1] == (511, 511)
    pocket = plan_of("validate: {hold_out: 0}\n", "base_model.family=pocket")
    assert pocket.subsets[0].sizes[-1] == (512, 512)


@pytest.mark.parametrize(("kind", "trigger", "tokens"), [("character", "alicechar", "girl"), ("style", None, None)])
def test_default_prompts_show_what_leaks(
    plan_of: PlanOf, pictures: Pictures, kind: str, trigger: str | None, tokens: str | None
) -> None:
    pictures("set", 20)
    words = [f"trigger: {trigger}"] if trigger else []
    words += [f"class_tokens: {tokens}"] if tokens else []
    subject = ", ".join([f"kind: {kind}", *words])
    base = "base_model: {family: sdxl, pretrained_model_name_or_path: b.safetensors}"
    plan = plan_of(f"recipe_version: 1\nname: a\nsubject: {{{subject}}}\n{base}\nconcepts: [{{image_dir: set}}]\n")
    texts = [p.prompt for p in plan.prompts]
    assert len(texts) == len(set(texts)) == 3
    if trigger:
        assert [trigger in t for t in texts] == [True, True, False]
    assert {(p.width, p.height, p.seed) for p in plan.prompts} == {(1024, 1024, 42)}
    assert all(p.scale and p.sample_steps for p in plan.prompts)


def test_prompts_of_the_recipe_are_filled_up(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(
        "sample:\n  prompts:\n    - plain words\n    - {prompt: p, width: 515, seed: 0, scale: 0, negative_prompt: n}\n"
    )
    first, second = plan.prompts
    assert (first.prompt, first.width, first.seed) == ("plain words", 512, 42)
    assert (second.width, second.height, second.seed, second.scale, second.negative_prompt) == (512, 512, 0, 0.0, "n")


def test_no_prompts_no_samples(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("sample: {prompts: []}\n")
    assert plan.prompts == ()
    assert not [k for k in plan.train if k.startswith("sample_")]


@pytest.mark.parametrize(
    ("epochs", "wanted", "every"), [(8, 8, 1), (20, 10, 2), (23, 10, 2), (100, 5, 20), (3, 10, 1), (1, 4, 1)]
)
def test_wanted_number_of_files(plan_of: PlanOf, pictures: Pictures, epochs: int, wanted: int, every: int) -> None:
    pictures("set", 20)
    plan = plan_of(f"save: {{checkpoints: {wanted}}}\ntrain: {{max_train_epochs: {epochs}}}\n")
    assert plan.train["save_every_n_epochs"].value == every
    assert plan.train["sample_every_n_epochs"].value == every


@pytest.mark.parametrize(
    ("name", "stem"),
    [("alice", "alice"), ("Alice v2.1", "Alice_v2.1"), ("café", "cafe"), ("a/b", "a_b"), ("  x  ", "x")],
)
def test_names_of_files_are_plain(name: str, stem: str) -> None:
    assert ascii_stem(name) == stem


def test_names_without_latin_letters_stay_apart() -> None:
    stems = {ascii_stem(n) for n in ("初音ミク", "鏡音リン", "初音ミク v2", "初音ミク v3", "...", "🏆")}
    assert len(stems) == 6
    assert all(s.isascii() and s[0].isalnum() for s in stems)


def test_every_row_says_who_and_why(two: Plan) -> None:
    rows = explain(two)
    assert {r.key for r in rows} >= {"total_steps", "unet_lr", "resolution", "max_train_epochs"}
    assert all(r.because.en for r in rows)
    (size,) = [r for r in rows if r.key == "resolution"]  # the train TOML's copy is not told again
    assert (size.section, size.value) == ("dataset", "[512, 512]")
    shown = {r.key: r.value for r in rows if r.section == "train"}
    assert shown["unet_lr"] == "1.4e-4"
    assert shown["network_train_unet_only"] == "false"


def test_record_survives_the_disk(two: Plan, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_record(path, "plan", PLAN_RECORD_VERSION, plan_record(two))
    record = read_record(path, "plan", PLAN_RECORD_VERSION)
    assert record["train"]["unet_lr"]["value"] == 1.4e-4
    assert record["train"]["unet_lr"]["source"] == "derived"
    assert record["steps"]["total_steps"] == two.steps.total_steps
    assert record["subsets"][0]["num_repeats"] == 4


def test_settings_are_plain_values(two: Plan) -> None:
    settings = plan_settings(two)
    assert settings["unet_lr"] == 1.4e-4
    assert settings["resolution"] == "512,512"
    assert settings["enable_bucket"] is True
    assert settings["max_train_steps"] == two.steps.total_steps
    json.dumps(settings)
