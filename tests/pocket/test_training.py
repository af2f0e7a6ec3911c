"""Whole runs of the trainer in its own process: lines, tags, files and metadata are those of sd-scripts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from safetensors import safe_open

pytest.importorskip("torch", reason="the pocket extra is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pocket.conftest import Finished

pytestmark = [
    pytest.mark.slow,
    # TensorBoard's reader still uses numpy names that numpy warns about.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TRAIN = """pretrained_model_name_or_path = "pocket"
dataset_config = "dataset.toml"
output_dir = "model"
output_name = "thing"
network_module = "networks.lora"
network_dim = 2
network_alpha = 1
learning_rate = 1e-3
unet_lr = 1e-3
text_encoder_lr = 5e-4
seed = 4
mixed_precision = "no"
max_data_loader_n_workers = 0
cache_latents = true
logging_dir = "logs"
log_with = "tensorboard"
"""
DATASET = """[general]
caption_extension = ".txt"
[[datasets]]
resolution = 64
batch_size = 4
validation_split = 0.34
validation_seed = 2
[[datasets.subsets]]
image_dir = "6_glx thing"
num_repeats = 3
class_tokens = "glx thing"
"""
TAGS = {
    "loss/current", "loss/average", "loss/epoch_average", "lr/unet", "lr/textencoder", "lr/group1",
    "loss/validation/epoch_average", "loss/validation/epoch_divergence",
    "loss/validation/step_average", "loss/validation/step_divergence",
}  # fmt: skip
SS_KEYS = {
    f"ss_{name}"
    for name in [
        "adaptive_noise_scale",
        "base_model_version",
        "cache_latents",
        "caption_dropout_every_n_epochs",
        "caption_dropout_rate",
        "caption_tag_dropout_rate",
        "clip_skip",
        "dataset_dirs",
        "datasets",
        "debiased_estimation",
        "epoch",
        "face_crop_aug_range",
        "fp8_base",
        "fp8_base_unet",
        "full_fp16",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "huber_c",
        "huber_scale",
        "huber_schedule",
        "ip_noise_gamma",
        "ip_noise_gamma_random_strength",
        "learning_rate",
        "loss_type",
        "lowram",
        "lr_scheduler",
        "lr_warmup_steps",
        "max_grad_norm",
        "max_token_length",
        "max_train_steps",
        "max_validation_steps",
        "min_snr_gamma",
        "mixed_precision",
        "multires_noise_discount",
        "multires_noise_iterations",
        "network_alpha",
        "network_dim",
        "network_dropout",
        "network_module",
        "new_sd_model_hash",
        "noise_offset",
        "noise_offset_random_strength",
        "num_batches_per_epoch",
        "num_epochs",
        "num_reg_images",
        "num_train_images",
        "num_validation_images",
        "optimizer",
        "output_name",
        "prior_loss_weight",
        "resize_interpolation",
        "scale_weight_norms",
        "sd_model_hash",
        "sd_model_name",
        "sd_scripts_commit_hash",
        "seed",
        "session_id",
        "steps",
        "tag_frequency",
        "text_encoder_lr",
        "training_comment",
        "training_finished_at",
        "training_started_at",
        "unet_lr",
        "v2",
        "validate_every_n_epochs",
        "validate_every_n_steps",
        "validation_seed",
        "validation_split",
        "zero_terminal_snr",
    ]
}  # what sd-scripts writes with a dataset TOML


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "np") as content:
        return dict(content.metadata())


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(next(folder.glob("logs/*/network_train"))), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }  # fmt: skip


def test_a_run_with_everything(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    (pictures.parent / "prompts.txt").write_text(
        "# a comment\nglx thing --w 64 --h 64 --s 2 --l 3 --d 7 --n dull\nglx thing, number 1 --w 64 --h 64 --s 1\n",
        encoding="utf-8",
    )
    more = """max_train_epochs = 3
