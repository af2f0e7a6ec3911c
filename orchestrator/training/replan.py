"""A run that did not fit into memory, planned again with less of it: the same recipe, pictures, repeats and epochs, a few keys changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.backends.protocol import Build
    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.less_memory import Rung
    from orchestrator.plan.model import Plan, Resolved
    from orchestrator.run.records.model import Outcome
    from orchestrator.run.records.run_record import RunRecord

CAUSES = ("out-of-memory", "out-of-host-memory")
_BECAUSE = Text("the memory did not suffice", "内存或显存不足")


@dataclass(frozen=True, slots=True)
class Smaller:
    """The plan of the next attempt."""

    plan: Plan
    build: Build
    told: Text


def with_less_memory(
    plan: Plan, record: RunRecord, rundir: RunDir, outcome: Outcome, *, rungs: int, tell: Callable[[Text], None]
) -> Smaller | None:
    """Return the next rung that the trainer takes, None where none is left.

    `rungs`: those climbed so far. `tell` hears of those that this recipe does not allow.
    """
    from orchestrator.plan.less_memory import MOST_RUNGS, rungs_left
    from orchestrator.run.saved.states import find_epoch_states

    if outcome.cause not in CAUSES or rungs >= MOST_RUNGS:
        return None
    has_state = bool(find_epoch_states(rundir.root, plan.output_name))
    for rung in rungs_left(plan, is_host=outcome.cause == "out-of-host-memory", has_state=has_state):
        changes = {**plan.changes, **rung.changes}
        try:
            again, build = replan(plan, record, rundir, changes)
        except InputError as error:
            tell(_not_taken(rung, error.problems[0]))
            continue
        told = _told(rung, plan, again, outcome, rungs + 1)
        return Smaller(replace(again, notes=(*plan.notes, told)), build, told)
    return None


def replan(plan: Plan, record: RunRecord, rundir: RunDir, changes: Mapping[str, Any]) -> tuple[Plan, Build]:
    """Return plan and files of a run with `changes`, recipe key -> value, and everything else as `plan` decided it.

    Raises InputError where the trainer refuses that, or the pictures are no longer those the run began with.
    """
    from orchestrator.backends.registry import compile_plan
    from orchestrator.plan.resolve import make_plan
    from orchestrator.prepared import scan
    from orchestrator.recipe.dump import scalar_text
    from orchestrator.recipe.load import load_recipe
    from orchestrator.run.installed.trusted import trust_of_run

    kept = {"train.max_train_epochs": plan.steps.epochs}
    kept |= {f"concepts[{n}].num_repeats": s.num_repeats for n, s in enumerate(plan.subsets) if not s.is_reg}
    overrides = [f"{key}={scalar_text(value)}" for key, value in {**kept, **changes}.items()]
    path = (rundir.root / record.recipe_dir).resolve() / (record.recipe_name or rundir.recipe.name)
    loaded = load_recipe(path, overrides, text=rundir.resolved_recipe.read_text(encoding="utf-8"))
    again = make_plan(loaded, scan(loaded, trust_of_run(rundir, plan)))
    if [s.links for s in again.subsets] != [s.links for s in plan.subsets]:
        raise InputError([_other_pictures()])
    again = replace(
        again,
        train=_explained(again.train, plan.train, changes),
        dataset_general=_explained(again.dataset_general, plan.dataset_general, changes),
        changes=dict(changes),
    )
    build = compile_plan(again, record.trainer, trust_of_run(rundir, again))
    if build.problems:
        raise InputError(build.problems)
    return again, build


def _explained(
    now: Mapping[str, Resolved], before: Mapping[str, Resolved], changes: Mapping[str, Any]
) -> dict[str, Resolved]:
    """Return decided values with the reason of the change, or the earlier words where nothing changed."""
    return {
        name: replace(one, because=_BECAUSE)
        if one.key in changes
        else before[name]
        if name in before and before[name].value == one.value
        else one
        for name, one in now.items()
    }


def _not_taken(rung: Rung, problem: Problem) -> Text:
    return Text(
        f"not tried, {rung.told.en}: {problem.what.en}",
        f"未尝试：{rung.told.zh}（{problem.what.zh}）",
    )


def _other_pictures() -> Problem:
    return Problem(
        "resume-changed",
        Text("the pictures are no longer those the run began with", "图片已与训练开始时不同"),
        fix=Text("start a new run", "请开始新的训练"),
    )


def _told(rung: Rung, before: Plan, now: Plan, outcome: Outcome, number: int) -> Text:
    from orchestrator.plan.less_memory import MOST_RUNGS

    memory = (
        Text("the card's memory", "显存") if outcome.cause == "out-of-memory" else Text("the machine's memory", "内存")
    )
    steps = Text("", "")
    if now.steps.total_steps != before.steps.total_steps:
        steps = Text(
            f"; {now.steps.steps_per_epoch} steps per epoch x {now.steps.epochs} = {now.steps.total_steps} steps instead of {before.steps.total_steps}",
            f"；每轮 {now.steps.steps_per_epoch} 步 x {now.steps.epochs} = {now.steps.total_steps} 步，而不是 {before.steps.total_steps} 步",
        )
    return Text(
        f"{memory.en} ran out, tried again with less memory (step {number} of at most {MOST_RUNGS}): {rung.told.en}{steps.en}",
        f"{memory.zh}不足，改用更省{memory.zh}的设置重试（第 {number} 次，最多 {MOST_RUNGS} 次）：{rung.told.zh}{steps.zh}",
    )
