"""All mistakes in one run: those of the form, the options, the files and the folders; a consequence is no second mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.registry import known_options
from orchestrator.core.errors import InputError
from orchestrator.core.finding import Severity
from orchestrator.prepared import prepare
from orchestrator.recipe.keys import all_keys, annotation_at
from orchestrator.recipe.load import load_recipe
from orchestrator.recipe.overrides import key_path
from tests.recipe.test_wrong_recipes import cases, recipe_of
from tests.whole.test_verbs import lora_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.finding import Problem

WRONG = """\
recipe_version: 1
extends: sd15-character
name: alice
subject:
  kind: character
  trigger: zxq
  class_tokens: man
base_model:
  family: sd15
  pretrained_model_name_or_path: gone.safetensors
concepts:
  - image_dir: images
  - image_dir: nowhere
  - image_dir: empty
train:
  targt_steps: 1500
  unet_lr: fast
  lr_scheduler: cosin
trainer_args:
  frobnicate: 3
ignore:
  - {rule: nan-los, because: seen before}
"""
SETS = ("--set", "dataset.resolution=big", "--set", "nonsense")
TOLD = [
    ("wrong-value", "--set[1]", 1),
    ("bad-override", "--set[2]", 1),
    ("model-file", "alice.yaml", 10),
    ("image-dir-missing", "alice.yaml", 13),
    ("no-pictures", "alice.yaml", 14),
    ("unknown-key", "alice.yaml", 16),
    ("wrong-value", "alice.yaml", 17),
    ("unknown-scheduler", "alice.yaml", 18),
    ("unknown-option", "alice.yaml", 20),
    ("unknown-rule", "alice.yaml", 22),
]


@pytest.fixture
def wrong_recipe(sd15_recipe: Path) -> Path:
    """A recipe with a mistake of every stage."""
    sd15_recipe.write_text(WRONG, encoding="utf-8")
    (sd15_recipe.parent / "empty").mkdir()
    return sd15_recipe


def test_a_misspelt_rule_is_told_beside_other_mistakes_of_its_entry(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    entries = "ignore:\n  - {rule: nan-losss, because: x}\n  - {rule: lr-to-high}\n"
    head = WRONG.partition("concepts:")[0] + "concepts: [{image_dir: images}]\n"
    (tmp_path / "a.yaml").write_text(head + entries, encoding="utf-8")
    told = [p.what.en for p in prepare(tmp_path / "a.yaml").problems]
    assert sum("nan-losss" in text or "lr-to-high" in text for text in told) == 2
    (tmp_path / "b.yaml").write_text(head + "ignore: nan-losss\n", encoding="utf-8")
    assert any("`ignore`" in p.what.en for p in prepare(tmp_path / "b.yaml").problems)


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_mistakes_of_every_stage_are_told_in_one_run(verb: str, language: str, wrong_recipe: Path) -> None:
    done = lora_run(verb, wrong_recipe.name, *SETS, "--format", "json", "--lang", language, cwd=wrong_recipe.parent)
    body = json.loads(done.stdout)
    assert body["exit_code"] == done.returncode == 2
    assert [(p["code"], p["where"]["file"], p["where"]["line"]) for p in body["problems"]] == TOLD
    is_chinese = [any("\u4e00" <= letter <= "\u9fff" for letter in p["what"]) for p in body["problems"]]
    assert is_chinese == [language == "zh"] * len(TOLD)
    assert not [f for f in body["findings"] if f["status"] == "fired" and f["severity"] == "stop"]


@pytest.mark.parametrize(
    ("language", "error", "count"), [("en", "error[", "10 mistakes"), ("zh", "错误[", "10 处错误")]
)
def test_each_is_told_once_with_its_line(language: str, error: str, count: str, wrong_recipe: Path) -> None:
    done = lora_run("check", wrong_recipe.name, *SETS, "--lang", language, cwd=wrong_recipe.parent)
    lines = done.stdout.splitlines()
    assert [line.partition("]")[0] for line in lines if line.startswith(error)] == [
        f"{error}{code}" for code, _, _ in TOLD
    ]
    assert sum(set(line) <= set(" |^") and "^" in line for line in lines) == len(TOLD)
    assert count in lines
    assert done.stderr == ""


def test_a_mended_recipe_has_none_of_them(wrong_recipe: Path) -> None:
    right = WRONG.replace("gone.", "base.").replace("  - image_dir: nowhere\n  - image_dir: empty\n", "")
    right = right.replace("targt_steps", "target_steps").replace("fast", "1e-4").replace("cosin", "cosine")
    wrong_recipe.write_text(
        right.replace("frobnicate: 3", "vae_batch_size: 1").replace("nan-los", "nan-loss"), encoding="utf-8"
    )
    assert prepare(wrong_recipe).problems == ()


def _codes(recipe: Path, *overrides: str) -> list[str]:
    return [p.code for p in _told(recipe, overrides)]


def _told(recipe: Path, overrides: Sequence[str]) -> tuple[Problem, ...]:
    done = prepare(recipe, overrides)
    assert done.verdict.worst is not Severity.STOP
    return done.problems


ENTRIES = {
    "prompts[0]": "sample.prompts=[{prompt: zxq}]",
    "ignore[0]": "ignore=[{rule: nan-loss, because: seen before}]",
}


@pytest.mark.parametrize("family", ["sd15", "flux", "pocket"])
def test_no_wrong_value_has_consequences(family: str, sd15_recipe: Path) -> None:
    recipe = _recipe_of(family, sd15_recipe)
    assert _codes(recipe) == []
    for key in all_keys():
        entry = next((text for name, text in ENTRIES.items() if name in key.path), None)
        is_table = annotation_at(key_path(key.path)) is None or "dict" in str(key.annotation) or key.section is not None
        wrong = f"{key.path}={'5' if is_table else '{a: {b: {c: 1}}}'}"
        told = _told(recipe, [entry, wrong] if entry else [wrong])
        assert [p.where.source for p in told if p.where] == [wrong], [p.what.en for p in told]


@pytest.mark.parametrize("family", ["sd15", "flux", "pocket"])
def test_no_misspelt_key_has_consequences(family: str, sd15_recipe: Path) -> None:
    recipe = _recipe_of(family, sd15_recipe)
    lines = recipe.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        key, colon, value = line.partition(":")
        misspelt = f"{key}e{colon}{value}"
        recipe.write_text("\n".join([*lines[:number], misspelt, *lines[number + 1 :], ""]), encoding="utf-8")
        told = _told(recipe, ())
        assert [(p.code, p.where and p.where.line) for p in told] == [("unknown-key", number + 1)], [
            p.what.en for p in told
        ]


def _recipe_of(family: str, recipe: Path) -> Path:
    """Write a recipe without a mistake for another family; what its values are is what they need one another for."""
    files = {
        "flux": ("pretrained_model_name_or_path", "clip_l", "t5xxl", "ae"),
        "pocket": (),
    }.get(family, ("pretrained_model_name_or_path",))
    large = (
        ""
        if family == "pocket"
        else (
            "  full_bf16: true\n  mixed_precision: bf16\n"
            "dataset:\n  resolution: 2048\n  max_bucket_reso: 2048\n  min_bucket_reso: 1024\n"
        )
    )
    recipe.write_text(
        "recipe_version: 1\nname: alice\n"
        "subject:\n  kind: character\n  trigger: zxq\n  class_tokens: man\n"
        f"base_model:\n  family: {family}\n" + "".join(f"  {file}: base.safetensors\n" for file in files)
        + "concepts:\n  - image_dir: images\n"
        "train:\n  target_steps: 1500\n  lr_scheduler: cosine\n  lr_warmup_steps: 10\n" + large,
        encoding="utf-8",
    )  # fmt: skip
    return recipe


def test_what_does_not_depend_on_the_family_is_told_without_one(wrong_recipe: Path) -> None:
    wrong_recipe.write_text(WRONG.replace("family: sd15", "family: sd16"), encoding="utf-8")
    told = _codes(wrong_recipe)
    assert told.count("wrong-value") == 2
    assert set(told) > {
        "model-file",
        "image-dir-missing",
        "no-pictures",
        "unknown-key",
        "unknown-option",
        "unknown-rule",
    }


def test_folders_that_nobody_named_hide_no_others(wrong_recipe: Path) -> None:
    wrong_recipe.write_text(WRONG.replace("- image_dir: images", "- image_dirr: images"), encoding="utf-8")
    told = _codes(wrong_recipe)
    assert {"image-dir-missing", "no-pictures"} < set(told)
    assert "missing-key" not in told
    few = [f for f in prepare(wrong_recipe).verdict.fired if f.name == "few-pictures"]
    assert few == []


def test_a_folder_that_is_not_there_does_not_make_the_rest_few(sd15_recipe: Path) -> None:
    text = sd15_recipe.read_text(encoding="utf-8")
    sd15_recipe.write_text(text.replace("  - image_dir: images", "  - image_dir: nowhere"), encoding="utf-8")
    sd15_recipe.write_text(
        sd15_recipe.read_text(encoding="utf-8") + "  max_train_epochs: 2\nvalidate:\n  hold_out: 9\n", encoding="utf-8"
    )
    done = prepare(sd15_recipe)
    assert [p.code for p in done.problems] == ["image-dir-missing"]
    assert [f.name for f in done.verdict.fired] == ["licence-not-recorded"]


def test_bucket_limits_are_told_without_pictures(sd15_recipe: Path) -> None:
    empty = sd15_recipe.parent / "empty"
    empty.mkdir()
    told = _codes(sd15_recipe, f"concepts[0].image_dir={empty}", "dataset.max_bucket_reso=64")
    assert told == ["no-pictures", "max-bucket-reso"]
    assert _codes(sd15_recipe, "dataset.max_bucket_reso=64", "dataset.min_bucket_reso=1024") == [
        "max-bucket-reso",
        "min-bucket-reso",
    ]


def test_what_is_set_stands_in_front_of_the_recipe(sd15_recipe: Path) -> None:
    """In the order they were given, and not among the lines of the recipe, whatever stage finds them."""
    text = sd15_recipe.read_text(encoding="utf-8")
    sd15_recipe.write_text("name: bob\n" + text.replace("target_steps", "targt_steps"), encoding="utf-8")
    told = _told(sd15_recipe, ["train.lr_scheduler=foo", "train.unet_lr=fast", "concepts[0].image_dir=nowhere"])
    assert [p.where.file.partition("/")[0] for p in told if p.where][:3] == ["--set[1]", "--set[2]", "--set[3]"]
    assert [p.code for p in told] == [
        "unknown-scheduler",
        "wrong-value",
        "image-dir-missing",
        "duplicate-key",
        "unknown-key",
    ]


def test_no_later_problem_shows_a_line_with_a_secret(sd15_recipe: Path) -> None:
    with sd15_recipe.open("a", encoding="utf-8") as file:
        file.write("trainer_args: {frobnicate: 1, huggingface_token: abc}\n")
    told = _told(sd15_recipe, ())
    assert sorted(p.code for p in told) == ["secret", "unknown-option"]
    assert all(p.where is not None and p.where.source == "" for p in told)


@pytest.mark.parametrize("name", cases())
def test_whatever_is_wrong_the_rest_can_be_looked_at(name: str, sd15_recipe: Path) -> None:
    """Each of the known wrong recipes: all its mistakes are told, and looking on breaks nothing."""
    sd15_recipe.write_text(recipe_of(cases()[name]), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_recipe(sd15_recipe, (), known_options())
    try:
        told = prepare(sd15_recipe).problems
    except InputError as error:  # no YAML at all
        told = error.problems
    assert [p for p in told if p in refused.value.problems] == list(refused.value.problems)


USAGE = [
    (["check"], "missing-argument", "`RECIPE`"),
    (["compile", "a.yaml"], "missing-argument", "`--output`"),
    (["check", "a.yaml", "--set"], "missing-argument", "`--set`"),
    (["run", "a.yaml", "--no-stop=3"], "wrong-argument", "`--no-stop`"),
    (["board", "--port", "abc"], "wrong-argument", "`--port`"),
    (["check", "a.yaml", "--frobnicate"], "no-such-option", "`--frobnicate`"),
    (["check", "a.yaml", "b.yaml"], "extra-argument", "`b.yaml`"),
    (["chekc", "a"], "no-such-verb", "`chekc`"),
    (["vendor", "instal"], "no-such-verb", "`instal`"),
]


@pytest.mark.parametrize(("arguments", "code", "named"), USAGE)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_wrong_command_line_is_told_like_any_mistake(
    arguments: list[str], code: str, named: str, language: str, tmp_path: Path
) -> None:
    """`--lang` and `--format` stand in front of what may swallow them."""
    verb, *rest = arguments
    asked = ["--format", "json", "--lang", language]
    words = [verb, *asked, *rest] if verb in {"check", "compile", "run", "board"} else [*arguments, *asked]
    done = lora_run(*words, cwd=tmp_path)
    body = json.loads(done.stdout)
    (problem,) = body["problems"]
    assert body["exit_code"] == done.returncode == 2
    assert (problem["code"], done.stderr) == (code, "")
    assert named in problem["what"]
    assert problem["fix"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem["what"]) == (language == "zh")


def test_a_wrong_form_is_told_as_text(tmp_path: Path) -> None:
    done = lora_run("check", "a.yaml", "--format", "xml", "--lang", "zh", cwd=tmp_path)
    assert done.returncode == 2
    assert "错误[wrong-argument]: `--format` 应为 `text`、`json` 之一" in done.stderr
