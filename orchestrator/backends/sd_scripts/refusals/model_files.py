"""Base model and the files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.pickles import (
    FILE_OPTIONS,
    PICKLE_CODE,
    PICKLE_FIX_OR_TRUST,
    PICKLE_SUFFIXES,
    PICKLE_WHAT,
    named_pickle,
    suffix_of,
)
from orchestrator.backends.sd_scripts.refusals.model import Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings


def _folder_for_sd3(settings: Settings) -> str | None:
    base = settings.text("pretrained_model_name_or_path")
    return base if base and suffix_of(base) not in (".safetensors", ".sft", *PICKLE_SUFFIXES) else None


REFUSALS = (
    Refusal(
        PICKLE_CODE,
        FILE_OPTIONS,
        lambda s: named_pickle(s.values, s.trust),
        PICKLE_WHAT,
        "",
        PICKLE_FIX_OR_TRUST,
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
