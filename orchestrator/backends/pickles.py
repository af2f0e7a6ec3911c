"""Pickle checkpoints: opening one may run any code, so no file that a recipe names may be one, unless the user trusted its content."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.core.trust import Trust

PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
SAFE_SUFFIXES = (".safetensors", ".sft")
FILE_OPTIONS = (
    "pretrained_model_name_or_path", "vae", "clip_l", "clip_g", "t5xxl", "ae", "network_weights", "base_weights",
    "controlnet_model_name_or_path",
)  # fmt: skip
"""Options that name model files."""
LIST_OPTIONS = frozenset({"base_weights"})
"""Those of them that name several."""
_NOT_OPENED = frozenset({"safety_checker"})
"""Folders that the trainer passes over by name."""
_NO_PICKLES = frozenset({"openvino_model.bin"})
"""Bare numbers, which OpenVINO alone reads."""
_PART_NUMBER = re.compile(r"-\d{5}-of-\d{5}")
_SFT_OPTIONS = frozenset({"clip_l", "clip_g", "t5xxl", "ae"})
_SFT_BASES = ("sd3", "flux")
PICKLE_CODE = "pickle-model-file"
PICKLE_WHAT = Text("a pickle may run any code when it is opened: {0}", "打开 pickle 文件可能执行任意代码：{0}")
PICKLE_FIX = Text("use the .safetensors version of this file", "请使用该文件的 .safetensors 版本")
PICKLE_FIX_OR_TRUST = Text(
    "use the .safetensors version of this file; if you know who made it: `lora-run trust FILE`",
    "请使用该文件的 .safetensors 版本；若确知其来源：`lora-run trust 文件`",
)


def suffix_of(path: str) -> str:
    """Return the lower-case file extension of a path in either system's spelling."""
    return PureWindowsPath(path).suffix.lower()


def named_pickle(values: Mapping[str, Any], trust: Trust = NOTHING_TRUSTED) -> str | None:
    """Return `option = path` of the first pickle, by its name, among the model files of the train TOML, or None."""
    for key in FILE_OPTIONS:
        value = values.get(key)
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, str) and suffix_of(item) in PICKLE_SUFFIXES and item not in trust.files:
                return f"{key} = {item}"
    return None


def is_opened_as_pickle(family: str, option: str, path: str) -> bool:
    """Whether the trainer would open this file with `torch.load`: it does so with all but `.safetensors`.

    `.sft` is another name of the same for what FLUX and SD3 read themselves; elsewhere it is a pickle to the trainer.
    """
    suffix = suffix_of(path)
    is_read = option in _SFT_OPTIONS or (option == "pretrained_model_name_or_path" and family in _SFT_BASES)
    return suffix != ".safetensors" and not (suffix == ".sft" and is_read)


def pickles_in_folder(folder: Path) -> Iterator[Path]:
    """Yield the pickles of a model in diffusers layout that do not lie there as safetensors too: they may be opened."""
    for part in (
        folder,
        *sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name not in _NOT_OPENED),
    ):
        names = {entry.name for entry in part.iterdir() if entry.is_file()}
        pickles = sorted(name for name in names - _NO_PICKLES if suffix_of(name) in PICKLE_SUFFIXES)
        yield from (part / name for name in pickles if names.isdisjoint(_safe_names(name)))


def _safe_names(pickle: str) -> Iterator[str]:
    """Yield the files that are opened in the place of `pickle`: a whole one, or the list of its parts.

    The trainer asks for no variant: beside `diffusion_pytorch_model.bin` one in `.fp16.safetensors` is not looked at.
    """
    stem = _PART_NUMBER.sub("", pickle.rpartition(".")[0])
    for one in (stem, stem.partition(".")[0]):
        name = one.removeprefix("pytorch_") if one.startswith("pytorch_model") else one
        yield from (f"{name}.safetensors", f"{name}.safetensors.index.json")
