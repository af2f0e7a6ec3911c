"""From a recipe and a data set to a plan: every number decided, each with its reason. Reads and writes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.plan.checkpoints import tell_other_count
from orchestrator.plan.computing import decide_computing
from orchestrator.plan.concepts import list_concepts
from orchestrator.plan.enormous import is_too_long, refuse_many_files
from orchestrator.plan.families import facts_of, start_of
from orchestrator.plan.folders import make_subsets, make_validation
from orchestrator.plan.given import Draft
from orchestrator.plan.holdout import hold_out
from orchestrator.plan.length import check_buckets, decide_length, decide_pace
from orchestrator.plan.model import Plan, StepPlan
from orchestrator.plan.naming import decide_metadata, merge_trainer_args
from orchestrator.plan.network import decide_model, decide_network
from orchestrator.plan.optimise import decide_optimizer, decide_warmup
from orchestrator.plan.prepare import decide_dataset_options
from orchestrator.plan.recording import decide_recording
from orchestrator.plan.samples import decide_samples, decide_saving
from orchestrator.plan.state_points import decide_states, state_every, tell_possible_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Problem
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.length import Length
    from orchestrator.plan.model import Prompt
    from orchestrator.recipe.load import LoadedRecipe

DEFAULT_STOP_ON = ("nan",)
_ANY_LENGTH = StepPlan(
    buckets=(), batches_per_epoch=10**6, steps_per_epoch=10**6, epochs=10, total_steps=10**7, train_samples=10**6,
    reg_samples=0, exposures_per_image=1.0, lines=(),
)  # fmt: skip
"""Stands in where no length can be decided: so long that nothing is refused for its sake."""


def make_plan(loaded: LoadedRecipe, dataset: Dataset) -> Plan:
    """Decide everything. `dataset` holds one folder for each concept of the recipe, in its order.

    Raises InputError with all problems that leave nothing sensible to plan: no or broken pictures, missing model files,
    bucket limits or options that the trainer refuses.
    """
    draft = _begin(loaded)
    concepts = list_concepts(draft, dataset)
    _decide_form(draft, concepts)
    trained, held = hold_out(draft, concepts, dataset.equal_files, dataset.pairs)
    length = _length(draft, trained)
    if length is not None and is_too_long(draft, length.steps):
        length = None
    steps = _ANY_LENGTH if length is None else length.steps
    prompts, output_name = _decide_rest(draft, trained, steps, is_validated=bool(held))
    if length is not None:
        refuse_many_files(draft, steps, prompts)
    if draft.problems or length is None:
        raise InputError(draft.problems)
    tell_possible_loss(draft, steps, trained, length.repeats)
    subsets = make_subsets(draft, trained, length.repeats, length.reasons)
    return replace(
        _plan(draft, steps, prompts, output_name),
        subsets=subsets,
        validation=make_validation(draft, concepts, held),
        validation_seed=draft.value("validation_seed") if held else 0,
        notes=tuple(draft.notes),
    )


def sketch_plan(loaded: LoadedRecipe, dataset: Dataset | None = None) -> tuple[Plan, tuple[Problem, ...]]:
    """Return the plan as far as the recipe alone decides it, and what is wrong with the recipe and its pictures so far.

    It has no pictures and a length of no meaning: enough to check options, where the pictures or the rest of the recipe
    leave nothing to plan.
    """
    draft = _begin(loaded)
    _decide_form(draft, [])
    decide_pace(draft)
    if dataset is not None:
        draft.problems += _picture_problems(loaded, dataset)
    try:
        check_buckets(draft)
    except InputError as error:
        draft.problems += error.problems
    prompts, output_name = _decide_rest(draft, [], _ANY_LENGTH, is_validated=False)
    return _plan(draft, _ANY_LENGTH, prompts, output_name), tuple(draft.problems)


def _picture_problems(loaded: LoadedRecipe, dataset: Dataset) -> list[Problem]:
    draft = _begin(loaded)  # of its own: the sketch has no pictures
    hold_out(draft, list_concepts(draft, dataset), ())
    return draft.problems


def _begin(loaded: LoadedRecipe) -> Draft:
    recipe = loaded.recipe
    return Draft(loaded, facts_of(recipe.base_model.family), start_of(recipe.base_model.family, recipe.subject.kind))


def _decide_form(draft: Draft, concepts: Sequence[ConceptPictures]) -> None:
    """Decide what the length does not matter for."""
    decide_model(draft)
    decide_network(draft)
    decide_dataset_options(draft, concepts)
    decide_optimizer(draft)


def _length(draft: Draft, trained: Sequence[ConceptPictures]) -> Length | None:
    """Decide the length; None, with the problems noted, where there are no whole pictures or no shapes to count with."""
    pace = decide_pace(draft)
    if any(not c.pictures or any(p.problem for p in c.pictures) for c in trained):
        return None
    try:
        return decide_length(draft, trained, pace)
    except InputError as error:
        draft.problems += error.problems
        return None


def _decide_rest(
    draft: Draft, trained: Sequence[ConceptPictures], steps: StepPlan, *, is_validated: bool
) -> tuple[tuple[Prompt, ...], str]:
    """Decide what follows from the length; return the prompts and the stem of the file names."""
    decide_warmup(draft, steps)
    decide_computing(draft, trained, is_validated=is_validated)
    decide_saving(draft, steps, is_validated=is_validated)
    prompts = decide_samples(draft, steps.epochs)
    output_name = decide_metadata(draft)
    merge_trainer_args(draft)
    decide_states(draft, steps)
    tell_other_count(draft, steps)
    return prompts, output_name


def _plan(draft: Draft, steps: StepPlan, prompts: tuple[Prompt, ...], output_name: str) -> Plan:
    recipe = draft.recipe
    recording = decide_recording(draft, steps)  # before `unused` is closed
    target = recipe.train.target_steps
    return Plan(
        name=recipe.name,
        output_name=output_name,
        family=recipe.base_model.family,
        kind=recipe.subject.kind,
        trigger=recipe.subject.trigger,
        train=draft.train,
        dataset_general=draft.dataset_general,
        subsets=(),
        validation=None,
        validation_seed=0,
        steps=steps,
        prompts=prompts,
        num_processes=recipe.train.num_processes or 1,
        stop_on=DEFAULT_STOP_ON if recipe.train.stop_on is None else tuple(recipe.train.stop_on),
        unused=tuple(draft.unused),
        telemetry=recording,
        state_every_n_epochs=state_every(draft, steps),
        target=None if target is None else draft.given(target, "train.target_steps"),
    )
