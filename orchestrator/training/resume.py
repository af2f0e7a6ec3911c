"""Going on with a run: what it was begun with must be what it is gone on with, and a whole state must be there."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text, plural
from orchestrator.training.attempts import start_of
from orchestrator.training.begun_from import start_text
from orchestrator.training.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from orchestrator.backends.attempt import Start
    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe
    from orchestrator.run.records.history import History
    from orchestrator.run.records.journal import Journal
    from orchestrator.run.records.run_record import RunRecord
    from orchestrator.training.job import Listener


def open_run(
    path: Path,
    held: ExitStack,
    *,
    shares_gpu: bool = False,
    from_scratch: bool = False,
    tell: Callable[[Text], None] = lambda _text: None,
) -> Job:
    """Take hold of the run folder at `path` and its GPUs; what is held is let go with `held`.

    What an earlier attempt left running is ended, and told; so is each published file that was changed since. `from_scratch`: what it
    began with need not have been written down.

    Raises InputError when there is no run, another process trains in it, or something changed since it began;
    EnvironmentFault when the trainer is not there, or the folder is a link or another user's.
    """
    from orchestrator.plan.saved import read_newest_plan, read_plan
    from orchestrator.recipe.load import load_recipe
    from orchestrator.report.judged import rescan
    from orchestrator.report.run_facts import no_run
    from orchestrator.run.installed.trainers import find_trainer, trainer_held, verify_trainer
    from orchestrator.run.process.leftovers import end_leftovers
    from orchestrator.run.process.stop import forget_request
    from orchestrator.run.records.inputs import changed_inputs, rewritten_files
    from orchestrator.run.records.journal import Journal
    from orchestrator.run.records.locks import gpus_locked, run_locked
    from orchestrator.run.records.private import refuse_foreign
    from orchestrator.run.records.run_record import read_run_record
    from orchestrator.run.saved.publish import changed_files

    rundir = RunDir(path.absolute())
    if not rundir.run_json.is_file():
        raise InputError([no_run(path)])
    refuse_foreign(rundir.root)
    held.enter_context(run_locked(rundir))
    forget_request(rundir)  # of whoever trained here before; what is asked for from now on holds
    left = end_leftovers(rundir)
    if left:
        tell(_ended_leftovers(left))
    for name in changed_files(rundir):
        tell(_changed_file(name))
    record, plan = read_run_record(rundir), read_plan(rundir.plan_json)
    trainer = find_trainer(plan.family)
    held.enter_context(trainer_held(trainer, rundir.root.name))
    verify_trainer(trainer)
    changed = [*changed_inputs(plan, rundir, trainer, needs_marks=not from_scratch), *_changed_recipe(rundir, record)]
    if changed:
        raise InputError(changed)
    held.enter_context(gpus_locked(plan, is_shared=shares_gpu))
    build = _compiled(plan, trainer, rundir)
    rewritten = rewritten_files(build.files, rundir)
    if rewritten:
        raise InputError(rewritten)
    newest = read_newest_plan(rundir)  # what was changed for lack of memory stays changed
    if newest != plan:
        plan, build = newest, _compiled(newest, trainer, rundir)
    journal = held.enter_context(closing(Journal(rundir.journal)))
    settle_cut_off(rundir, journal)
    loaded = load_recipe(rundir.resolved_recipe)
    return Job(loaded, rescan(plan, rundir), plan, build, rundir, record, journal)


def _compiled(plan: Plan, trainer: Trainer, rundir: RunDir) -> Build:
    """Return what a plan of the run compiles to: a run folder may come from elsewhere, so its plan is asked what a recipe is asked.

    Raises InputError for what the trainer would refuse, not find, or must not open.
    """
    from orchestrator.backends.model_files import missing_files
    from orchestrator.backends.registry import compile_plan
    from orchestrator.run.installed.trusted import trust_of_run

    trust = trust_of_run(rundir, plan)
    build = compile_plan(plan, trainer, trust)
    problems = [*build.problems, *missing_files(plan, trust)]
    if problems:
        raise InputError(problems)
    return build


def settle_cut_off(rundir: RunDir, journal: Journal) -> None:
    """Publish what the newest attempt left whole, and set apart what is torn, where the tool died before it could.

    Call it while holding the run's lock, when nothing of the run lives any more and no later attempt was begun.
    """
    from orchestrator.run.records.history import read_history
    from orchestrator.run.saved.publish import Publisher, newest_attempt
    from orchestrator.training.attempts import verify

    history = read_history(rundir)
    if not history.attempts or history.attempts[-1].ending or history.attempts[-1].number < newest_attempt(rundir):
        return
    last = history.attempts[-1]
    own = RunDir(rundir.root, last.number)
    # what was set apart is gone from there; a whole one of the same name was made anew after it
    done = {Path(p.source).name for p in history.published if p.source.startswith(own.relative(own.output) + "/")}
    journal.attempt = last.number
    for found in Publisher(own, last.first_step, verify, done).settle():
        journal.add(found.event, **found.facts())


def start_again(job: Job, listener: Listener, *, from_scratch: bool = False) -> Start | None:
    """Return where to go on, None where nothing is left to train. What is trained a second time is told.

    `from_scratch` begins anew where no state is whole, and only there: two courses in one folder could not be told apart.
    Raises InputError when no state is whole and it is not said, EnvironmentFault when the disk has no room for the rest.
    """
    from orchestrator.run.records.history import read_history
    from orchestrator.run.saved.disk import require_room, run_need
    from orchestrator.run.saved.publish import newest_attempt

    history = read_history(job.rundir)
    total = job.plan.steps.total_steps
    if any(p.is_final and p.step is not None and p.step >= total for p in history.published):
        return None
    number = newest_attempt(job.rundir) + 1
    start = start_of(job, number)
    if start.state is None and not from_scratch:
        raise InputError([_no_state(job, history)])
    if start.state is not None and from_scratch:
        listener.told(_NOT_FROM_SCRATCH)
    require_room(job.rundir.root, job.plan, run_need(job.plan, start.first_step, job.rundir.root), listener.told)
    listener.told(start_text(job, start, history))
    return start


_NOT_FROM_SCRATCH = Text(
    "a whole state is there, so the run goes on from it; to begin anew, start a new run with the recipe",
    "已有完整的状态，因此从该状态继续；若要从头开始，请用配方开始新的训练",
)


def _changed_recipe(rundir: RunDir, record: RunRecord) -> list[Problem]:
    """Return a problem for each key of the user's recipe that no longer says what the run was begun with.

    A recipe that is gone or cannot be read any more is no hindrance: the run has its own copy.
    """
    from orchestrator.recipe.dump import scalar_text
    from orchestrator.recipe.load import load_recipe

    path = rundir.root / record.recipe_dir / record.recipe_name
    if not record.recipe_name or not path.is_file():
        return []
    overrides = [f"{key}={scalar_text(value)}" for key, value in record.overrides.items()]
    try:
        now = _said(load_recipe(path, overrides))
    except InputError:
        return []
    before = _said(load_recipe(rundir.resolved_recipe), base=(rundir.root / record.recipe_dir).resolve())
    return [
        _differs(key, before.get(key, "-"), now.get(key, "-"))
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _said(loaded: LoadedRecipe, base: Path | None = None) -> dict[str, str]:
    """Return what a recipe says by dotted key, paths as they lead from `base`, else from the recipe's own folder."""
    from orchestrator.recipe.keys import PATH_KEYS
    from orchestrator.report.run_facts import flat

    home = base or loaded.base_dir
    said = flat(loaded.recipe.model_dump(exclude_none=True))
    return {
        key: os.path.realpath(home / value) if key.rpartition(".")[2] in PATH_KEYS else value
        for key, value in said.items()
    }


