"""A plan becomes sd-scripts' files and command. Pure: text in memory; the same plan and trainer give the same bytes."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from orchestrator.backends.argspec import load_network_args, load_options
from orchestrator.backends.assemble import assemble, family_of_another_trainer
from orchestrator.backends.dataset_toml import dataset_problems
from orchestrator.backends.launch_command import launch_command
from orchestrator.backends.recorder_settings import is_recorded
from orchestrator.backends.sd_scripts.effects import ineffective
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.sd_scripts.forbidden import forbidden_problems
from orchestrator.backends.sd_scripts.packages import needs
from orchestrator.backends.sd_scripts.refusals import refuse
from orchestrator.backends.sd_scripts.settings import Settings
from orchestrator.backends.train_toml import option_problems, train_values
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.trust import Trust
    from orchestrator.plan.model import Plan

NAME = "sd-scripts"


def compile(  # noqa: A001  the verb of this project
    plan: Plan, trainer: Trainer, trust: Trust = NOTHING_TRUSTED
) -> Build:
    """Return the files, links and command of one run, with what the trainer would refuse or ignore.

    `trust`: what the user vouched for; all else that would run code of others is refused.

    Raises EnvironmentFault when the options of the trainer's commit are not known, or the family is not sd-scripts'.
    """
    if plan.family not in FAMILIES:
        raise EnvironmentFault([family_of_another_trainer(NAME, plan.family)])
    facts = FAMILIES[plan.family]
    options = load_options(trainer.commit, facts.entry, trainer.options_dir)
    values = train_values(plan, options)
    if plan.family == "sd2":
        values = dict(sorted({"v2": True, **values}.items()))
    settings = Settings(plan, values, options, load_network_args(trainer.commit, trainer.options_dir), trust)
    problems = (
        *option_problems(plan, values, options, NAME),
        *forbidden_problems(plan, values),
        *dataset_problems(plan),
        *refuse(settings),
    )
    command = launch_command(
        trainer,
        trainer.root / f"{facts.entry}.py",
        num_processes=plan.num_processes,
        mixed_precision=str(values.get("mixed_precision", "no")),
        is_cpu=False,
        is_offline=_is_offline(values),
        is_recorded=is_recorded(plan),
    )
    return assemble(plan, values, command, problems, ineffective(settings), needs(settings))


def _is_offline(values: Mapping[str, Any]) -> bool:
    """Whether nothing is left to fetch: the tokenizers have their folder and the base is a path."""
    base = str(values.get("pretrained_model_name_or_path", ""))
    is_path = PurePosixPath(base).is_absolute() or PureWindowsPath(base).is_absolute()
    return bool(values.get("tokenizer_cache_dir")) and is_path
