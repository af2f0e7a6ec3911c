"""Reading the TOML files: what pocket does not implement is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError, read_arguments
from orchestrator.backends.pocket.trainer.blueprint import read_dataset_config, read_folders

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

GOOD = """pretrained_model_name_or_path = "pocket"
dataset_config = "dataset.toml"
output_dir = "model"
network_module = "networks.lora"
"""


def read(folder: Path, more: str, base: str = GOOD) -> argparse.Namespace:
    path = folder / "train.toml"
    path.write_text(base + more, encoding="utf-8")
    return read_arguments(["--config_file", str(path)])


def read_data(folder: Path, text: str, more: str = "") -> tuple[object, ...]:
    path = folder / "dataset.toml"
    path.write_text(text, encoding="utf-8")
    args = read(folder, more)
    args.dataset_config = str(path)
    return read_dataset_config(args)


def test_defaults_are_those_of_sd_scripts(tmp_path: Path) -> None:
    args = read(tmp_path, "")
    assert (args.learning_rate, args.max_train_steps, args.network_alpha, args.caption_extension) == (
        2e-6,
        1600,
        1.0,
        ".caption",
    )


def test_sections_are_flattened_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(GOOD + "[any]\nmax_train_epochs = 3\ntext_encoder_lr = 1e-4\n", encoding="utf-8")
    args = read_arguments(["--config_file", str(path), "--max_train_epochs", "5"])
    assert args.max_train_epochs == 5
    assert args.text_encoder_lr == [1e-4]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("netwrok_dim = 8", "did you mean `network_dim`"),
        ("xformers = true", "does not implement `xformers`"),
        ('network_dim = "8"', "`network_dim` must be a whole number"),
        ('mixed_precision = "bf16"', "`mixed_precision` must be one of no"),
        ('lr_scheduler = "foo"', "`lr_scheduler` must be one of"),
        ("save_every_n_steps = 0", "`save_every_n_steps` must be at least 1"),
        ("sample_every_n_steps = 10", "`sample_prompts` is missing"),
        ('sample_prompts = "p.json"', "must be a .txt file"),
        ('log_with = "tensorboard"', "`log_with` needs `logging_dir`"),
        ('log_with = "wandb"', "`log_with` must be one of tensorboard"),
        ("network_train_unet_only = true\nnetwork_train_text_encoder_only = true", "exclude each other"),
        ("persistent_data_loader_workers = true\nmax_data_loader_n_workers = 0", "above 0"),
    ],
)
def test_a_bad_key_is_refused_by_name(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, line)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "xformers = true\nlowram = true\n", base='output_dir = "x"\n')
    text = str(caught.value)
    assert all(name in text for name in ("xformers", "lowram", "pretrained_model_name_or_path", "network_module"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not found"):
        read_arguments(["--config_file", str(tmp_path / "none.toml")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[datasets]]\nresolution = 64\nfoo = 1\n", "does not implement `foo`"),
        ("[[datasets]]\nresolution = 60\n", "divisible by 8"),
        ("[[datasets]]\nresolution = 64\nimage_dir = 'x'\n", "`image_dir` belongs to subset"),
        ("[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nnum_repeats = 2\n", "needs `image_dir`"),
        ("[[datasets]]\nresolution = 64\nenable_bucket = true\n", "min_bucket_reso must be equal or less"),
        ("[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'x'\n", "`resolution` is required"),
        ("other = 1\n", "unknown table `other`"),
        ("[general]\n", "`datasets` is empty"),
        (
            "[[datasets]]\nresolution = 64\nenable_bucket = true\nmin_bucket_reso = 32\nbucket_reso_steps = 12\n",
            "must be divisible by 8",
        ),
    ],
)
def test_a_bad_dataset_key_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_data(tmp_path, text)


def test_subset_wins_over_dataset_over_general_over_arguments(tmp_path: Path) -> None:
    text = """[general]
shuffle_caption = true
keep_tokens = 1
[[datasets]]
resolution = [64, 96]
keep_tokens = 2
[[datasets.subsets]]
image_dir = "a"
keep_tokens = 3
[[datasets.subsets]]
image_dir = "b"
"""
    (plan,) = read_data(tmp_path, text, 'train_batch_size = 3\ncaption_extension = ".txt"\n')
    first, second = plan.subsets  # type: ignore[attr-defined]
    assert (first.keep_tokens, second.keep_tokens, first.shuffle_caption) == (3, 2, True)
    assert (plan.width, plan.height, plan.batch_size) == (64, 96, 3)  # type: ignore[attr-defined]
    assert first.caption_extension == ".txt"


def test_folders_carry_repeats_and_class_tokens(tmp_path: Path) -> None:
    for name in ("3_my_thing", "zero", "0_none", "12_"):
        (tmp_path / "data" / name).mkdir(parents=True)
    args = read(tmp_path, f'train_data_dir = "{tmp_path / "data"}"\nresolution = "64,64"\n')
    args.dataset_config = None
    (plan,) = read_folders(args)
    assert sorted((s.num_repeats, s.class_tokens) for s in plan.subsets) == [(3, "my_thing"), (12, "")]
