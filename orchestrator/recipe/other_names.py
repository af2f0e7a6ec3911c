"""Keys in the words of other tools and of the trainer, and where the recipe has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    "lr": "train.learning_rate",
    "te_lr": "train.text_encoder_lr",
    "text_encoder_lr1": "train.text_encoder_lr",
    "rank": "network.network_dim",
    "dim": "network.network_dim",
    "alpha": "network.network_alpha",
    "epochs": "train.max_train_epochs",
    "epoch": "train.max_train_epochs",
    "num_epochs": "train.max_train_epochs",
    "steps": "train.target_steps",
    "max_train_steps": "train.target_steps",
    "batch_size": "train.train_batch_size",
    "optimizer": "train.optimizer_type",
    "scheduler": "train.lr_scheduler",
    "warmup": "train.lr_warmup_steps",
    "lr_warmup_ratio": "train.lr_warmup_steps",
    "sdpa": "train.attention",
    "xformers": "train.attention",
    "conv_dim": "network.network_args.conv_dim",
    "conv_alpha": "network.network_args.conv_alpha",
    "algo": "network.network_args.algo",
    "weight_decay": "train.optimizer_args.weight_decay",
    "betas": "train.optimizer_args.betas",
    "d_coef": "train.optimizer_args.d_coef",
    "repeats": "concepts[0].num_repeats",
    "train_data_dir": "concepts[0].image_dir",
    "reg_data_dir": "concepts[0].is_reg",
    "model": "base_model.pretrained_model_name_or_path",
    "base_model_path": "base_model.pretrained_model_name_or_path",
    "v2": "base_model.family",
    "trigger_word": "subject.trigger",
    "class": "subject.class_tokens",
    "output_name": "name",
    "sample_prompts": "sample.prompts",
    "validation_split": "validate.hold_out",
    "metadata_title": "metadata.title",
    "metadata_author": "metadata.author",
    "metadata_description": "metadata.description",
    "metadata_license": "metadata.license",
    "metadata_tags": "metadata.tags",
}
"""What other tools, or the trainer, call a thing that the recipe has under another name."""

OTHER_NAMES_IN: Mapping[str, Mapping[str, str]] = {
    "": {
        "version": "recipe_version",
        "extend": "extends",
        "datasets": "concepts",
        "meta": "metadata",
        "comment": "metadata.training_comment",
        "output_dir": "save.runs_dir",
    },
    "subject": {"type": "subject.kind"},
    "base_model": {
        "type": "base_model.family",
        "arch": "base_model.family",
        "architecture": "base_model.family",
        "sdxl": "base_model.family",
        "flux": "base_model.family",
        "path": "base_model.pretrained_model_name_or_path",
        "file": "base_model.pretrained_model_name_or_path",
        "checkpoint": "base_model.pretrained_model_name_or_path",
        "pretrained_model": "base_model.pretrained_model_name_or_path",
        "name_or_path": "base_model.pretrained_model_name_or_path",
    },
    "concepts[0]": {
        "path": "concepts[0].image_dir",
        "dir": "concepts[0].image_dir",
        "folder": "concepts[0].image_dir",
        "folder_path": "concepts[0].image_dir",
        "images": "concepts[0].image_dir",
        "repeat": "concepts[0].num_repeats",
    },
    "dataset": {"bucket": "dataset.enable_bucket", "size": "dataset.resolution"},
    "network": {
        "lora_rank": "network.network_dim",
        "linear": "network.network_dim",
        "linear_alpha": "network.network_alpha",
    },
    "train": {"max_steps": "train.target_steps", "output_dir": "save.runs_dir"},
    "save": {"output_dir": "save.runs_dir"},
    "sample.prompts[0]": {
        "steps": "sample.prompts[0].sample_steps",
        "cfg": "sample.prompts[0].scale",
        "cfg_scale": "sample.prompts[0].scale",
        "guidance_scale": "sample.prompts[0].scale",
        "negative": "sample.prompts[0].negative_prompt",
    },
}
"""The same, where the name means something else in another section."""
