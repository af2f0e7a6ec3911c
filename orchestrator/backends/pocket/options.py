"""Every option the pocket trainer implements, under sd-scripts' own names.

Plain data, standard library only: the trainer refuses what is not listed here, and `compile` checks against the same
lists before anything is started. A name that is missing is not implemented; nothing is accepted and then ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["str", "int", "float", "int_or_float", "bool", "str_list", "float_list", "size"]
Level = Literal["general", "dataset", "subset"]


@dataclass(frozen=True, slots=True)
class Option:
    """One key of the training TOML."""

    kind: Kind
    """`int_or_float`: an int counts steps, a float is a share of the run. `float_list`: a float or a list of floats."""
    default: object = None
    choices: tuple[str, ...] = ()
    note: str = ""
    """Where pocket differs from sd-scripts."""


@dataclass(frozen=True, slots=True)
class DatasetOption:
    """One key of the dataset TOML; looked up in the subset, the dataset, `[general]`, then the training TOML."""

    kind: Kind
    levels: tuple[Level, ...]
    argument: str = ""
    """Name of the training option that is the last fallback; empty: none."""
    default: object = None


SAMPLERS = ("ddim", "pndm", "euler", "euler_a", "heun", "dpmsolver++", "k_euler", "k_euler_a")
SCHEDULERS = (
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant",
)  # fmt: skip
OPTIMIZERS = ("AdamW", "Adam", "SGD", "SGDNesterov", "RMSprop", "RAdam", "NAdam", "Adagrad", "Prodigy")

_MODEL = {
    "pretrained_model_name_or_path": Option("str", note="`pocket` is the shipped base; else a pocket base folder"),
    "network_module": Option("str", choices=("networks.lora",)),
    "network_dim": Option("int", note="4 when missing, as in sd-scripts"),
    "network_alpha": Option("float", 1.0),
    "network_dropout": Option("float", note="applied by peft to the input of the low-rank pair"),
    "network_weights": Option("str", note="start from this LoRA file"),
    "network_train_unet_only": Option("bool", default=False),
    "network_train_text_encoder_only": Option("bool", default=False),
    "sdpa": Option("bool", default=False, note="always on: diffusers' default attention"),
}
_OPTIMIZER = {
    "optimizer_type": Option("str", "", choices=("", *OPTIMIZERS), note="empty is AdamW; Prodigy needs prodigyopt"),
    "optimizer_args": Option("str_list"),
    "learning_rate": Option("float", 2e-6),
    "unet_lr": Option("float"),
    "text_encoder_lr": Option("float_list"),
    "max_grad_norm": Option("float", 1.0),
    "lr_scheduler": Option("str", "constant", choices=SCHEDULERS),
    "lr_scheduler_args": Option("str_list"),
    "lr_warmup_steps": Option("int_or_float", 0),
    "lr_decay_steps": Option("int_or_float", 0),
    "lr_scheduler_num_cycles": Option("int", 1),
    "lr_scheduler_power": Option("float", 1.0),
    "lr_scheduler_timescale": Option("int"),
    "lr_scheduler_min_lr_ratio": Option("float"),
}
_LOOP = {
    "max_train_steps": Option("int", 1600),
    "max_train_epochs": Option("int"),
    "train_batch_size": Option("int", 1),
    "gradient_accumulation_steps": Option("int", 1),
    "seed": Option("int"),
    "mixed_precision": Option("str", "no", choices=("no",), note="a CPU trains in float32"),
    "max_data_loader_n_workers": Option("int", 8),
    "persistent_data_loader_workers": Option("bool", default=False),
    "resume": Option("str"),
    "initial_epoch": Option("int"),
    "initial_step": Option("int"),
    "loss_type": Option("str", "l2", choices=("l1", "l2")),
    "min_snr_gamma": Option("float"),
    "debiased_estimation_loss": Option("bool", default=False),
    "noise_offset": Option("float"),
    "min_timestep": Option("int"),
    "max_timestep": Option("int"),
    "prior_loss_weight": Option("float", 1.0),
}
_DATASET = {
    "dataset_config": Option("str", note="wins over train_data_dir"),
    "train_data_dir": Option("str", note="parent of <repeats>_<class tokens> folders"),
    "reg_data_dir": Option("str", note="the same layout for regularisation pictures"),
    "resolution": Option("str"),
    "enable_bucket": Option("bool", default=False),
    "min_bucket_reso": Option("int", 256),
    "max_bucket_reso": Option("int", 1024),
    "bucket_reso_steps": Option("int", 64, note="divisible by 8"),
    "bucket_no_upscale": Option("bool", default=False),
    "dataset_repeats": Option("int", 1),
    "caption_extension": Option("str", ".caption"),
    "caption_separator": Option("str", ","),
    "caption_prefix": Option("str"),
    "caption_suffix": Option("str"),
    "shuffle_caption": Option("bool", default=False),
    "keep_tokens": Option("int", 0),
    "keep_tokens_separator": Option("str", ""),
    "caption_dropout_rate": Option("float", 0.0),
    "caption_dropout_every_n_epochs": Option("int", 0),
    "caption_tag_dropout_rate": Option("float", 0.0),
    "flip_aug": Option("bool", default=False),
    "cache_latents": Option("bool", default=False),
    "vae_batch_size": Option("int", 1),
    "validation_split": Option("float", 0.0),
    "validation_seed": Option("int"),
    "validate_every_n_steps": Option("int"),
    "validate_every_n_epochs": Option("int"),
    "max_validation_steps": Option("int"),
}
_OUTPUT = {
    "output_dir": Option("str"),
    "output_name": Option("str"),
    "save_model_as": Option("str", "safetensors", choices=("safetensors",)),
    "save_precision": Option("str", choices=("float", "fp16", "bf16")),
    "save_every_n_epochs": Option("int"),
    "save_every_n_steps": Option("int"),
    "save_n_epoch_ratio": Option("int"),
    "save_last_n_epochs": Option("int"),
    "save_last_n_epochs_state": Option("int"),
    "save_last_n_steps": Option("int"),
    "save_last_n_steps_state": Option("int"),
    "save_state": Option("bool", default=False),
    "save_state_on_train_end": Option("bool", default=False),
    "sample_prompts": Option("str", note="a .txt file"),
    "sample_every_n_steps": Option("int"),
    "sample_every_n_epochs": Option("int"),
    "sample_at_first": Option("bool", default=False),
    "sample_sampler": Option("str", "ddim", choices=SAMPLERS),
    "logging_dir": Option("str"),
    "log_with": Option("str", choices=("tensorboard",)),
    "log_prefix": Option("str"),
    "log_tracker_name": Option("str"),
    "console_log_simple": Option("bool", default=False),
    "training_comment": Option("str"),
    "no_metadata": Option("bool", default=False),
    "metadata_title": Option("str"),
    "metadata_author": Option("str"),
    "metadata_description": Option("str"),
    "metadata_license": Option("str"),
    "metadata_tags": Option("str"),
    "metadata_trigger_phrase": Option("str"),
    "metadata_usage_hint": Option("str"),
}

OPTIONS: dict[str, Option] = {**_MODEL, **_OPTIMIZER, **_LOOP, **_DATASET, **_OUTPUT}
"""Keys of the training TOML."""

_ALL: tuple[Level, ...] = ("general", "dataset", "subset")
_UPPER: tuple[Level, ...] = ("general", "dataset")
_SUBSET: tuple[Level, ...] = ("subset",)

DATASET_OPTIONS: dict[str, DatasetOption] = {
    "resolution": DatasetOption("size", _UPPER, "resolution"),
    "batch_size": DatasetOption("int", _UPPER, "train_batch_size"),
    "enable_bucket": DatasetOption("bool", _UPPER, "enable_bucket"),
    "min_bucket_reso": DatasetOption("int", _UPPER, "min_bucket_reso"),
    "max_bucket_reso": DatasetOption("int", _UPPER, "max_bucket_reso"),
    "bucket_reso_steps": DatasetOption("int", _UPPER, "bucket_reso_steps"),
    "bucket_no_upscale": DatasetOption("bool", _UPPER, "bucket_no_upscale"),
    "validation_split": DatasetOption("float", _UPPER, "validation_split"),
    "validation_seed": DatasetOption("int", _UPPER, "validation_seed"),
    "num_repeats": DatasetOption("int", _ALL, "dataset_repeats"),
    "caption_extension": DatasetOption("str", _ALL, "caption_extension"),
    "caption_separator": DatasetOption("str", _ALL, "caption_separator"),
    "caption_prefix": DatasetOption("str", _ALL, "caption_prefix"),
    "caption_suffix": DatasetOption("str", _ALL, "caption_suffix"),
    "shuffle_caption": DatasetOption("bool", _ALL, "shuffle_caption"),
    "keep_tokens": DatasetOption("int", _ALL, "keep_tokens"),
    "keep_tokens_separator": DatasetOption("str", _ALL, "keep_tokens_separator"),
    "caption_dropout_rate": DatasetOption("float", _ALL, "caption_dropout_rate"),
    "caption_dropout_every_n_epochs": DatasetOption("int", _ALL, "caption_dropout_every_n_epochs"),
    "caption_tag_dropout_rate": DatasetOption("float", _ALL, "caption_tag_dropout_rate"),
    "flip_aug": DatasetOption("bool", _ALL, "flip_aug"),
    "class_tokens": DatasetOption("str", _ALL),
    "image_dir": DatasetOption("str", _SUBSET),
    "is_reg": DatasetOption("bool", _SUBSET, default=False),
}
"""Keys of the dataset TOML."""
