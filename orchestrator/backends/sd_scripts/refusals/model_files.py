"""Base model and the files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.pickles import (
    FILE_OPTIONS,
    PICKLE_FIX,
    PICKLE_SUFFIXES,
    PICKLE_WHAT,
    named_pickle,
    suffix_of,
)
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.sd_scripts.refusals.model import Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

_BUNDLES = {"clip_l": "incl_clips", "clip_g": "incl_clips", "t5xxl": "t5xxl"}
"""What the name of an SD3 checkpoint says when the text encoders are inside, as in its publisher's files."""


def missing_files(settings: Settings) -> tuple[str, ...]:
    """Return the options that must name a file for this family and do not."""
    base = settings.text("pretrained_model_name_or_path")
    needed = ("pretrained_model_name_or_path", *FAMILIES[settings.family].files)
    missing = [name for name in needed if not settings.get(name)]
    if settings.text("model_type") == "chroma" and "clip_l" in missing:
        missing.remove("clip_l")  # Chroma has no CLIP-L
    if settings.family == "sd3":
        missing = [name for name in missing if name not in _BUNDLES or _BUNDLES[name] not in base.lower()]
    return tuple(missing)


def _missing(settings: Settings) -> str | None:
    return ", ".join(f"`{name}`" for name in missing_files(settings)) or None


def _folder_for_sd3(settings: Settings) -> str | None:
    base = settings.text("pretrained_model_name_or_path")
    return base if base and suffix_of(base) not in (".safetensors", ".sft", *PICKLE_SUFFIXES) else None


REFUSALS = (
    Refusal(
        "missing-model-file",
        ("pretrained_model_name_or_path",),
        _missing,
        Text("model files are not named: {0}", "没有指定模型文件：{0}"),
        "AttributeError / TypeError while loading, after minutes",
        Text(
            "name them under `base_model`; an SD3 checkpoint that holds its text encoders has `incl_clips` (and `t5xxl`) in its name",
            "请在 `base_model` 下指定；包含文本编码器的 SD3 检查点文件名中带有 `incl_clips`（和 `t5xxl`）",
        ),
    ),
    Refusal(
        "pickle-model-file",
        FILE_OPTIONS,
        lambda s: named_pickle(s.values),
        PICKLE_WHAT,
        "",
        PICKLE_FIX,
    ),
    Refusal(
        "pickle-output",
        ("save_model_as",),
        lambda s: s.text("save_model_as") if s.text("save_model_as") in ("ckpt", "pt") else None,
        Text(
            "`save_model_as: {0}` would write a pickle without metadata",
            "`save_model_as: {0}` 会写出没有元数据的 pickle",
        ),
        "",
        drop("save_model_as"),
    ),
    Refusal(
        "v2-outside-sd2",
        ("v2",),
        lambda s: bool(s.get("v2")),
        Text("`v2` is for Stable Diffusion 2", "`v2` 只用于 Stable Diffusion 2"),
        "v2 cannot be enabled in SDXL training; elsewhere: size mismatch in load_state_dict",
        Text(
            "write `family: sd2` if the base is Stable Diffusion 2, else leave out `v2`",
            "如果底模是 Stable Diffusion 2 请写 `family: sd2`，否则去掉 `v2`",
        ),
        ("sd15", "sdxl", "sd3", "flux"),
    ),
    Refusal(
        "sd2-without-v2",
        ("v2",),
        lambda s: s.values.get("v2") is False,
        Text(
            "a Stable Diffusion 2 base cannot be loaded with `v2: false`",
            "`v2: false` 无法加载 Stable Diffusion 2 底模",
        ),
        "size mismatch in load_state_dict",
        drop("v2"),
        ("sd2",),
    ),
    Refusal(
        "sd3-base-not-a-file",
        ("pretrained_model_name_or_path",),
        _folder_for_sd3,
        Text("an SD3 base must be one .safetensors file: {0}", "SD3 底模必须是单个 .safetensors 文件：{0}"),
        "FileNotFoundError / HeaderTooLarge",
        Text("name the single-file checkpoint", "请指定单文件检查点"),
        ("sd3",),
    ),
    Refusal(
        "chroma-without-attn-mask",
        ("apply_t5_attn_mask", "model_type"),
        lambda s: s.text("model_type") == "chroma" and not s.get("apply_t5_attn_mask"),
        Text("Chroma needs `apply_t5_attn_mask`", "Chroma 需要 `apply_t5_attn_mask`"),
        "apply_t5_attn_mask must be True for Chroma",
        Text(
            "write `apply_t5_attn_mask: true` under `trainer_args`",
            "请在 `trainer_args` 下写 `apply_t5_attn_mask: true`",
        ),
        ("flux",),
    ),
)
