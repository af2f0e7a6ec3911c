"""Are the model files there and whole? From their first bytes; the trainer would say so after minutes, or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.backends.pickles import FILE_OPTIONS
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan, Resolved

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_LARGEST_HEADER_BYTES = 100_000_000


def missing_files(plan: Plan) -> tuple[Problem, ...]:
    """Return a problem for each model file of the plan that is not there or cannot be one. Reads a few bytes of each."""
    named = [(option, resolved) for option in FILE_OPTIONS if (resolved := plan.train.get(option)) is not None]
    return tuple(
        _problem(option, value, resolved, text)
        for option, resolved in named
        for value in (resolved.value if isinstance(resolved.value, (list, tuple)) else (resolved.value,))
        if isinstance(value, str) and (text := _trouble(plan.family, value)) is not None
    )


def _trouble(family: str, value: str) -> Text | None:
    """What is wrong with the file or folder `value`; None when it may be right. Hub ids and pocket's own base pass."""
    path = Path(value)
    if family == "pocket" and value == "pocket":
        return None
    if path.is_dir():
        if (path / "model_index.json").is_file() or (path / "config.json").is_file() or family == "pocket":
            return None
        return Text("it is a folder, but not a model in diffusers layout", "它是文件夹，但不是 diffusers 格式的模型")
    if not path.is_file():
        is_id = not path.is_absolute() and _HUB_ID.fullmatch(value) is not None
        return None if is_id else Text("there is no such file", "没有这个文件")
    return _bad_safetensors(path) if path.suffix.lower() == ".safetensors" else None


def _bad_safetensors(path: Path) -> Text | None:
    with path.open("rb") as file:
        first = file.read(8)
    size = path.stat().st_size
    if first.startswith(b"version "):
        return Text(
            "it is a Git LFS pointer, not the model itself: the download was not finished",
            "这只是 Git LFS 指针，不是模型本身：下载没有完成",
        )
    length = int.from_bytes(first, "little")
    if len(first) < 8 or not 2 <= length <= min(_LARGEST_HEADER_BYTES, size - 8):
        return Text("it is no safetensors file, or only a part of one", "它不是 safetensors 文件，或者不完整")
    return None


def _problem(option: str, value: str, resolved: Resolved, text: Text) -> Problem:
    name = Path(value).name
    return Problem(
        "model-file",
        Text(f"`{option}`: {name}: {text.en}", f"`{option}`：{name}：{text.zh}"),
        why=Text("the trainer would find out only after minutes of loading", "训练器要加载几分钟后才会发现"),
        fix=Text(
            "correct the path (relative paths start at the recipe file) or download the file again",
            "改正路径（相对路径从配方文件所在处算起），或重新下载该文件",
        ),
        where=resolved.where,
    )
