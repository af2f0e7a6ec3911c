"""Names, what the published file says about itself, and the options passed on as they are."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.plan.owned import OF_THE_PLAN, owned_problem

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft

_METADATA = ("author", "description", "license", "tags")
_MOST_NAME = 80


def ascii_stem(name: str) -> str:
    """Return a plain-ASCII file name stem. Names without any such letter get a stem made from their hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:_MOST_NAME]
    if re.search(r"[A-Za-z0-9]", stem) and len(plain.strip()) * 2 >= len(name.strip()):
        return stem
    return f"{stem or 'lora'}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]


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
    stem = ascii_stem(recipe.name)
    if stem != recipe.name:
        because = why_named(recipe.name, stem)
        draft.notes.append(Text(
            f"the files are named `{stem}`: {because.en}; the run folder keeps `{recipe.name}`",
            f"文件名为 `{stem}`：{because.zh}；训练文件夹仍为 `{recipe.name}`",
        ))  # fmt: skip
    return stem


def why_named(name: str, stem: str) -> Text:
    """Return why the files of the recipe `name` are called `stem`."""
    if stem == name:
        return Text("the recipe's name", "配方名称")
    made = Text("", "")
    if stem.endswith(_digest(name)):
        made = Text(
            "; eight digits of the name's hash keep it apart from others",
            "；末尾八位取自名称的哈希，以免与其他名称相同",
        )
    return Text(
        f"file names take plain letters, digits, `.`, `_` and `-` only{made.en}",
        f"文件名只用英文字母、数字、`.`、`_` 和 `-`{made.zh}",
    )


def merge_trainer_args(draft: Draft) -> None:
    """Lay `trainer_args` over what was decided. They may change decisions of the planner, never keys of the recipe."""
    from orchestrator.recipe.dump import trainer_arg  # loads the models, which compiling does without

    for name in draft.recipe.trainer_args:
        key, value = f"trainer_args.{name}", trainer_arg(draft.loaded, name)
        problem = owned_problem(name, value, draft.where(key))
        if problem is not None and problem.code == OF_THE_PLAN:  # the others leave a plan: the compiler tells them
            draft.problems.append(problem)
        else:
            draft.train[name] = draft.given(value, key)
