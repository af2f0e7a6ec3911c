"""The last step of every backend: its values and command become a Build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.backends.dataset_toml import COMMENT, dataset_table
from orchestrator.backends.launch_command import ACCELERATE_JSON, accelerate_config
from orchestrator.backends.no_effect import unused_values
from orchestrator.backends.prompts import prompt_file
from orchestrator.backends.protocol import Build
from orchestrator.backends.recorder_settings import TELEMETRY_JSON, recorder_settings
from orchestrator.backends.train_toml import DATASET_TOML, SAMPLE_PROMPTS, TRAIN_TOML, toml_file
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.protocol import Command, Need
    from orchestrator.core.finding import Finding
    from orchestrator.plan.model import Plan


def assemble(
    plan: Plan,
    values: Mapping[str, Any],
    command: Command,
    problems: tuple[Problem, ...],
    warnings: tuple[Finding, ...] = (),
    needs: tuple[Need, ...] = (),
) -> Build:
    """Return the Build of one training command: both TOMLs, the prompts, accelerate's answers and all links."""
    train_text, lost_in_train = toml_file(values, plan)
    dataset_text, lost_in_dataset = toml_file(dataset_table(plan), plan, COMMENT)
    files = {
        TRAIN_TOML: train_text,
        DATASET_TOML: dataset_text,
        ACCELERATE_JSON: accelerate_config(
            plan.num_processes, str(values.get("mixed_precision", "no")), is_cpu="--cpu" in command.argv
        ),
    }
    recording = recorder_settings(plan)
    if recording is not None:
        files[TELEMETRY_JSON] = recording
    prompt_problems: tuple[Problem, ...] = ()
    if plan.prompts:
        files[SAMPLE_PROMPTS], prompt_problems = prompt_file(plan.prompts)
    subsets = (*plan.subsets, *((plan.validation,) if plan.validation is not None else ()))
    links = tuple(link for subset in subsets for link in subset.links)
    found = in_order((*problems, *lost_in_train, *lost_in_dataset, *prompt_problems))
    return Build(files, links, (command,), found, (*warnings, *unused_values(plan)), needs)


def in_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return problems by their line in the recipe, those without a place last; each said once."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.code, problem.what.en), problem)
    return tuple(sorted(seen.values(), key=lambda p: (p.where is None, p.where.line if p.where else 0)))


def family_of_another_trainer(name: str, family: str) -> Problem:
    """Return what is wrong when the trainer `name` is given a plan of a family that it does not train."""
    return Problem(
        "family-of-another-trainer",
        Text(f"{name} does not train {family}", f"{name} 不训练 {family}"),
        Text("each family of models is trained by one trainer", "每个模型系列由一个训练器训练"),
        Text("name the family of the model: `base_model.family`", "请写明模型所属的系列：`base_model.family`"),
    )
