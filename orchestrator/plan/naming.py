"""Names, what the published file says about itself, and the options passed on as they are."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft

_METADATA = ("author", "description", "license", "tags")
_MOST_NAME = 80

_OWN = {
    "max_train_steps": (
        Text(
            "the length is written in whole epochs: with a number of steps a resumed run would overshoot, and the trainer would stop in mid-epoch",
            "长度按整轮写入：写步数会使续训超出，且训练器会在一轮中途停止",
        ),
        Text(
            "write `train.target_steps` or `train.max_train_epochs`",
            "请写 `train.target_steps` 或 `train.max_train_epochs`",
        ),
    ),
    "max_validation_steps": (
        Text("the trainer would measure other pictures each time", "训练器每次会测不同的图片"),
        Text("write `validate.hold_out`", "请写 `validate.hold_out`"),
    ),
    "validation_split": (
        Text("the trainer's own split leaks pictures by rounding", "训练器自己的划分会因取整泄漏图片"),
        Text("write `validate.hold_out`", "请写 `validate.hold_out`"),
    ),
    **{
        name: (
            Text("the run's data set is made from `concepts`", "运行的数据集由 `concepts` 生成"),
            Text("write the folder under `concepts`", "请在 `concepts` 下写文件夹"),
        )
        for name in ("train_data_dir", "reg_data_dir", "in_json", "dataset_config", "dataset_repeats")
    },
}


def ascii_stem(name: str) -> str:
    """Return a plain-ASCII file name stem. Names without any such letter get a stem made from their hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:_MOST_NAME]
    if re.search(r"[A-Za-z0-9]", stem) and len(plain.strip()) * 2 >= len(name.strip()):
        return stem
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    return f"{stem}-{digest}" if stem else f"lora-{digest}"


def decide_metadata(draft: Draft) -> str:
    """Write the metadata; return the stem of the file names."""
    recipe = draft.recipe
    draft.train["metadata_title"] = draft.choose(
        recipe.metadata.title, "metadata.title", recipe.name, Text("the recipe's name", "配方名称")
    )
    for name in _METADATA:
        draft.pass_on(f"metadata_{name}", getattr(recipe.metadata, name), f"metadata.{name}")
    draft.pass_on("training_comment", recipe.metadata.training_comment, "metadata.training_comment")
    if recipe.subject.trigger:
        draft.train["metadata_trigger_phrase"] = draft.given(
            recipe.subject.trigger,
            "subject.trigger",
            Text("whoever gets the file finds its trigger there", "拿到文件的人可在其中找到触发词"),
        )
    return ascii_stem(recipe.name)


def merge_trainer_args(draft: Draft) -> None:
    """Lay `trainer_args` over what was decided. They may change decisions of the planner, never keys of the recipe."""
    for name, value in draft.recipe.trainer_args.items():
        key = f"trainer_args.{name}"
        if name in _OWN:
            why, fix = _OWN[name]
            draft.refuse(
                "not-a-trainer-arg", Text(f"`{name}` is decided by the plan", f"`{name}` 由计划决定"), why, fix, key
            )
        else:
            draft.train[name] = draft.given(value, key)
