"""A plan becomes the pocket trainer's files and command: the same TOMLs as for sd-scripts, on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.argspec import Option
from orchestrator.backends.assemble import assemble, family_of_another_trainer
from orchestrator.backends.dataset_toml import dataset_problems
from orchestrator.backends.launch_command import launch_command
from orchestrator.backends.no_effect import RATE_NEEDS, is_off, no_effect, stands_in
from orchestrator.backends.optimizer_values import WRONG_VALUE, WRONG_VALUE_FIX, WRONG_VALUE_WHAT, wrong_argument
from orchestrator.backends.pickles import PICKLE_FIX, PICKLE_WHAT, named_pickle
from orchestrator.backends.pocket.options import DATASET_OPTIONS, OPTIONS
from orchestrator.backends.recorder_settings import is_recorded
from orchestrator.backends.train_toml import location_of, option_problems, train_values
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.argspec import Kind
    from orchestrator.backends.pocket.options import Option as PocketOption
    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.finding import Finding
    from orchestrator.core.trust import Trust
    from orchestrator.plan.model import Plan

NAME = "pocket"
ENTRY = "train_network.py"
SHIPPED_BASE = "pocket"

_KINDS: Mapping[str, Kind] = {
    "str": "str",
    "int": "int",
    "float": "float",
    "int_or_float": "int_or_float",
    "bool": "flag",
    "str_list": "str",
    "float_list": "float",
}


def compile(  # noqa: A001  the verb of this project
    plan: Plan, trainer: Trainer, _trust: Trust = NOTHING_TRUSTED
) -> Build:
    """Return the files, links and command of one run, with what the trainer would refuse. Trust changes nothing: no pickle is ever read.

    Raises EnvironmentFault when the plan is for another trainer.
    """
    if plan.family != "pocket":
        raise EnvironmentFault([family_of_another_trainer(NAME, plan.family)])
    options = pocket_options()
    values = train_values(plan, options)
    values = dict(sorted({"pretrained_model_name_or_path": SHIPPED_BASE, **values}.items()))
    problems = [*option_problems(plan, values, options, NAME), *dataset_problems(plan), *_dataset_key_problems(plan)]
    pickle = named_pickle(values)
    if pickle is not None:
        what = Text(PICKLE_WHAT.en.replace("{0}", pickle), PICKLE_WHAT.zh.replace("{0}", pickle))
        where = location_of(plan, pickle.partition(" ")[0])
        problems.append(Problem("pickle-model-file", what, fix=PICKLE_FIX, where=where))
    wrong = wrong_argument(values.get("optimizer_args") or (), str(values.get("optimizer_type", "")).lower())
    if wrong is not None:
        what = Text(WRONG_VALUE_WHAT.en.replace("{0}", wrong), WRONG_VALUE_WHAT.zh.replace("{0}", wrong))
        problems.append(Problem(WRONG_VALUE, what, fix=WRONG_VALUE_FIX, where=location_of(plan, "optimizer_args")))
    if plan.num_processes > 1:
        what = Text(
            f"pocket trains in one process, not in {plan.num_processes}",
            f"pocket 只用一个进程训练，而不是 {plan.num_processes} 个",
        )
        problems.append(
            Problem("one-process-only", what, fix=Text("write `num_processes: 1`", "请写 `num_processes: 1`"))
        )
    command = launch_command(
        trainer,
        trainer.root / ENTRY,
        num_processes=1,
        mixed_precision=str(values.get("mixed_precision", "no")),
        is_cpu=True,
        is_offline=True,
        is_recorded=is_recorded(plan),
    )
    return assemble(plan, values, command, tuple(problems), _idle_rate(plan))


def _idle_rate(plan: Plan) -> tuple[Finding, ...]:
    decided = plan.train.get("learning_rate")
    if decided is None or decided.source is Source.DERIVED or is_off(decided.value) or stands_in(plan):
        return ()
    return (no_effect("learning_rate", decided, Text(f"it needs {RATE_NEEDS.en}", f"它需要{RATE_NEEDS.zh}")),)


def pocket_options() -> dict[str, Option]:
    """Return pocket's options in the form in which all trainers' options are checked."""
    return {name: _option(name, option) for name, option in OPTIONS.items()}


def _option(name: str, option: PocketOption) -> Option:
    nargs = "*" if option.kind.endswith("_list") else None
    return Option(name, _KINDS[option.kind], option.default, option.choices or None, nargs, "pocket/options.py")


def _dataset_key_problems(plan: Plan) -> list[Problem]:
    """Keys of the dataset TOML that sd-scripts has and pocket does not implement."""
    names = {name: decided.where for name, decided in plan.dataset_general.items() if decided.value is not None}
    for subset in plan.subsets:
        names.update((name, subset.where) for name, value in subset.options.items() if value is not None)
    found = []
    for name, where in names.items():
        if name not in DATASET_OPTIONS:
            what = Text(f"pocket does not implement `{name}`", f"pocket 没有实现 `{name}`")
            found.append(Problem("unknown-option", what, fix=Text("leave it out", "请去掉它"), where=where))
    return found
