"""From a recipe and a data set to a plan: every number decided, each with its reason. Reads and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.plan.computing import decide_computing
from orchestrator.plan.concepts import list_concepts
from orchestrator.plan.families import facts_of, start_of
from orchestrator.plan.folders import make_subsets, make_validation
from orchestrator.plan.given import Draft
from orchestrator.plan.holdout import hold_out
from orchestrator.plan.length import decide_length
from orchestrator.plan.model import Plan
from orchestrator.plan.naming import decide_metadata, merge_trainer_args
from orchestrator.plan.network import decide_model, decide_network
from orchestrator.plan.optimise import decide_optimizer, decide_warmup
from orchestrator.plan.prepare import decide_dataset_options
from orchestrator.plan.samples import decide_samples, decide_saving

if TYPE_CHECKING:
    from orchestrator.dataset.model import Dataset
    from orchestrator.recipe.load import LoadedRecipe

DEFAULT_STOP_ON = ("nan",)


def make_plan(loaded: LoadedRecipe, dataset: Dataset) -> Plan:
    """Decide everything. `dataset` holds one folder for each concept of the recipe, in its order.

    Raises InputError with all problems that leave nothing sensible to plan: no or broken pictures, missing model files,
    bucket limits or options that the trainer refuses.
    """
    recipe = loaded.recipe
    family, kind = recipe.base_model.family, recipe.subject.kind
    draft = Draft(loaded, facts_of(family), start_of(family, kind))
    concepts = list_concepts(draft, dataset)
    decide_model(draft)
    decide_network(draft)
    decide_dataset_options(draft, concepts)
    decide_optimizer(draft)
    trained, held = hold_out(draft, concepts)
    _stop_at(draft)
    length = decide_length(draft, trained)
    decide_warmup(draft, length.steps)
    decide_computing(draft, trained, is_validated=bool(held))
    decide_saving(draft, length.steps, is_validated=bool(held))
    prompts = decide_samples(draft, length.steps.epochs)
    output_name = decide_metadata(draft)
    merge_trainer_args(draft)
    _stop_at(draft)
    return Plan(
        name=recipe.name,
        output_name=output_name,
        family=family,
        kind=kind,
        trigger=recipe.subject.trigger,
        train=draft.train,
        dataset_general=draft.dataset_general,
        subsets=make_subsets(draft, trained, length.repeats, length.reasons),
        validation=make_validation(draft, concepts, held),
        validation_seed=draft.value("validation_seed") if held else 0,
        steps=length.steps,
        prompts=prompts,
        num_processes=recipe.train.num_processes or 1,
        stop_on=DEFAULT_STOP_ON if recipe.train.stop_on is None else tuple(recipe.train.stop_on),
        notes=tuple(draft.notes),
        unused=tuple(draft.unused),
    )


def _stop_at(draft: Draft) -> None:
    if draft.problems:
        raise InputError(draft.problems)
