"""All that can be known before a run: load, scan, plan, compile, judge. Reads only; nothing is written and nothing started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Severity, Verdict
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.finding import Location, Problem
    from orchestrator.core.text import Text
    from orchestrator.core.trust import Trust
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is known before anything is run."""

    loaded: LoadedRecipe
    dataset: Dataset | None
    plan: Plan | None
    trainer: Trainer
    build: Build | None
    verdict: Verdict
    problems: tuple[Problem, ...]
    """Why the recipe or the data set is refused; empty when it may run."""
    trainer_fault: Problem | None = None
    """Why it cannot be trained on this machine yet: the trainer is not installed, not whole, or lacks a package. Looking needs none."""
    unseen: tuple[Text, ...] = ()
    """What of the trainer's environment could not be looked at."""

    @property
    def is_refused(self) -> bool:
        """Whether a problem of form or a rule forbids the launch."""
        return bool(self.problems) or self.verdict.worst is Severity.STOP


def prepare(recipe_path: Path, overrides: Sequence[str] = ()) -> Prepared:
    """Load, scan, plan, compile and judge; read headers and captions only, write nothing, start nothing.

    Raises InputError when the recipe itself cannot be read. Everything else is collected in `problems`, to be told at once.
    """
    from orchestrator.backends.model_files import missing_files
    from orchestrator.backends.registry import compile_plan, known_options
    from orchestrator.dataset.looked import recalled
    from orchestrator.diagnose.engine import check_ignores
    from orchestrator.plan.owned import OWNED
    from orchestrator.plan.resolve import make_plan
    from orchestrator.recipe.load import read_recipe
    from orchestrator.run.installed.packages import look_for
    from orchestrator.run.installed.trainers import expected_trainer
    from orchestrator.run.installed.trusted import trust_of

    loaded = read_recipe(recipe_path, overrides, known_options() - OWNED.keys())
    trainer, fault = expected_trainer(loaded.recipe.base_model.family)
    trust = trust_of(loaded)
    dataset, plan, build = recalled(scan(loaded, trust)), None, None
    problems = list(check_ignores(loaded.ignored_rules, lambda key: _where(loaded, key)))
    if loaded.mistakes:
        problems += _seen_without_plan(loaded, dataset, trust)
    else:
        try:
            plan = make_plan(loaded, dataset)
            build = compile_plan(plan, trainer, trust)
            problems += [*build.problems, *missing_files(plan, trust)]
        except InputError as error:
            problems += [*error.problems, *_seen_without_plan(loaded, dataset, trust)]
    told = _once(loaded, problems)
    unseen: tuple[Text, ...] = ()
    if build is not None and fault is None:
        fault, unseen = look_for(build.needs, trainer)
    seen = dataset if any(not f.is_unread for f in dataset.folders) else None
    return Prepared(
        loaded=loaded,
        dataset=seen,
        plan=plan,
        trainer=trainer,
        build=build,
        verdict=_judge_before(loaded, seen, plan, build, told),
        problems=told,
        trainer_fault=None if loaded.is_in_doubt("base_model.family") else fault,
        unseen=unseen,
    )


def scan(loaded: LoadedRecipe, trust: Trust = NOTHING_TRUSTED) -> Dataset:
    """Read every concept's folder and find the pairs; what is wrong with some of them is in the data set's `problems`."""
    from orchestrator.dataset.pairs import find_pairs
    from orchestrator.dataset.scan import FolderRequest, scan_dataset

    keys = [f"concepts[{index}].image_dir" for index in range(len(loaded.recipe.concepts))]
    found = scan_dataset(
        None
        if loaded.is_in_doubt(key)
        else FolderRequest(
            loaded.resolve_path(key),
            concept.caption_extension,
            bool(concept.is_reg),
            _where(loaded, key),
            may_link_out=trust.is_recipe,
        )
        for key, concept in zip(keys, loaded.recipe.concepts, strict=True)
    )
    return replace(found, pairs=find_pairs(found.folders))


def _seen_without_plan(loaded: LoadedRecipe, dataset: Dataset, trust: Trust) -> list[Problem]:
    """Return what is wrong with pictures, model files and options, as far as no mistake of the recipe explains it.

    Where the family itself is in doubt, that is what is wrong with each of them.
    """
    from orchestrator.backends.registry import check_options, options_of_nobody
    from orchestrator.plan.families import FAMILIES
    from orchestrator.run.installed.trainers import expected_trainer

    is_open = loaded.is_in_doubt("base_model.family")
    first, *others = (
        check_options(loaded.with_family(family), expected_trainer(family)[0], dataset, trust)
        for family in (FAMILIES if is_open else [loaded.recipe.base_model.family])
    )
    found = [p for p in first if all(p in other for other in others)]
    if is_open:
        found += options_of_nobody(loaded)
    return [p for p in found if not loaded.explains(p)]


def _judge_before(
    loaded: LoadedRecipe, dataset: Dataset | None, plan: Plan | None, build: Build | None, problems: Sequence[Problem]
) -> Verdict:
    """Let the rules judge what is known before the run. Where nobody can tell which of them are ignored, none is asked."""
    from orchestrator.diagnose.case import make_case
    from orchestrator.diagnose.engine import UNREAD_FOLDER, judge

    if loaded.is_in_doubt("ignore"):
        return Verdict()
    told = {p.code for p in problems}
    if dataset is not None and not dataset.is_whole:
        told.add(UNREAD_FOLDER)
    case = make_case(loaded, dataset, plan)
    return judge(case, "before", further=build.warnings if build else (), told=told)


def _once(loaded: LoadedRecipe, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the recipe's mistakes and `problems`, each once, in the order of files and lines."""
    from orchestrator.recipe.load import in_order

    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.code, problem.what.en), problem)
    return tuple(in_order([*loaded.mistakes, *seen.values()], loaded.files))


def _where(loaded: LoadedRecipe, key: str) -> Location | None:
    origin = loaded.origins.get(key)
    return origin.where if origin else None
