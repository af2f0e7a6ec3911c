"""How long the next character trains: as many steps as the old recipe planned with its own pictures.

A recipe that fixes its own length does it by `max_train_epochs`, whatever `target_steps` its preset names, or by repeats so many
that one epoch is longer than the target. Otherwise the target decides, for the old pictures as for the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.text import Text, plural
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.plan.families import start_of
from orchestrator.plan.resolve import make_plan

if TYPE_CHECKING:
    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe


@dataclass(frozen=True, slots=True)
class KeptLength:
    """The steps that the new recipe is to come to."""

    steps: int
    told: Text
    """Where they come from, for the user."""
    is_of_repeats: bool = False
    """The old repeats made them, past the target: the new recipe has to name them."""

    def freeing(self, concept: int) -> list[str]:
        """Return the overrides that leave repeats and epochs to the planner, for these steps."""
        return [
            f"concepts.{concept}.num_repeats=null",
            "train.max_train_epochs=null",
            f"train.target_steps={self.steps}",
        ]


def kept_length(loaded: LoadedRecipe, concept: int) -> KeptLength | None:
    """Return the steps of the old recipe, None where it leaves repeats and epochs to the planner anyway."""
    recipe = loaded.recipe
    if recipe.concepts[concept].num_repeats is None and recipe.train.max_train_epochs is None:
        return None
    try:
        old = plan_of(loaded)
    except InputError as error:
        return _instead(loaded, error.problems[0])
    target = _target(loaded)
    is_long = old.steps.epochs == 1 and old.steps.total_steps > target and not old.steps.is_band_bound
    if recipe.train.max_train_epochs is None and not is_long:
        return KeptLength(target, _aimed_at(loaded, target))
    steps = old.steps
    pictures = sum(len(subset.sizes) for subset in old.subsets if not subset.is_reg)
    told = Text(
        f"kept from the old recipe: {steps.total_steps} steps, as it planned them with its {pictures} pictures "
        f"({steps.steps_per_epoch} steps x {plural(steps.epochs, 'epoch', 'epochs')})",
        f"沿用旧配方：{steps.total_steps} 步，即它按自己的 {pictures} 张图片规划的步数（每轮 {steps.steps_per_epoch} 步 x {steps.epochs} 轮）",
    )
    return KeptLength(steps.total_steps, told, is_of_repeats=recipe.train.max_train_epochs is None)


def plan_of(loaded: LoadedRecipe) -> Plan:
    """Scan the folders of a recipe and plan it. Raises InputError as both do."""
    return make_plan(loaded, scan_dataset(_requests(loaded)))


def _instead(loaded: LoadedRecipe, problem: Problem) -> KeptLength:
    """Return the target where the old recipe cannot be planned: its pictures are gone, mostly."""
    target, what, where = _target(loaded), problem.what, _target_named(loaded)
    return KeptLength(target, Text(
        f"the steps of the old recipe cannot be counted: {what.en}. Taken instead: {target} steps, {where.en}",
        f"无法算出旧配方的步数：{what.zh}。改用 {target} 步，{where.zh}",
    ))  # fmt: skip


def _aimed_at(loaded: LoadedRecipe, target: int) -> Text:
    where = _target_named(loaded)
    return Text(f"kept from the old recipe: {target} steps, {where.en}", f"沿用旧配方：{target} 步，{where.zh}")


def _target(loaded: LoadedRecipe) -> int:
    recipe = loaded.recipe
    return recipe.train.target_steps or start_of(recipe.base_model.family, recipe.subject.kind).target_steps


def _target_named(loaded: LoadedRecipe) -> Text:
    """Say whose target it is."""
    origin, base = loaded.origins.get("train.target_steps"), loaded.recipe.base_model
    if loaded.recipe.train.target_steps is None:
        return Text(f"usual for {base.family}", f"{base.family} 的常用值")
    where = f" ({origin.where.file}:{origin.where.line})" if origin is not None and origin.where is not None else ""
    return Text(f"its `target_steps`{where}", f"其 `target_steps`{where}")


def _requests(loaded: LoadedRecipe) -> list[FolderRequest]:
    found = []
    for index, concept in enumerate(loaded.recipe.concepts):
        key = f"concepts[{index}].image_dir"
        where = loaded.origins[key].where
        found.append(FolderRequest(loaded.resolve_path(key), concept.caption_extension, bool(concept.is_reg), where))
    return found