save_every_n_epochs = 1
save_last_n_epochs = 1
save_every_n_steps = 4
save_state_on_train_end = true
validate_every_n_steps = 5
sample_prompts = "prompts.txt"
sample_every_n_epochs = 3
sample_at_first = true
sample_sampler = "euler_a"
metadata_trigger_phrase = "glx"
"""
    done = run_trainer(TRAIN + more, DATASET)
    assert done.code == 0, done.lines
    check_lines(done.lines)
    check_files(done.folder / "model")
    check_scalars(scalars(done.folder))


def check_lines(lines: list[str]) -> None:
    text = "\n".join(lines)
    for words in (
        "INFO     Loading settings from train.toml...",
        "INFO     found directory 6_glx thing contains 4 image files",
        "INFO     12 train images with repeats.",
        "INFO     2 validation images with repeats.",
        "[Validation Dataset 0]",
        "image_count: 4",
        "override steps. steps for 3 epochs is / 指定エポックまでのステップ数: 9",
        "running training / 学習開始",
        "  num train images * repeats / 学習画像の数×繰り返し回数: 12",
        "  num validation images * repeats / 学習画像の数×繰り返し回数: 2",
        "  num reg images / 正則化画像の数: 0",
        "  num batches per epoch / 1epochのバッチ数: 3",
        "  num epochs / epoch数: 3",
        "  batch size per device / バッチサイズ: 4",
        "  gradient accumulation steps / 勾配を合計するステップ数 = 1",
        "  total optimization steps / 学習ステップ数: 9",
        "epoch 3/3",
        "saving checkpoint: model/thing-000002.safetensors",
        "removing old checkpoint: model/thing-000001.safetensors",
        "saving checkpoint: model/thing-step00000008.safetensors",
        "generating sample images at step / サンプル画像生成 ステップ: 0",
        "prompt: glx thing",
        "negative_prompt: dull",
        "sample_sampler: euler_a",
        "INFO     model saved.",
    ):
        assert words in text, words
    assert re.search(r"steps: 100%\|█+\| 9/9 \[\d\d:\d\d<\d\d:\d\d, .*avr_loss=0\.\d+", text)
    assert re.search(r"epoch validation steps: .*val_epoch_avg_loss=0\.\d+, timestep=800", text)
    assert re.search(r"(?<!epoch )validation steps: .*val_avg_loss=0\.\d+, timestep=200", text)


def check_files(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "thing.safetensors", "thing-000002.safetensors", "thing-step00000004.safetensors",
        "thing-step00000008.safetensors", "thing-state", "sample",
    }  # fmt: skip
    assert json.loads((folder / "thing-state" / "train_state.json").read_text(encoding="utf-8")) == {
        "current_epoch": 3,
        "current_step": 9,
    }
    names = sorted(path.name for path in (folder / "sample").iterdir())
    assert len(names) == 4
    assert re.fullmatch(r"thing_e000000_00_\d{14}_7\.png", names[0])
    assert re.fullmatch(r"thing_e000003_01_\d{14}\.png", names[3])
    found = metadata(folder / "thing.safetensors")
    assert {key for key in found if key.startswith("ss_")} == SS_KEYS
    assert {key for key in found if key.startswith("sshs_")} == {"sshs_model_hash", "sshs_legacy_hash"}
    assert (found["ss_base_model_version"], found["ss_steps"], found["ss_epoch"]) == ("pocket", "9", "3")
    assert found["ss_text_encoder_lr"] == "0.0005"
    assert found["modelspec.trigger_phrase"] == "glx"
    assert json.loads(found["ss_dataset_dirs"]) == {"6_glx thing": {"n_repeats": 3, "img_count": 4}}
    assert metadata(folder / "thing-step00000004.safetensors")["ss_epoch"] == "1"  # from 0 in step checkpoints
    with safe_open(folder / "thing.safetensors", "np") as content:
        keys = set(content.keys())
        ups = [abs(content.get_tensor(key)).max() for key in keys if key.endswith("lora_up.weight")]
    stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    assert {f"{stem}.lora_down.weight", f"{stem}.lora_up.weight", f"{stem}.alpha"} <= keys
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight" in keys
    assert "lora_te_text_model_encoder_layers_1_mlp_fc2.alpha" in keys
    assert len(keys) == 3 * (48 + 12)
    assert min(ups) > 0


def check_scalars(series: dict[str, list[tuple[int, float]]]) -> None:
    assert set(series) == TAGS
    assert [step for step, _ in series["loss/current"]] == list(range(1, 10))
    assert [step for step, _ in series["loss/epoch_average"]] == [1, 2, 3]
    assert [step for step, _ in series["loss/validation/step_average"]] == [5]
    assert series["lr/textencoder"][0][1] == pytest.approx(5e-4)
    assert series["lr/unet"][0][1] == pytest.approx(1e-3)


def test_accumulation_steps_on_the_last_batch_of_an_epoch(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    assert pictures.is_dir()
    done = run_trainer(TRAIN + "max_train_epochs = 2\ngradient_accumulation_steps = 2\n", DATASET)
    assert done.code == 0, done.lines
    assert "  total optimization steps / 学習ステップ数: 4" in done.lines
    series = scalars(done.folder)
    assert [step for step, _ in series["loss/current"]] == [0, 1, 2, 2, 3, 4]


def test_nan_does_not_stop_the_run(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    assert pictures.is_dir()
    more = 'max_train_steps = 6\noptimizer_type = "SGD"\nmax_grad_norm = 0.0\n'
    broken = TRAIN.replace("unet_lr = 1e-3", "unet_lr = 1e30")
    done = run_trainer(broken + more, DATASET)
    assert done.code == 0
    assert any("avr_loss=nan" in line for line in done.lines)
    assert any("model saved." in line for line in done.lines)
    values = [value for _, value in scalars(done.folder)["loss/current"]]
    assert len(values) == 6
    assert values[0] == values[0]
    assert values[-1] != values[-1]


def test_the_same_seed_gives_the_same_weights_and_a_state_is_resumed(
    run_trainer: Callable[..., Finished], pictures: Path
) -> None:
    more = "max_train_epochs = 2\nsave_every_n_epochs = 1\nsave_state = true\nnetwork_train_unet_only = true\n"
    first = run_trainer(TRAIN + more, DATASET)
    tensors = (first.folder / "model" / "thing.safetensors").read_bytes()
    keys = set(metadata(first.folder / "model" / "thing.safetensors"))
    again = run_trainer(TRAIN + more, DATASET)
    assert first.code == again.code == 0
    hashes = metadata(again.folder / "model" / "thing.safetensors")
    assert hashes["sshs_model_hash"].encode() in tensors
    assert set(hashes) == keys
    resumed = run_trainer(TRAIN + more.replace("= 2", "= 3") + 'resume = "model/thing-000001-state"\n', DATASET)
    assert resumed.code == 0, resumed.lines
    assert "epoch 2/3" in resumed.lines
    assert "epoch 1/3" not in resumed.lines
    assert metadata(pictures.parent / "model" / "thing.safetensors")["ss_steps"] == "6"  # counts from the resume


def test_an_option_that_is_not_implemented_ends_the_run(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    assert pictures.is_dir()
    done = run_trainer(TRAIN + "xformers = true\nnetwrok_dim = 3\n", DATASET)
    assert done.code == 1
    text = "\n".join(done.lines)
    assert "error: train.toml: pocket does not implement `xformers`" in text
    assert "did you mean `network_dim`" in text
    assert "Traceback" not in text


def test_prodigy_without_its_package_is_told(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    pytest.importorskip("torch")
    try:
        import prodigyopt  # noqa: F401
    except ImportError:
        done = run_trainer(TRAIN + 'optimizer_type = "Prodigy"\n', DATASET)
        assert done.code == 1
        assert any("pip install prodigyopt" in line for line in done.lines)
        assert pictures.is_dir()
    else:
        pytest.skip("prodigyopt is installed")


def test_no_pictures_end_with_code_0_as_in_sd_scripts(run_trainer: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "6_glx thing").mkdir()
    done = run_trainer(TRAIN, DATASET.replace("validation_split = 0.34\n", ""))
    assert done.code == 0
    assert any("No data found." in line for line in done.lines)
    assert not (tmp_path / "model").exists()


def test_folders_carry_the_dataset_too(run_trainer: Callable[..., Finished], pictures: Path) -> None:
    for number in range(3):
        Image.new("RGB", (100, 60), (200, 30, number)).save(pictures / f"wide{number}.png")
    (pictures.parent / "data").mkdir()
    pictures.rename(pictures.parent / "data" / pictures.name)
    more = """train_data_dir = "data"
resolution = "64,64"
enable_bucket = true
min_bucket_reso = 32
max_bucket_reso = 128
bucket_reso_steps = 16
train_batch_size = 4
caption_extension = ".txt"
max_train_epochs = 1
network_train_unet_only = true
"""
    done = run_trainer(
        TRAIN.replace('dataset_config = "dataset.toml"\n', "").replace("cache_latents = true\n", "") + more
    )
    assert done.code == 0, done.lines
    text = "\n".join(done.lines)
    assert "bucket 0: resolution (64, 64), count: 36" in text
    assert "bucket 1: resolution (80, 48), count: 18" in text
    assert "No caption file found for 3 images." in text
    assert "  total optimization steps / 学習ステップ数: 14" in done.lines
    assert set(scalars(done.folder)) == {"loss/current", "loss/average", "loss/epoch_average", "lr/unet", "lr/group0"}
    found = metadata(done.folder / "model" / "thing.safetensors")
    assert json.loads(found["ss_dataset_dirs"]) == {"6_glx thing": {"n_repeats": 6, "img_count": 9}}
    assert found["ss_resolution"] == "(64, 64)"
    assert "ss_datasets" not in found
