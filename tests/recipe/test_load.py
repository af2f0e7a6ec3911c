"""Reading recipes: merging, provenance, the command line, paths; and what is read is what was meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.provenance import Source
from orchestrator.recipe.load import load_recipe, shipped_recipes
from tests.shown import one_line, render_problems

if TYPE_CHECKING:
    from orchestrator.core.finding import Problem

GOOD = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechr}
base_model: {family: sdxl, pretrained_model_name_or_path: base.safetensors}
concepts:
  - image_dir: pictures
  - image_dir: /data/reg
    is_reg: yes
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load_recipe(path, overrides)
    return caught.value.problems


def told(path: Path, *overrides: str) -> list[str]:
    return [f"[{p.code}] {one_line(p)}" for p in refused(path, *overrides)]


@pytest.mark.parametrize(
    ("line", "section", "key", "value"),
    [
        ("train: {unet_lr: 1e-4}", "train", "unet_lr", 1e-4),
        ("train: {unet_lr: 1E-4}", "train", "unet_lr", 1e-4),
        ("train: {unet_lr: 1}", "train", "unet_lr", 1.0),
        ("train: {seed: 010}", "train", "seed", 10),
        ("train: {seed: 0x1F}", "train", "seed", 31),
        ("train: {cache_latents: yes}", "train", "cache_latents", True),
        ("train: {cache_latents: Off}", "train", "cache_latents", False),
        ("train: {cache_latents: ON}", "train", "cache_latents", True),
        ("train: {mixed_precision: no}", "train", "mixed_precision", "no"),
        ("train: {lr_warmup_steps: 0.05}", "train", "lr_warmup_steps", 0.05),
        ("train: {lr_warmup_steps: 100}", "train", "lr_warmup_steps", 100),
        ("train: {text_encoder_lr: [1e-5, 0]}", "train", "text_encoder_lr", [1e-5, 0]),
        ("train: {unet_lr: null}", "train", "unet_lr", None),
        ("train: {unet_lr: ~}", "train", "unet_lr", None),
        ("dataset: {resolution: [512, 768]}", "dataset", "resolution", [512, 768]),
        ("metadata: {title: no}", "metadata", "title", "no"),
        ("metadata: {title: 1_1}", "metadata", "title", "1_1"),
        ("metadata: {title: 16:9}", "metadata", "title", "16:9"),
        ("metadata: {title: 2024-01-01}", "metadata", "title", "2024-01-01"),
        ("metadata: {title: 初音ミク 'x'}", "metadata", "title", "初音ミク 'x'"),
        ("validate: {hold_out: auto}", "validate_", "hold_out", "auto"),
        ("validate: {hold_out: 0}", "validate_", "hold_out", 0),
    ],
)
def test_what_is_read_is_what_was_meant(line: str, section: str, key: str, value: object, tmp_path: Path) -> None:
    loaded = load_recipe(write(tmp_path / "r.yaml", f"{GOOD}{line}\n"))
    found = getattr(getattr(loaded.recipe, section), key)
    assert found == value
    assert type(found) is type(value)


def test_free_options_keep_their_types(tmp_path: Path) -> None:
    text = GOOD + "trainer_args: {loss_type: huber, huber_c: 5e-2, ip_noise_gamma: 1, lowram: true, x: no, y: [1, a]}\n"
    loaded = load_recipe(write(tmp_path / "r.yaml", text))
    assert loaded.recipe.trainer_args == {
        "loss_type": "huber",
        "huber_c": 0.05,
        "ip_noise_gamma": 1,
        "lowram": True,
        "x": "no",
        "y": [1, "a"],
    }


def test_crlf_and_comments_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(("# 注释\n" + GOOD).replace("\n", "\r\n").encode())
    assert load_recipe(path).recipe.concepts[1].is_reg is True


def test_extends_merges_replaces_lists_and_deletes_with_null(tmp_path: Path) -> None:
    base = (
        GOOD
        + "train: {unet_lr: 1e-4, seed: 7, text_encoder_lr: [1e-5, 1e-5]}\nnetwork: {network_dim: 8}\nmetadata: {title: a}\n"
    )
    write(tmp_path / "base.yaml", base)
    child = "extends: base.yaml\nname: bob\ntrain:\n  text_encoder_lr: [2e-5]\n  seed: null\nmetadata: ~\nconcepts: [{image_dir: bob}]\n"
    recipe = load_recipe(write(tmp_path / "r.yaml", child)).recipe
    assert (recipe.name, recipe.train.unet_lr, recipe.train.seed, recipe.train.text_encoder_lr) == (
        "bob",
        1e-4,
        None,
        [2e-5],
    )
    assert recipe.metadata.title is None
    assert recipe.network.network_dim == 8
    assert [c.image_dir for c in recipe.concepts] == ["bob"]


def test_every_value_knows_who_wrote_it_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("lib/base.yaml"), GOOD + "train:\n  unet_lr: 1e-4\n  seed: 7\n")
    path = write(Path("r.yaml"), "extends: lib/base.yaml\ntrain:\n  seed: 8\nnetwork: {network_dim: 4}\n")
    loaded = load_recipe(path, ["network.network_dim=16", "concepts[1].num_repeats=3"])
    origins = {key: (o.source, str(o.where)) for key, o in loaded.origins.items()}
    assert origins["train.unet_lr"] == (Source.PRESET, "lib/base.yaml:10:12")
    assert origins["train.seed"] == (Source.RECIPE, "r.yaml:3:9")
    assert origins["network.network_dim"] == (Source.COMMAND_LINE, "--set[1]:1:21")
    assert origins["concepts[1].num_repeats"] == (Source.COMMAND_LINE, "--set[2]:1:25")
    assert origins["concepts[1].image_dir"] == (Source.PRESET, "lib/base.yaml:7:16")
    assert origins["subject.kind"] == (Source.PRESET, "lib/base.yaml:3:17")
    assert "extends" not in loaded.data
    assert [p.name for p in loaded.sources] == ["base.yaml", "r.yaml"]


def test_a_mistake_in_the_parent_is_told_in_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("lib/base.yaml"), GOOD + "train: {unet_lr: fast}\n")
    path = write(Path("r.yaml"), "extends: lib/base.yaml\nnetwork: {network_dim: 0}\n")
    assert told(path) == [
        "[wrong-value] r.yaml:2:24: `network.network_dim` must be a whole number from 1 to 4096; it is the number 0",
        '[wrong-value] lib/base.yaml:9:18: `train.unet_lr` must be a number of at least 0; it is the text "fast"',
    ]


def test_a_mistake_that_the_child_overrides_is_none(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", GOOD + "train: {unet_lr: fast}\n")
    assert (
        load_recipe(write(tmp_path / "r.yaml", "extends: base.yaml\ntrain: {unet_lr: 1e-4}\n")).recipe.train.unet_lr
        == 1e-4
    )


def test_circles_and_long_chains_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.yaml"), "extends: b.yaml\n")
    write(Path("b.yaml"), "extends: ./sub/../a.yaml\n")
    write(Path("sub/x"), "")
    assert told(Path("a.yaml")) == [
        "[extends-circle] b.yaml:1:10: recipes extend one another in a circle: a.yaml -> b.yaml -> a.yaml"
    ]
    write(Path("self.yaml"), "extends: self.yaml\n")
    assert told(Path("self.yaml"))[0].startswith("[extends-circle] self.yaml:1:10")
    for i in range(20):
        write(Path(f"c{i}.yaml"), f"extends: c{i + 1}.yaml\n")
    assert told(Path("c0.yaml"))[0].startswith("[extends-too-long] c7.yaml:1:10")


def test_a_parent_that_cannot_be_read_is_told_in_its_own_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("base.yaml"), "a: 1\nb: 'b\n")
    assert told(write(Path("r.yaml"), "name: a\nname: b\nextends: base.yaml\n")) == [
        "[duplicate-key] r.yaml:2:1: `name` is written twice: in line 1 and in line 2",
        "[yaml-syntax] base.yaml:2:4: the quotation mark that opens here is never closed",
    ]


def test_a_key_twice_in_a_parent_hides_no_other_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("base.yaml"), GOOD + "name: bob\nnetwrok: {network_dim: 4}\n")
    assert told(write(Path("r.yaml"), "extends: base.yaml\ntrain: {seed: yes}\n")) == [
        '[wrong-value] r.yaml:2:15: `train.seed` must be a whole number of at least 0; it is the text "yes"',
        "[duplicate-key] base.yaml:9:1: `name` is written twice: in line 2 and in line 9",
        "[unknown-key] base.yaml:10:1: unknown key `netwrok`",
    ]


@pytest.mark.parametrize("extends", ["*a", "!x 5"])
def test_what_cannot_be_inherited_is_not_told_as_missing(extends: str, tmp_path: Path) -> None:
    codes = {p.code for p in refused(write(tmp_path / "r.yaml", f"extends: {extends}\n"))}
    assert codes <= {"alias", "tag"}


def test_one_of_two_ways_replaces_the_inherited_other(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", GOOD + "save: {checkpoints: 8}\ntrain: {max_train_epochs: 9}\n")
    path = write(
        tmp_path / "r.yaml", "extends: base.yaml\nsave: {save_every_n_epochs: 2}\ntrain: {target_steps: 800}\n"
    )
    recipe = load_recipe(path).recipe
    assert (recipe.save.checkpoints, recipe.save.save_every_n_epochs) == (None, 2)
    assert (recipe.train.max_train_epochs, recipe.train.target_steps) == (None, 800)
    recipe = load_recipe(path, ["save.checkpoints=3"]).recipe
    assert (recipe.save.checkpoints, recipe.save.save_every_n_epochs) == (3, None)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.unet_lr=5e-5", "train.unet_lr", 5e-5),
        ("train.seed=null", "train.seed", None),
        ("train.cache_latents=off", "train.cache_latents", False),
        ("name=2024", "name", "2024"),
        ("name='2024'", "name", "2024"),
        ("name=true", "name", "true"),
        ("metadata.title=1e-4", "metadata.title", "1e-4"),
        ("dataset.resolution=[512, 768]", "dataset.resolution", [512, 768]),
        ("concepts.0.num_repeats=5", "concepts.0.num_repeats", 5),
        ("concepts[0].num_repeats=5", "concepts.0.num_repeats", 5),
        ("sample.prompts=[a b, c]", "sample.prompts", ["a b", "c"]),
        ("network.network_args={conv_dim: 8}", "network.network_args", {"conv_dim": 8}),
        ("network.network_args.conv_dim=8", "network.network_args", {"conv_dim": 8}),
        ("trainer_args.loss_type=l1", "trainer_args", {"loss_type": "l1"}),
        ("subject.trigger=a=b", "subject.trigger", "a=b"),
    ],
)
def test_the_command_line_replaces(override: str, key: str, value: object, tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path / "r.yaml", GOOD + "train: {seed: 7}\n"), [override]).recipe
    found: Any = recipe
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.unet_lr", "[bad-override] --set:1:1: `--set` needs `key=value`"),
        ("=5", "[bad-override] --set:1:1: `--set` needs `key=value`"),
        ("train..unet_lr=5", "[bad-override] --set:1:1: `--set` needs `key=value`"),
        ("", "[bad-override] --set:1:1: `--set` needs `key=value`"),
        ("train.unet_lr=", "[no-value] --set:1:15: `--set train.unet_lr=` has no value"),
        (
            "train.unet_lr=fast",
            '[wrong-value] --set:1:15: `train.unet_lr` must be a number of at least 0; it is the text "fast"',
        ),
        ("extends=sdxl-character", "[bad-override] --set:1:1: `--set` cannot change `extends`"),
        ("train.unet_rl=1", "[unknown-key] --set:1:1: unknown key `train.unet_rl`"),
        ("unet_lr=1", "[unknown-key] --set:1:1: unknown key `unet_lr`"),
        ("concepts.2.num_repeats=1", "[bad-override] --set:1:1: `concepts` has 2 entries, counted from 0"),
        (
            "concepts.num_repeats=1",
            "[bad-override] --set:1:1: `concepts.num_repeats` leads nowhere: `concepts` is a list",
        ),
        ("name.x=1", "[bad-override] --set:1:1: `name.x` leads nowhere: `name` is a single value"),
        ("train.0=1", "[bad-override] --set:1:1: `train[0]` leads nowhere: `train` is a section"),
        ("train.seed=[1", "[yaml-syntax] --set:1:12: the list `[...]` is not continued or closed here"),
        ("train.seed=.inf", "[number-out-of-range] --set:1:12: `.inf` is no number that can be trained with"),
        ("train.seed=*a", "[alias] --set:1:12: the alias `*a` is not read here"),
        ("train.wandb_api_key=abc", "[secret] --set:1:1: `wandb_api_key` does not belong in a recipe"),
    ],
)
def test_a_wrong_override_is_told(override: str, expected: str, tmp_path: Path) -> None:
    assert told(write(tmp_path / "r.yaml", GOOD + "train: {seed: 7}\n"), override) == [expected]


def test_overrides_and_file_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = told(write(Path("r.yaml"), GOOD + "train: {seed: x}\n"), "network.network_dim=x", "y=1")
    assert [line.split()[1] for line in lines] == ["--set[1]:1:21:", "--set[2]:1:1:", "r.yaml:9:15:"]


def test_one_secret_among_several_overrides_hides_only_itself(tmp_path: Path) -> None:
    tokens = ["trainer_args.wandb_api_key=0123456789abcdef", "metadata.title=hf_" + "a1" * 16]
    problems = refused(write(tmp_path / "r.yaml", GOOD), "train.seed=x", *tokens, "y=1")
    shown = [(p.where.file, p.where.source) for p in problems if p.where is not None]
    assert shown == [("--set[1]", "train.seed=x"), ("--set[2]", ""), ("--set[3]", ""), ("--set[4]", "y=1")]


def test_paths_start_where_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "lib/base.yaml", GOOD + "network: {network_weights: w.safetensors}\n")
    path = write(
        tmp_path / "mine/r.yaml",
        "extends: ../lib/base.yaml\nbase_model: {vae: vae.safetensors, clip_l: ~/clip.safetensors}\n",
    )
    loaded = load_recipe(path, ["concepts.0.image_dir=here"])
    assert loaded.resolve_path("base_model.pretrained_model_name_or_path") == tmp_path / "lib/base.safetensors"
    assert loaded.resolve_path("network.network_weights") == tmp_path / "lib/w.safetensors"
    assert loaded.resolve_path("base_model.vae") == tmp_path / "mine/vae.safetensors"
    assert loaded.resolve_path("base_model.clip_l") == Path.home() / "clip.safetensors"
    assert loaded.resolve_path("concepts[0].image_dir") == tmp_path / "here"
    assert loaded.resolve_path("concepts[1].image_dir") == Path("/data/reg")
    assert loaded.base_dir == tmp_path / "mine"
    with pytest.raises(KeyError):
        loaded.resolve_path("base_model.t5xxl")


def test_a_shipped_preset_is_extended_by_name(tmp_path: Path) -> None:
    child = "extends: sdxl-character\nname: a\nsubject: {trigger: b}\nconcepts: [{image_dir: x}]\n"
    loaded = load_recipe(write(tmp_path / "r.yaml", child))
    assert loaded.recipe.base_model.family == "sdxl"
    assert str(loaded.origins["network.network_dim"].where).startswith("preset sdxl-character:")
    assert loaded.sources[0] == shipped_recipes()["sdxl-character"]


@pytest.mark.parametrize(
    "secret", ["hf_abcdefghijklmnopqrstuvwxyz", "https://u:hunter2@host/x", "sk-abcdefghijklmnopqrstuvwxyz"]
)
@pytest.mark.parametrize(
    "line", ["metadata: {{title: '{}'}}", "# {}", "x: '{}'", "train: {{unet_lr: '{}'}}", "name: '{}'"]
)
def test_no_secret_is_ever_repeated(line: str, secret: str, tmp_path: Path) -> None:
    text = "\n".join(part for part in GOOD.splitlines() if not (line.startswith("name") and part.startswith("name")))
    problems = refused(write(tmp_path / "r.yaml", f"{text}\n{line.format(secret)}\n"))
    shown = render_problems(problems) + render_problems(problems, "zh")
    assert "secret" in {p.code for p in problems}
    assert secret not in shown
    assert "hunter2" not in shown
    assert all(p.where is None or secret not in p.where.source for p in problems)


def test_reading_a_recipe_loads_no_heavy_library() -> None:
    code = "import sys; import orchestrator.recipe.load; print([m for m in ('torch', 'numpy', 'git', 'accelerate', 'PIL', 'rich') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
