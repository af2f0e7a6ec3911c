"""Pickle checkpoints: opening one may run any code, so no file that a recipe names may be one."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
FILE_OPTIONS = (
    "pretrained_model_name_or_path", "vae", "clip_l", "clip_g", "t5xxl", "ae", "network_weights", "base_weights",
    "controlnet_model_name_or_path",
)  # fmt: skip
"""Options that name model files."""
LIST_OPTIONS = frozenset({"base_weights"})
"""Those of them that name several."""
PICKLE_WHAT = Text("a pickle may run any code when it is opened: {0}", "打开 pickle 文件可能执行任意代码：{0}")
PICKLE_FIX = Text("use the .safetensors version of this file", "请使用该文件的 .safetensors 版本")


def suffix_of(path: str) -> str:
    """Return the lower-case file extension of a path in either system's spelling."""
    return PureWindowsPath(path).suffix.lower()


def named_pickle(values: Mapping[str, Any]) -> str | None:
    """Return `option = path` of the first pickle among the model files of the train TOML, or None."""
    for key in FILE_OPTIONS:
        value = values.get(key)
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, str) and suffix_of(item) in PICKLE_SUFFIXES:
                return f"{key} = {item}"
    return None
