"""The trainers this tool can tell what to do, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.argspec import shipped_option_names
from orchestrator.backends.assemble import in_order
from orchestrator.backends.pocket import compile as pocket
from orchestrator.backends.pocket.options import OPTIONS as POCKET_OPTIONS
from orchestrator.backends.sd_scripts import compile as sd_scripts
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.plan.resolve import sketch_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe

COMPILERS: Mapping[str, Callable[[Plan, Trainer], Build]] = {
    pocket.NAME: pocket.compile,
    sd_scripts.NAME: sd_scripts.compile,
}

_NO_PICTURES = "no-pictures"
"""A sketch has none: whether the recipe has, is not looked at."""


def trainer_of(family: str) -> str:
    """Return the name of the trainer that trains `family`."""
    return sd_scripts.NAME if family in FAMILIES else pocket.NAME


def compile_plan(plan: Plan, trainer: Trainer) -> Build:
    """Return what to write and start. Raises EnvironmentFault when the trainer does not train the plan's family."""
    return COMPILERS[trainer.name](plan, trainer)


def check_options(loaded: LoadedRecipe, trainer: Trainer) -> tuple[Problem, ...]:
    """Return what is wrong with the options, optimizer, schedule and prompts of a recipe, whatever its pictures are.

    For recipes that cannot be planned: each problem is the one that `make_plan` or `compile_plan` would tell, by line.
    Raises EnvironmentFault as `compile_plan` does.
    """
    plan, found = sketch_plan(loaded)
    told = (p for p in compile_plan(plan, trainer).problems if p.code != _NO_PICTURES)
    return in_order((*found, *told))


def known_options() -> frozenset[str]:
    """Return the names of all options that some trainer has: an unknown recipe key may be one of them."""
    return shipped_option_names() | POCKET_OPTIONS.keys()
