"""Options of a run by the trainer's own names: from its argument file, a front end's saved form, or the saved network."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_SETTINGS_BYTES: Final = 1024 * 1024
MAX_DIGITS: Final = 15
_SECRETS: Final = frozenset({"wandb_api_key", "huggingface_token"})
_MARKS: Final = frozenset(
    {"pretrained_model_name_or_path", "network_module", "output_name", "learning_rate", "unet_lr", "LoRA_type"}
)
_SAME_NAME: Final = (
    "learning_rate",
    "unet_lr",
    "text_encoder_lr",
    "gradient_checkpointing",
    "gradient_accumulation_steps",
    "max_train_steps",
    "lr_warmup_steps",
    "lr_scheduler",
    "network_module",
    "network_dim",
    "network_alpha",
    "network_dropout",
    "mixed_precision",
    "full_fp16",
    "fp8_base",
    "fp8_base_unet",
    "v2",
    "max_token_length",
    "cache_latents",
    "seed",
    "lowram",
    "noise_offset",
    "noise_offset_random_strength",
    "multires_noise_iterations",
    "multires_noise_discount",
    "adaptive_noise_scale",
    "zero_terminal_snr",
    "ip_noise_gamma",
    "ip_noise_gamma_random_strength",
    "min_snr_gamma",
    "loss_type",
    "huber_schedule",
    "huber_scale",
    "huber_c",
    "caption_dropout_rate",
    "caption_dropout_every_n_epochs",
    "caption_tag_dropout_rate",
    "face_crop_aug_range",
    "scale_weight_norms",
    "max_grad_norm",
    "prior_loss_weight",
    "clip_skip",
    "validation_seed",
    "validation_split",
    "max_validation_steps",
    "validate_every_n_epochs",
    "validate_every_n_steps",
    "resize_interpolation",
    "output_name",
    "training_comment",
    "color_aug",
    "flip_aug",
    "random_crop",
    "shuffle_caption",
    "enable_bucket",
    "bucket_no_upscale",
    "min_bucket_reso",
    "max_bucket_reso",
    "keep_tokens",
    "apply_t5_attn_mask",
    "apply_lg_attn_mask",
    "weighting_scheme",
    "logit_mean",
    "logit_std",
    "mode_scale",
    "guidance_scale",
    "timestep_sampling",
    "sigmoid_scale",
    "model_prediction_type",
    "discrete_flow_shift",
)
_OTHER_NAME: Final = {
    "ss_sd_model_name": "pretrained_model_name_or_path",
    "ss_vae_name": "vae",
    "ss_debiased_estimation": "debiased_estimation_loss",
    "ss_batch_size_per_device": "train_batch_size",
}
_GUI_NAMES: Final = {"max_resolution": "resolution", "epoch": "max_train_epochs", "optimizer": "optimizer_type"}
# Forms the GUI saves that are no options of the trainer, or mean something else there (`lr_warmup` is a percentage).
_GUI_ONLY: Final = frozenset(
    {"lr_warmup", "model_list", "LoRA_type", "stop_text_encoder_training", "additional_parameters"}
)
_BASES: Final = (
    ("sdxl", "sdxl"),
    ("sd_v1", "sd15"),
    ("sd_v2", "sd2"),
    ("sd3", "sd3"),
    ("flux", "flux"),
    ("chroma", "flux"),
    ("lumina", "lumina2"),
    ("hunyuan", "hunyuan-image"),
    ("anima", "anima"),
    ("pocket", "pocket"),
)
_OPTIMIZER = re.compile(r"(?:[\w-]+\.)*(?P<name>\w+)(?:\((?P<arguments>.*)\))?$", re.DOTALL)


def read_settings_file(path: Path) -> dict[str, Any] | None:
    """Return the options in a TOML or JSON file, or None when it holds no options of this trainer.

    Sections are flattened as the trainer does; forms saved by a GUI get the trainer's names and types; secrets are left
    out. Raises OSError when the file cannot be read and ValueError when it is damaged.
    """
    if path.stat().st_size > MAX_SETTINGS_BYTES:
        return None
    text = path.read_bytes().decode("utf-8-sig", "replace")
    is_json = path.suffix.lower() == ".json"
    body = _load_json(text) if is_json else _load_toml(text)
    if not isinstance(body, dict):
        return None
    flat = _flatten(body)
    if len(_MARKS & set(flat)) < 2:
        return None
    return _from_form(flat) if is_json or "LoRA_type" in flat else {k: v for k, v in flat.items() if k not in _SECRETS}


def _load_json(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _load_toml(text: str) -> Any:
    import toml

    try:
        return toml.loads(text)
    except (IndexError, TypeError, KeyError, AttributeError) as error:
        # The library answers some broken files with errors of its own workings.
        raise ValueError(f"no TOML ({error})") from error


def _flatten(body: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in body.items():
        if isinstance(value, dict):
            if depth < 4:
                flat.update(_flatten(value, depth + 1))
        elif not (isinstance(value, list) and value and isinstance(value[0], dict)):
            flat[key] = _whole(str(value)) if type(value) is int else value
    return flat


def _from_form(flat: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in flat.items():
        typed = parse_value(value) if isinstance(value, str) else value
        # An untouched field: the form holds both `epoch` and `max_train_epochs`, one of them empty or 0.
        is_unset = typed is None or typed == "" or (key in ("max_train_steps", "max_train_epochs") and typed == 0)
        if not is_unset and key not in _SECRETS and key not in _GUI_ONLY:
            settings[_GUI_NAMES.get(key, key)] = typed
    if settings.pop("use_8bit_adam", False) is True:
        settings.setdefault("optimizer_type", "AdamW8bit")
    return settings


_WORDS: Final[dict[str, bool | None]] = {"None": None, "null": None, "True": True, "False": False}


def parse_value(text: str) -> Any:
    """Return what a metadata text means: None for "None", booleans, numbers, JSON lists and objects, else the text."""
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped]
    if re.fullmatch(r"[+-]?\d{1,15}", stripped):
        return int(stripped)
    if re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|nan|[+-]?inf", stripped):
        return float(stripped)
    if stripped[:1] in ("[", "{"):
        try:
            return json.loads(stripped, parse_int=_whole)
        except (ValueError, RecursionError):
            return text
    return text


def _whole(text: str) -> float:
    """Return a number without a point; one of more digits than any option has becomes a float, with which one can go on reckoning."""
    return int(text) if len(text) <= MAX_DIGITS else float(text)


def settings_from_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the options a saved network remembers (`ss_*`), by the trainer's names; what was None is absent."""
    settings: dict[str, Any] = {}
    for name in _SAME_NAME:
        _put(settings, name, metadata.get(f"ss_{name}"))
    for source, name in _OTHER_NAME.items():
        _put(settings, name, metadata.get(source))
    resolution = metadata.get("ss_resolution", "")
    sides = re.findall(r"\d{1,9}", resolution)
    if len(sides) in (1, 2):
        settings["resolution"] = ",".join(sides)
    _put_optimizer(settings, metadata.get("ss_optimizer", ""))
    arguments = parse_value(metadata.get("ss_network_args", "None"))
    if isinstance(arguments, dict):
        settings["network_args"] = [f"{k}={v}" for k, v in arguments.items() if v is not None]
    scheduler = settings.get("lr_scheduler")
    if isinstance(scheduler, str) and scheduler.startswith("adafactor:"):
        settings["lr_scheduler"] = "adafactor"
    return _with_dataset(settings, metadata)


