"""The trainers this tool can tell what to do, by name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from orchestrator.backends.argspec import shipped_option_names
from orchestrator.backends.assemble import in_order
from orchestrator.backends.model_files import missing_files
from orchestrator.backends.pocket import compile as pocket
from orchestrator.backends.pocket.options import OPTIONS as POCKET_OPTIONS
from orchestrator.backends.sd_scripts import compile as sd_scripts
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.core.trust import NOTHING_TRUSTED
from orchestrator.plan.resolve import sketch_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.trust import Trust
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe

COMPILERS: Mapping[str, Callable[[Plan, Trainer, Trust], Build]] = {
    pocket.NAME: pocket.compile,
    sd_scripts.NAME: sd_scripts.compile,
}

_NO_PICTURES = "no-pictures"
"""A sketch has none: whether the recipe has, is not looked at."""


def trainer_of(family: str) -> str:
    """Return the name of the trainer that trains `family`."""
    return sd_scripts.NAME if family in FAMILIES else pocket.NAME


def compile_plan(plan: Plan, trainer: Trainer, trust: Trust = NOTHING_TRUSTED) -> Build:
    """Return what to write and start. Raises EnvironmentFault when the trainer does not train the plan's family."""
    return COMPILERS[trainer.name](plan, trainer, trust)


def check_options(
    loaded: LoadedRecipe, trainer: Trainer, dataset: Dataset | None = None, trust: Trust = NOTHING_TRUSTED
) -> tuple[Problem, ...]:
    """Return what is wrong with the options, optimizer, schedule, prompts and model files of a recipe, and with its pictures.

    For recipes that cannot be planned: each problem is the one that `make_plan`, `compile_plan` or `missing_files` would
    tell, by line. What the planner refuses at a place, the compiler does not refuse there again in other words.
    Raises EnvironmentFault as `compile_plan` does.
    """
    plan, found = sketch_plan(loaded, dataset)
    refused = {problem.where for problem in found} - {None}
    told = (p for p in compile_plan(plan, trainer, trust).problems if p.code != _NO_PICTURES and p.where not in refused)
    return in_order((*found, *told, *missing_files(plan, trust)))


def options_of_nobody(loaded: LoadedRecipe) -> Iterator[Problem]:
    """Yield a problem for each entry of `trainer_args` that no trainer has: wrong whatever the family is."""
    for name in loaded.recipe.trainer_args:
        if name not in known_options():
            origin = loaded.origins.get(f"trainer_args.{name}")
            near = difflib.get_close_matches(name, known_options(), n=1)
            yield Problem(
                "unknown-option",
                Text(f"no trainer has an option `{name}`", f"没有训练器具有选项 `{name}`"),
                Text("the trainer would ignore it without a word", "训练器会一声不响地忽略它"),
                Text(f"write `{near[0]}`", f"请写 `{near[0]}`") if near else Text("take it out", "请删除它"),
                origin.where if origin else None,
            )


def known_options() -> frozenset[str]:
    """Return the names of all options that some trainer has: an unknown recipe key may be one of them."""
    return shipped_option_names() | POCKET_OPTIONS.keys()
