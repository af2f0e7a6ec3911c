"""Whole builds from hand-made plans: keys, paths, checks, commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
import toml

from orchestrator.backends import option_values
from orchestrator.backends.argspec import shipped_option_names
from orchestrator.backends.pocket.compile import compile as compile_pocket
from orchestrator.backends.pocket.options import OPTIONS as POCKET_OPTIONS
from orchestrator.backends.registry import COMPILERS, trainer_of
from orchestrator.backends.sd_scripts.compile import compile as compile_sd
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.provenance import Source
from orchestrator.core.trust import NOTHING_TRUSTED
from orchestrator.plan.owned import FORBIDDEN, OWNED
from tests.backends.plans import FAMILY_VALUES, LINE, POCKET, TRAINER, make_plan, resolved, subset


def train_toml(family: str = "sd15", **changes: Any) -> dict[str, Any]:
    compiler, trainer = (compile_pocket, POCKET) if family == "pocket" else (compile_sd, TRAINER)
    build = compiler(make_plan(family, None, None, **changes), trainer)
    assert build.problems == ()
    return toml.loads(build.files["train.toml"])


def problems_of(family: str = "sd15", **changes: Any) -> dict[str, str]:
    build = compile_sd(make_plan(family, None, None, **changes), TRAINER)
    return {p.code: p.what.en for p in build.problems}


@pytest.mark.parametrize("family", FAMILY_VALUES)
def test_the_same_plan_gives_the_same_bytes(family: str) -> None:
    name = trainer_of(family)
    trainer = POCKET if name == "pocket" else TRAINER
    one, two = (COMPILERS[name](make_plan(family), trainer, NOTHING_TRUSTED) for _ in range(2))
    assert one == two
    assert sorted(one.files) == ["accelerate.json", "dataset.toml", "sample_prompts.txt", "train.toml"]


def test_run_paths_are_relative_to_the_run_folder() -> None:
    values = train_toml()
    assert values["output_dir"] == "attempts/001/output"
    assert values["logging_dir"] == "attempts/001/logs"
    assert values["dataset_config"] == "dataset.toml"
    assert values["sample_prompts"] == "sample_prompts.txt"
    assert values["output_name"] == "alice"
    assert values["log_with"] == "tensorboard"


def test_values_take_the_form_their_option_wants() -> None:
    values = train_toml(
        network_alpha=16,
        text_encoder_lr=[1, 1e-5],
        optimizer_args={"weight_decay": 0.1, "betas": [0.9, 0.99], "fused": True},
        network_args={"conv_dim": 8, "conv_alpha": "4"},
        vae=PureWindowsPath("C:\\models\\vae.safetensors"),
        network_module="networks.lora",
        noise_offset=None,
    )
    assert isinstance(values["network_alpha"], float)
    assert values["text_encoder_lr"] == [1.0, 1e-5]
    assert values["optimizer_args"] == ["weight_decay=0.1", "betas=0.9,0.99", "fused=True"]
    assert values["network_args"] == ["conv_dim=8", "conv_alpha=4"]
    assert values["vae"] == "C:\\models\\vae.safetensors"
    assert values["resolution"] == "512"
    assert "noise_offset" not in values


def test_width_and_height_are_one_text() -> None:
    build = compile_sd(make_plan(general={"resolution": [512, 768]}), TRAINER)
    assert toml.loads(build.files["train.toml"])["resolution"] == "512,768"
    assert toml.loads(build.files["dataset.toml"])["general"]["resolution"] == [512, 768]


def test_sd2_is_always_told_to_the_trainer() -> None:
    assert train_toml("sd2")["v2"] is True


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"netwrok_dim": 32}, "unknown-option", "no option `netwrok_dim`"),
        ({"guidance_scale": 1.0}, "unknown-option", "no option `guidance_scale` for sd15"),
        ({"network_dim": "16"}, "wrong-option-value", "`network_dim` must be a whole number; it is '16'"),
        ({"save_precision": "float16"}, "wrong-option-value", "must be one of float, fp16, bf16"),
        ({"mixed_precision": "BF16"}, "wrong-option-value", "must be one of no, fp16, bf16"),
        ({"lr_warmup_steps": 1.0}, "wrong-option-value", "below 1"),
        ({"metadata_title": 5}, "wrong-option-value", "must be text"),
        ({"vae_batch_size": -3}, "wrong-option-value", "`vae_batch_size` must be at least 1; it is -3"),
        ({"vae_batch_size": 0}, "wrong-option-value", "at least 1"),
        ({"max_data_loader_n_workers": -1}, "wrong-option-value", "at least 0"),
        ({"min_timestep": 2000, "max_timestep": 500}, "wrong-option-value", "must be from 0 to 999; it is 2000"),
        ({"max_timestep": 1001}, "wrong-option-value", "must be from 1 to 1000; it is 1001"),
        (
            {"min_timestep": 500, "max_timestep": 500},
            "wrong-option-value",
            "`min_timestep` must be below `max_timestep`",
        ),
        ({"min_timestep": 800, "max_timestep": 5}, "wrong-option-value", "they are 800 and 5"),
        ({"ip_noise_gamma": -5.0}, "wrong-option-value", "must be from 0 to 1; it is -5.0"),
        ({"prior_loss_weight": -3.0}, "wrong-option-value", "`prior_loss_weight` must be at least 0"),
        ({"huber_c": 0.0}, "wrong-option-value", "`huber_c` must be above 0"),
        ({"caption_dropout_rate": 1.5}, "wrong-option-value", "must be from 0 to 1"),
        ({"initial_step": 5}, "forbidden-option", "`initial_step`"),
        ({"output_dir": "/elsewhere"}, "option-of-the-run", "decided by the run folder"),
        ({"log_with": "wandb"}, "forbidden-option", "only be tensorboard"),
    ],
)
def test_what_the_trainer_would_swallow_is_refused(changes: dict[str, Any], code: str, said: str) -> None:
    found = problems_of(**changes)
    assert said in found[code]


@pytest.mark.parametrize(
    "changes",
    [
        {"min_timestep": 0, "max_timestep": 1000},
        {"min_timestep": 999},
        {"max_timestep": 1},
        {"adaptive_noise_scale": -0.1, "noise_offset": 0.05},
        {"ip_noise_gamma": 0.1, "prior_loss_weight": 0.0},
    ],
)
def test_the_ends_of_the_ranges_and_negative_numbers_that_mean_something_pass(changes: dict[str, Any]) -> None:
    assert "wrong-option-value" not in problems_of(**changes)


def test_every_option_with_a_range_is_one_of_a_trainer() -> None:
    """A misspelt name in the table would check nothing."""
    known = {*shipped_option_names(), *POCKET_OPTIONS}
    assert not set(option_values._RANGE_OF) - known
    named = [name for names in option_values._RANGES.values() for name in names]
    assert len(named) == len(set(named))


def test_a_misspelt_key_gets_its_neighbour_and_its_line() -> None:
    problem = compile_sd(make_plan(netwrok_dim=32), TRAINER).problems[0]
    assert problem.fix is not None
    assert problem.fix.en == "write `network_dim`"
    assert problem.where is not None
    assert problem.where.line == LINE


def test_an_option_of_another_family_is_told_apart_from_a_misspelling() -> None:
    fix = compile_sd(make_plan(guidance_scale=1.0), TRAINER).problems[0].fix
    assert fix is not None
    assert "other families" in fix.en


@pytest.mark.parametrize("name", [n for n, owned in OWNED.items() if owned.code == FORBIDDEN])
def test_options_that_send_run_or_end_are_refused(name: str) -> None:
    plan = make_plan("sd15", None, None, **{name: "x"})
    build = compile_sd(plan, TRAINER)
    told = [p for p in build.problems if p.code == "forbidden-option" and f"`{name}`" in p.what.en]
    assert len(told) == 1
    assert told[0].why is not None
    off = compile_sd(make_plan("sd15", None, None, **{name: False}), TRAINER)
    assert not [p for p in off.problems if p.code == "forbidden-option"]


def test_a_derived_output_name_is_no_mistake() -> None:
    plan = make_plan()
    named = {**plan.train, "output_name": replace(resolved("output_name", "alice"), source=Source.DERIVED)}
    assert compile_sd(replace(plan, train=named), TRAINER).problems == ()


def test_held_out_pictures_are_a_data_set_of_their_own() -> None:
    plan = make_plan(
        general={"shuffle_caption": True, "caption_dropout_rate": 0.1},
        plan={"validation": subset("data/1_held", num_repeats=9, options={"flip_aug": True})},
    )
    build = compile_sd(plan, TRAINER)
    assert build.problems == ()
    datasets = toml.loads(build.files["dataset.toml"])["datasets"]
    assert [sorted(d) for d in datasets] == [["subsets"], ["subsets", "validation_seed", "validation_split"]]
    assert datasets[1]["validation_split"] == 1.0
    assert isinstance(datasets[1]["validation_split"], float)
    assert datasets[1]["validation_seed"] == 7
    held = datasets[1]["subsets"][0]
    assert held["num_repeats"] == 1
    assert (held["shuffle_caption"], held["caption_dropout_rate"], held["flip_aug"]) == (False, 0.0, False)
    assert "color_aug" not in held
    assert toml.loads(build.files["train.toml"])["validation_seed"] == 7
    assert [link.path for link in build.links][-2:] == ["data/1_held/a.png", "data/1_held/a.txt"]


def test_regularisation_folders_are_marked() -> None:
    plan = make_plan(plan={"subsets": (subset(), subset("data/1_girl", is_reg=True, num_repeats=1))})
    subsets = toml.loads(compile_sd(plan, TRAINER).files["dataset.toml"])["datasets"][0]["subsets"]
    assert [s.get("is_reg", False) for s in subsets] == [False, True]


@pytest.mark.parametrize(
    ("general", "options", "said"),
    [
        ({"resolutoin": 512}, {}, "`resolutoin` is no key"),
        ({"alpha_mask": True}, {}, "`alpha_mask` may not stand in the table of the general"),
        ({"batch_size": 2.0}, {}, "`batch_size` must be a whole number"),
        ({}, {"validation_split": 0.1}, "`validation_split` may not stand in the table of the subset"),
        ({}, {"keep_tokens": "1"}, "`keep_tokens` must be a whole number"),
        ({}, {"resize_interpolation": "best"}, "`resize_interpolation` must be one of"),
    ],
)
def test_what_the_dataset_reader_would_refuse_is_told(
    general: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    plan = make_plan(general=general, plan={"subsets": (subset(options=options),)})
    problems = [p for p in compile_sd(plan, TRAINER).problems if p.code == "wrong-dataset-value"]
    assert len(problems) == 1
    assert said in problems[0].what.en


def test_whole_numbers_become_floats_where_the_dataset_reader_is_strict() -> None:
    plan = make_plan(plan={"subsets": (subset(options={"face_crop_aug_range": [2, 4]}),)}, cache_latents=False)
    build = compile_sd(plan, TRAINER)
    assert build.problems == ()
    assert "face_crop_aug_range = [2.0, 4.0]" in build.files["dataset.toml"]


def test_problems_are_said_once_and_in_the_order_of_the_recipe() -> None:
    problems = compile_sd(make_plan(plan={"subsets": (subset(sizes=()),)}, netwrok_dim=3, seed="x"), TRAINER).problems
    assert problems[-1].where is None
    assert len({(p.code, p.what.en) for p in problems}) == len(problems)


def test_the_command_answers_everything_accelerate_may_ask() -> None:
    command = compile_sd(make_plan(), TRAINER).commands[0]
    argv = list(command.argv)
    assert argv[:5] == [
        str(Path("/trainer/venv/bin/python")),
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        "accelerate.json",
    ]
    assert argv[-3:] == [str(Path("/trainer/sd-scripts/train_network.py")), "--config_file", "train.toml"]
    assert argv[argv.index("--mixed_precision") + 1] == "bf16"
    assert "--cpu" not in argv
    assert "--multi_gpu" not in argv
    assert command.environment["PYTHONUTF8"] == "1"
    assert "HF_HUB_OFFLINE" not in command.environment


def test_several_processes_take_a_free_port() -> None:
    build = compile_sd(make_plan(plan={"num_processes": 2}), TRAINER)
    argv = build.commands[0].argv
    assert "--multi_gpu" in argv
    assert argv[argv.index("--main_process_port") + 1] == "0"
    assert build.commands[0].environment["PET_STANDALONE"] == "1"
    assert json.loads(build.files["accelerate.json"])["distributed_type"] == "MULTI_GPU"


def test_offline_only_where_nothing_is_left_to_fetch() -> None:
    with_cache = make_plan(tokenizer_cache_dir="/models/tokenizers")
    assert compile_sd(with_cache, TRAINER).commands[0].environment["HF_HUB_OFFLINE"] == "1"
    from_hub = make_plan(tokenizer_cache_dir="/models/tokenizers", pretrained_model_name_or_path="author/model")
    assert "HF_HUB_OFFLINE" not in compile_sd(from_hub, TRAINER).commands[0].environment


def test_pocket_trains_on_the_cpu_with_its_shipped_base() -> None:
    build = compile_pocket(make_plan("pocket", pretrained_model_name_or_path=None), POCKET)
    assert build.problems == ()
    assert toml.loads(build.files["train.toml"])["pretrained_model_name_or_path"] == "pocket"
    assert "--cpu" in build.commands[0].argv
    assert json.loads(build.files["accelerate.json"])["use_cpu"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"xformers": True}, "unknown-option"),
        ({"network_weights": "/m/a.pt"}, "pickle-model-file"),
        ({"mixed_precision": "bf16"}, "wrong-option-value"),
        ({"vae_batch_size": 0}, "wrong-option-value"),
        ({"optimizer_args": ["weight_decay=(1, 2)"]}, "optimizer-argument-value"),
    ],
)
def test_pocket_refuses_what_it_does_not_implement(changes: dict[str, Any], code: str) -> None:
    assert code in {p.code for p in compile_pocket(make_plan("pocket", **changes), POCKET).problems}


def test_pocket_refuses_dataset_keys_and_processes_it_does_not_implement() -> None:
    plan = make_plan("pocket", general={"color_aug": False}, plan={"num_processes": 2})
    assert {p.code for p in compile_pocket(plan, POCKET).problems} == {"unknown-option", "one-process-only"}


def test_a_plan_for_the_other_trainer_is_an_error() -> None:
    with pytest.raises(EnvironmentFault):
        compile_sd(make_plan("pocket"), TRAINER)
    with pytest.raises(EnvironmentFault):
        compile_pocket(make_plan("sd15"), POCKET)


def test_names_and_paths_of_all_kinds_reach_the_trainer() -> None:
    folder = "data/10_初音ミク 'girl' \"x\""
    long = "/models/" + "very long folder name/" * 40 + "模型.safetensors"
    plan = make_plan(
        plan={"subsets": (subset(folder, class_tokens="初音ミク 'girl' \"x\""),)}, pretrained_model_name_or_path=long
    )
    build = compile_sd(plan, TRAINER)
    assert build.problems == ()
    assert toml.loads(build.files["dataset.toml"])["datasets"][0]["subsets"][0]["image_dir"] == folder
    assert toml.loads(build.files["train.toml"])["pretrained_model_name_or_path"] == long


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clip_skip": 2}, "pocket has no option `clip_skip`"),
        ({"optimizer_type": "Foo"}, "`optimizer_type` must be one of AdamW, Adam,"),
        ({"optimizer_args": "a"}, "`optimizer_args` must be a list of texts; it is 'a'"),
    ],
)
def test_texts_read_well_for_pocket(changes: dict[str, Any], said: str) -> None:
    (problem,) = compile_pocket(make_plan("pocket", **changes), POCKET).problems
    assert problem.what.en.startswith(said)
    assert "for pocket" not in problem.what.en
    assert problem.fix is not None
    assert problem.why is not None
    assert "does not check" not in problem.why.en