def _put(settings: dict[str, Any], name: str, text: str | None) -> None:
    value = None if text is None else parse_value(text)
    if value is not None and value != "":
        settings[name] = value


def _put_optimizer(settings: dict[str, Any], text: str) -> None:
    match = _OPTIMIZER.match(text)
    if match is None:
        return
    settings["optimizer_type"] = match["name"]
    if match["arguments"]:
        settings["optimizer_args"] = re.split(r",(?![^(\[]*[)\]])", match["arguments"])


def _with_dataset(settings: dict[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    datasets = parse_value(metadata.get("ss_datasets", "None"))
    first = datasets[0] if isinstance(datasets, list) and datasets and isinstance(datasets[0], dict) else {}
    for source, name in (
        ("batch_size_per_device", "train_batch_size"),
        ("enable_bucket", "enable_bucket"),
        ("max_bucket_reso", "max_bucket_reso"),
    ):
        if source in first and first[source] is not None:
            settings.setdefault(name, first[source])
    sides = first.get("resolution")
    if isinstance(sides, list) and len(sides) == 2:
        settings.setdefault("resolution", f"{sides[0]},{sides[1]}")
    return settings


def family_of(settings: Mapping[str, Any], metadata: Mapping[str, str], tokenizer: str | None = None) -> str | None:
    """Return the family of the base model where the sources name it; None where they leave it open.

    `tokenizer` is the CLIP tokenizer the console names; only the scripts for sd15 and sd2 print that line.
    """
    base = metadata.get("ss_base_model_version", "")
    for mark, family in _BASES:
        if base.startswith(mark):
            return family
    for key, family in (("sdxl", "sdxl"), ("flux1_checkbox", "flux"), ("sd3_checkbox", "sd3")):
        if settings.get(key) is True:
            return family
    words = f"{settings.get('model_train_type', '')} {settings.get('network_module', '')}".lower()
    for mark, family in (
        ("sdxl", "sdxl"),
        ("flux", "flux"),
        ("sd3", "sd3"),
        ("lumina", "lumina2"),
        ("hunyuan", "hunyuan-image"),
        ("anima", "anima"),
    ):
        if mark in words:
            return family
    if settings.get("v2") is True or tokenizer == "v2":
        return "sd2"
    return "sd15" if tokenizer == "v1" else None
