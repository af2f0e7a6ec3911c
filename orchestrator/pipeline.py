"""The stages in order. Read this first: every verb is a prefix or a suffix of the same way.

    load -> scan -> plan -> compile -> judge before -> create -> train -> observe -> judge after -> report
                                                               resume -^

Each stage is one function of one room, with typed input and output; nothing is decided here.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.prepared import Prepared, prepare
from orchestrator.training.attempts import Done, train
from orchestrator.training.job import Job, Listener

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.backends.attempt import Start
    from orchestrator.backends.protocol import Build
    from orchestrator.core.observation import Checkpoint, Observations
    from orchestrator.core.text import Language, Text
    from orchestrator.plan.model import Plan
    from orchestrator.report.judged import Finished
    from orchestrator.run.records.model import Outcome


@dataclass(frozen=True, slots=True)
class NewFile:
    """A recipe that was written, and what was decided for it."""

    path: Path
    notes: tuple[Text, ...]


def write_new_recipe(name: str, old: Path, images: str | Path, trigger: str | None, output: Path | None) -> NewFile:
    """Write the recipe of the next character, `<name>.yaml` in the working directory unless `output` names another file.

    Raises InputError when `old` or `images` cannot be used, or the file is there already: nothing is overwritten.
    """
    from orchestrator.plan.reuse import new_recipe, write_new

    path = output or Path(f"{name}.yaml")
    made = new_recipe(name, old, images, trigger, path.absolute().parent)
    write_new(path, made.text)
    return NewFile(path, made.notes)


def run_recipe(
    recipe_path: Path,
    overrides: Sequence[str],
    listener: Listener,
    language: Language,
    *,
    runs_dir: Path | None = None,
    may_stop: bool = True,
    shares_gpu: bool = False,
) -> Prepared | Finished:
    """Do all of it. Returns `Prepared` when the recipe or data set is refused, else `Finished`.

    Raises InputError for an unreadable recipe or a GPU that is taken, EnvironmentFault when the trainer, a package of it or the
    disk is not there.
    """
    prepared = prepare(recipe_path, overrides)
    if prepared.is_refused or prepared.plan is None or prepared.build is None:
        return prepared
    from orchestrator.backends.attempt import Start
    from orchestrator.run.installed.trainers import find_trainer, trainer_held, verify_trainer
    from orchestrator.run.records.locks import gpus_locked

    if prepared.trainer_fault is not None:
        raise EnvironmentFault([prepared.trainer_fault])
    with ExitStack() as held:
        trainer = find_trainer(prepared.plan.family)
        held.enter_context(trainer_held(trainer, prepared.plan.name))
        verify_trainer(trainer)
        for note in (*prepared.plan.notes, *prepared.unseen):
            listener.told(note)
        held.enter_context(gpus_locked(prepared.plan, is_shared=shares_gpu))
        job = _create(prepared, prepared.plan, prepared.build, runs_dir, listener, held)
        return _train(job, listener, Start(1), language, why="start", may_stop=may_stop)


def resume_run(
    path: Path,
    listener: Listener,
    language: Language,
    *,
    from_scratch: bool = False,
    may_stop: bool = True,
    shares_gpu: bool = False,
) -> Finished | None:
    """Go on with the run at `path` from its newest whole state. None: there is nothing left to do.

    A run that was trained to its end, and whose tool died before the report was written, is reported.

    Raises InputError when there is no run, another process trains in it, something changed since it began, or no state is
    whole and `from_scratch` is not said.
    """
    from orchestrator.report.told import is_told
    from orchestrator.run.records.history import read_history
    from orchestrator.training.resume import open_run, start_again

    with ExitStack() as held:
        job = open_run(path, held, shares_gpu=shares_gpu, from_scratch=from_scratch, tell=listener.told)
        start = start_again(job, listener, from_scratch=from_scratch)
        if start is None:
            return None if is_told(job.rundir, read_history(job.rundir)) else _report_trained(job, language)
        return _train(job, listener, start, language, why="resume", may_stop=may_stop)


def _create(
    prepared: Prepared, plan: Plan, build: Build, runs_dir: Path | None, listener: Listener, held: ExitStack
) -> Job:
    """Lay down the run folder and hold it; `run.json` says `started` before anything is launched."""
    from orchestrator.core.record import record_text
    from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
    from orchestrator.recipe.dump import dump_resolved, overridden
    from orchestrator.run.records.create import create_run
    from orchestrator.run.records.journal import Journal
    from orchestrator.run.records.locks import run_locked
    from orchestrator.run.records.run_record import start_record, write_run_record
    from orchestrator.run.saved.disk import require_room, run_need

    loaded = prepared.loaded
    resolved = dump_resolved(loaded)
    own: dict[str, str | bytes] = {
        "recipe.yaml": loaded.path.read_bytes(),
        "recipe.resolved.yaml": resolved,
        "plan.json": record_text("plan", PLAN_RECORD_VERSION, plan_record(plan)),
    }
    folder = (runs_dir or Path(loaded.recipe.save.runs_dir or "runs")).absolute()
    require_room(folder, plan, run_need(plan, folder=folder), listener.told)
    rundir = create_run(folder, plan.name, build, extra_files=own, tell=listener.told)
    held.enter_context(run_locked(rundir))
    record = replace(
        start_record(plan.name, plan.family, resolved, prepared.trainer, build.commands),
        recipe_dir=os.path.relpath(loaded.base_dir, rundir.root),
        recipe_name=loaded.path.name,
        overrides=overridden(loaded),
    )
    write_run_record(rundir, record)
    journal = held.enter_context(closing(Journal(rundir.journal)))
    journal.add("planned", total_steps=plan.steps.total_steps, steps_per_epoch=plan.steps.steps_per_epoch)
    return Job(loaded, prepared.dataset, plan, build, rundir, record, journal)


def _train(job: Job, listener: Listener, start: Start, language: Language, *, why: str, may_stop: bool) -> Finished:
    """Train and report. Who asks for the end between two attempts or while the report is written is heard, twice ends it."""
    from orchestrator.run.process.process_group import signals_noted

    with signals_noted(is_once=True) as asked:
        done = train(job, listener, start, why=why, may_stop=may_stop, asked=asked)
        return _finish(done, language, is_hurried=bool(asked))


def _report_trained(job: Job, language: Language) -> Finished:
    """Judge and report a run whose final file is published, but whose end nobody told."""
    from orchestrator.diagnose.case import make_case
    from orchestrator.observe.read import read_run
    from orchestrator.report.judged import report_own
    from orchestrator.run.process.outcome import outcome_of_trained
    from orchestrator.run.records.history import read_history
    from orchestrator.run.records.run_record import end_record, write_run_record

    history, seen, record = read_history(job.rundir), read_run(job.rundir.root), job.record
    outcome = record.outcome if record.is_of(history) else None
    if outcome is None:
        outcome = outcome_of_trained(job.rundir, history, job.plan.output_name, _final(seen))
        record = end_record(record, outcome, job.plan.changes)
    if (history.ending, history.cause) != (outcome.ending.value, outcome.cause):
        job.journal.add("run-ended", ending=outcome.ending.value, cause=outcome.cause)
    case = make_case(job.loaded, job.dataset, job.plan, seen, outcome)
    return report_own(case, job.rundir, record, language, further=job.build.warnings, write_first=write_run_record)


def read_end(done: Done) -> tuple[Observations, Outcome]:
    """Read back what a run left, and judge from that how it ended: exit code 0 alone is no success.

    Its time is that of all attempts; of one that was cut off it is not known.
    """
    from orchestrator.observe.read import read_run
    from orchestrator.run.process.outcome import judge_outcome
    from orchestrator.run.records.history import read_history

    seen = read_run(done.rundir.root)
    plan = done.job.plan
    outcome = judge_outcome(
        done.launched,
        done.rundir,
        output_name=plan.output_name,
        checkpoint=_final(seen),
        planned_steps=plan.steps.total_steps,
    )
    attempts = read_history(done.job.rundir).attempts
    before = sum(attempt.seconds for attempt in attempts if attempt.number < done.rundir.attempt)
    return seen, replace(outcome, seconds=done.launched.seconds + before)


def _final(seen: Observations) -> Checkpoint | None:
    return next((c for c in seen.checkpoints if c.is_final), None)


def _finish(done: Done, language: Language, *, is_hurried: bool) -> Finished:
    """Write down how the run ended, judge and report it. `is_hurried`: the look at the pictures is not waited for."""
    from orchestrator.diagnose.case import make_case
    from orchestrator.report.judged import report_own
    from orchestrator.run.process.outcome import what_went_wrong
    from orchestrator.run.records.run_record import end_record, write_run_record

    job = done.job
    seen, outcome = read_end(done)
    job.journal.add("run-ended", ending=outcome.ending.value, cause=outcome.cause)
    record = end_record(job.record, outcome, job.plan.changes)
    dataset, told = done.watch.end(is_hurried=is_hurried or done.launched.interrupted)
    case = make_case(job.loaded, dataset, job.plan, seen, outcome)
    return report_own(
        case,
        job.rundir,
        record,
        language,
        further=job.build.warnings,
        notes=(*what_went_wrong(done.launched), *done.notes, *told),
        write_first=write_run_record,
    )
