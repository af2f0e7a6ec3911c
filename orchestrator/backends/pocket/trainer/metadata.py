"""The `ss_*`, `sshs_*` and `modelspec.*` entries of a saved LoRA, under sd-scripts' keys."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save

from orchestrator import __version__

if TYPE_CHECKING:
    import argparse

    import torch

    from orchestrator.backends.pocket.trainer.dataset import PictureDataset

MINIMUM_KEYS = ("ss_v2", "ss_base_model_version", "ss_network_module", "ss_network_dim", "ss_network_alpha")
_COPIED = (
    "output_name", "learning_rate", "unet_lr", "text_encoder_lr", "gradient_accumulation_steps", "max_train_steps",
    "lr_warmup_steps", "lr_scheduler", "network_module", "network_dim", "network_alpha", "network_dropout",
    "mixed_precision", "cache_latents", "seed", "noise_offset", "training_comment", "max_grad_norm",
    "caption_dropout_rate", "caption_dropout_every_n_epochs", "caption_tag_dropout_rate", "prior_loss_weight",
    "min_snr_gamma", "loss_type", "validation_seed", "validation_split", "max_validation_steps",
    "validate_every_n_epochs", "validate_every_n_steps",
)  # fmt: skip
# What pocket does not implement stands in the file with the value that means "off" in sd-scripts.
_OFF: dict[str, object] = {
    "gradient_checkpointing": False, "full_fp16": False, "v2": False, "clip_skip": None, "max_token_length": None,
    "lowram": False, "multires_noise_iterations": None, "multires_noise_discount": 0.3, "adaptive_noise_scale": None,
    "zero_terminal_snr": False, "face_crop_aug_range": None, "scale_weight_norms": None, "ip_noise_gamma": None,
    "noise_offset_random_strength": False, "ip_noise_gamma_random_strength": False, "huber_schedule": "snr",
    "huber_scale": 1.0, "huber_c": 0.1, "fp8_base": False, "fp8_base_unet": False, "resize_interpolation": None,
}  # fmt: skip


def _subset_entry(subset: Any, count: int) -> dict[str, Any]:
    names = ("num_repeats", "flip_aug", "shuffle_caption", "keep_tokens", "keep_tokens_separator", "caption_prefix",
             "caption_suffix", "class_tokens", "is_reg")  # fmt: skip
    entry = {name: getattr(subset, name) for name in names}
    return {
        "img_count": count, "color_aug": False, "random_crop": False, "secondary_separator": None,
        "enable_wildcard": False, "resize_interpolation": None, "image_dir": Path(subset.image_dir).name, **entry,
    }  # fmt: skip


def _limits(dataset: PictureDataset) -> dict[str, Any]:
    plan = dataset.plan
    return {
        "enable_bucket": plan.enable_bucket,
        "min_bucket_reso": plan.min_bucket_reso if plan.enable_bucket else None,
        "max_bucket_reso": plan.max_bucket_reso if plan.enable_bucket else None,
    }


def _dataset_entries(datasets: list[PictureDataset]) -> dict[str, str]:
    """Datasets of a dataset TOML."""
    tables: list[dict[str, Any]] = []
    frequency: dict[str, dict[str, int]] = {}
    folders: dict[str, dict[str, int]] = {}
    for dataset in datasets:
        table = {
            "is_dreambooth": True,
            "batch_size_per_device": dataset.plan.batch_size,
            "num_train_images": dataset.num_train_images,
            "num_reg_images": dataset.num_reg_images,
            "resolution": [dataset.plan.width, dataset.plan.height],
            **_limits(dataset),
            "tag_frequency": dataset.tag_frequency,
            "bucket_info": dataset.bucket_info,
            "resize_interpolation": None,
            "subsets": [_subset_entry(subset, count) for subset, count in dataset.subsets],
        }
        tables.append(table)
        for subset, count in dataset.subsets:
            if subset.is_reg:
                continue
            name, number = Path(subset.image_dir).name, 2
            while name in folders:
                name, number = f"{Path(subset.image_dir).name} ({number})", number + 1
            folders[name] = {"n_repeats": subset.num_repeats, "img_count": count}
        for name, counts in dataset.tag_frequency.items():
            frequency.setdefault(name, counts)
    return {
        "ss_datasets": json.dumps(tables),
        "ss_tag_frequency": json.dumps(frequency),
        "ss_dataset_dirs": json.dumps(folders),
    }


def _folder_entries(args: argparse.Namespace, dataset: PictureDataset) -> dict[str, object]:
    """The one dataset of `train_data_dir`."""
    folders: dict[bool, dict[str, dict[str, int]]] = {False: {}, True: {}}
    for subset, count in dataset.subsets:
        folders[subset.is_reg][Path(subset.image_dir).name] = {"n_repeats": subset.num_repeats, "img_count": count}
    limits = {f"ss_{name}": value for name, value in _limits(dataset).items()}
    return {
        "ss_batch_size_per_device": args.train_batch_size,
        "ss_total_batch_size": args.train_batch_size * args.gradient_accumulation_steps,
        "ss_resolution": (dataset.plan.width, dataset.plan.height),
        "ss_color_aug": False,
        "ss_flip_aug": args.flip_aug,
        "ss_random_crop": False,
        "ss_shuffle_caption": args.shuffle_caption,
        "ss_bucket_no_upscale": args.bucket_no_upscale,
        "ss_keep_tokens": args.keep_tokens,
        "ss_dataset_dirs": json.dumps(folders[False]),
        "ss_reg_dataset_dirs": json.dumps(folders[True]),
        "ss_tag_frequency": json.dumps(dataset.tag_frequency),
        "ss_bucket_info": json.dumps(dataset.bucket_info),
        **limits,
    }


def training_metadata(
    args: argparse.Namespace, datasets: list[PictureDataset], base: Path, facts: dict[str, object]
) -> dict[str, str]:
    """All entries that are known when training starts, as text; `facts` adds counts and times."""
    values: dict[str, object] = {f"ss_{name}": getattr(args, name) for name in _COPIED}
    values |= {f"ss_{name}": value for name, value in _OFF.items()}
    if args.text_encoder_lr is not None and len(args.text_encoder_lr) == 1:
        values["ss_text_encoder_lr"] = args.text_encoder_lr[0]
    digest = hashlib.sha256((base / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()).hexdigest()
    values |= {
        "ss_session_id": random.SystemRandom().randint(0, 2**32),
        "ss_base_model_version": "pocket",
        "ss_debiased_estimation": args.debiased_estimation_loss,
        "ss_sd_scripts_commit_hash": f"pocket-{__version__}",
        "ss_sd_model_name": Path(args.pretrained_model_name_or_path).name,
        "ss_sd_model_hash": digest[:8],
        "ss_new_sd_model_hash": digest,
        **(_dataset_entries(datasets) if args.dataset_config else _folder_entries(args, datasets[0])),
        **facts,
    }
    return {name: str(value) for name, value in values.items()}


def model_spec(args: argparse.Namespace, size: tuple[int, int]) -> dict[str, str]:
    """The `modelspec.*` entries."""
    spec = {
        "sai_model_spec": "1.0.1",
        "architecture": "pocket/lora",
        "implementation": "diffusers",
        "implementation_version": f"pocket/{__version__}",
        "title": args.metadata_title or args.output_name or "last",
        "date": dt.datetime.now(tz=dt.timezone.utc).replace(tzinfo=None, microsecond=0).isoformat(),
        "resolution": f"{size[0]}x{size[1]}",
        "prediction_type": "epsilon",
    }
    if args.min_timestep is not None or args.max_timestep is not None:
        spec["timestep_range"] = f"{args.min_timestep or 0},{args.max_timestep or 1000}"
    for name in ("author", "description", "license", "tags", "trigger_phrase", "usage_hint"):
        if value := getattr(args, f"metadata_{name}"):
            spec[name] = value
    return {f"modelspec.{name}": value for name, value in spec.items()}


def file_hashes(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> dict[str, str]:
    """`sshs_model_hash` and `sshs_legacy_hash`, over the tensors with only the `ss_*` entries in the header."""
    content = save(tensors, {name: value for name, value in metadata.items() if name.startswith("ss_")})
    start = 8 + int.from_bytes(content[:8], "little")
    return {
        "sshs_model_hash": hashlib.sha256(content[start:]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8],
    }