def _differs(key: str, before: str, now: str) -> Problem:
    return Problem(
        "resume-changed",
        Text(f"`{key}` of the recipe was {before} when the run began and is {now} now", f"配方的 `{key}` 在训练开始时为 {before}，现在为 {now}"),
        Text("a run is gone on with as it was begun", "训练只能按开始时的设置继续"),
        Text("put the recipe back, or train the changed one as a new run", "恢复配方，或用修改后的配方开始新的训练"),
    )  # fmt: skip


def _no_state(job: Job, history: History) -> Problem:
    removed = ", ".join(Path(name).name for name in history.quarantined)
    why = Text("no epoch ended with a saved state", "没有任何一轮结束时保存了状态")
    if removed:
        why = Text(f"no saved state is whole; set aside: {removed}", f"没有完整的状态；已隔离：{removed}")
    return Problem(
        "resume-no-state",
        Text(f"there is no state to go on from in {job.rundir.root.name}", f"{job.rundir.root.name} 中没有可继续的状态"),
        why,
        Text(
            "begin it anew with `--from-scratch`; what it has published stays",
            "用 `--from-scratch` 从头开始；已发布的文件会保留",
        ),
    )  # fmt: skip


def _changed_file(name: str) -> Text:
    return Text(
        f"checkpoints/{name} was changed after it was published (its SHA-256 is another): use it with care",
        f"checkpoints/{name} 在发布后被改动（SHA-256 不符）：请谨慎使用",
    )


def _ended_leftovers(count: int) -> Text:
    return Text(
        f"{plural(count, 'process', 'processes')} of an earlier attempt still lived and had to be ended",
        f"之前的尝试还有 {count} 个进程在运行，已将其结束",
    )
