"""The trainers this tool can tell what to do, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.argspec import shipped_option_names
from orchestrator.backends.pocket import compile as pocket
from orchestrator.backends.pocket.options import OPTIONS as POCKET_OPTIONS
from orchestrator.backends.sd_scripts import compile as sd_scripts
from orchestrator.backends.sd_scripts.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.plan.model import Plan

COMPILERS: Mapping[str, Callable[[Plan, Trainer], Build]] = {
    pocket.NAME: pocket.compile,
    sd_scripts.NAME: sd_scripts.compile,
}


def trainer_of(family: str) -> str:
    """Return the name of the trainer that trains `family`."""
    return sd_scripts.NAME if family in FAMILIES else pocket.NAME


def compile_plan(plan: Plan, trainer: Trainer) -> Build:
    """Return what to write and start. Raises EnvironmentFault when the trainer does not train the plan's family."""
    return COMPILERS[trainer.name](plan, trainer)


def known_options() -> frozenset[str]:
    """Return the names of all options that some trainer has: an unknown recipe key may be one of them."""
    return shipped_option_names() | POCKET_OPTIONS.keys()
