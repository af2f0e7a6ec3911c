"""The stages in order. Read this first: every verb is a prefix or a suffix of the same way.

    load -> scan -> plan -> compile -> judge before -> create -> launch -> observe -> judge after -> report

Each stage is one function of one room, with typed input and output; nothing is decided here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.core.errors import EnvironmentFault
from orchestrator.prepared import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.backends.protocol import Build
    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Language, Text
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.looking import Looking
    from orchestrator.diagnose.watching import Watching
    from orchestrator.plan.model import Plan
    from orchestrator.report.judged import Finished
    from orchestrator.run.launch import Launched
    from orchestrator.run.run_record import RunRecord


class Listener(Protocol):
    """Who watches a run while it goes on."""

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        """Hear where the run lies and how long it will be."""

    def told(self, text: Text) -> None:
        """Hear about a decision or a finding on the way."""

    def event(self, event: LogEvent) -> None:
        """Hear about a line of the trainer that means something."""

    def silence(self, seconds: float) -> None:
        """Hear that the trainer has printed nothing for so long."""


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
) -> Prepared | Finished:
    """Do all of it. Returns `Prepared` when the recipe or data set is refused, else `Finished`.

    Raises InputError for an unreadable recipe and EnvironmentFault when the trainer, a package of it or the disk is not there.
    """
    prepared = prepare(recipe_path, overrides)
    if prepared.is_refused or prepared.plan is None or prepared.build is None:
        return prepared
    from orchestrator.run.trainers import find_trainer, verify_trainer

    if prepared.trainer_fault is not None:
        raise EnvironmentFault([prepared.trainer_fault])
    verify_trainer(find_trainer(prepared.plan.family))
    for note in (*prepared.plan.notes, *prepared.unseen):
        listener.told(note)
    job = _create(prepared, prepared.plan, prepared.build, runs_dir, listener)
    watching = _Watching(job, listener, may_stop=may_stop)
    return _finish(job, _launch(job, watching, listener), watching, language)


@dataclass(frozen=True, slots=True)
class _Job:
    """A run folder with what went into it."""

    prepared: Prepared
    plan: Plan
    build: Build
    rundir: RunDir
    record: RunRecord


def _create(prepared: Prepared, plan: Plan, build: Build, runs_dir: Path | None, listener: Listener) -> _Job:
    """Lay down the run folder; `run.json` says `started` before anything is launched."""
    from orchestrator.core.record import record_text
    from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
    from orchestrator.recipe.dump import dump_resolved, overridden
    from orchestrator.run.create import create_run
    from orchestrator.run.run_record import start_record, write_run_record

    loaded = prepared.loaded
    resolved = dump_resolved(loaded)
    own: dict[str, str | bytes] = {
        "recipe.yaml": loaded.path.read_bytes(),
        "recipe.resolved.yaml": resolved,
        "plan.json": record_text("plan", PLAN_RECORD_VERSION, plan_record(plan)),
    }
    folder = runs_dir or Path(loaded.recipe.save.runs_dir or "runs")
    rundir = create_run(folder.absolute(), plan.name, build, extra_files=own, tell=listener.told)
    record = replace(
        start_record(plan.name, plan.family, resolved, prepared.trainer, build.commands),
        recipe_dir=os.path.relpath(loaded.base_dir, rundir.root),
        overrides=overridden(loaded),
    )
    write_run_record(rundir, record)
    return _Job(prepared, plan, build, rundir, record)


def _launch(job: _Job, watching: _Watching, listener: Listener) -> Launched:
    """Start the trainer; hand its lines to the parser, and what they mean to the live rules and the listener."""
    from orchestrator.run.launch import launch

    (command,) = job.build.commands
    return launch(
        command,
        job.rundir,
        watching.on_line,
        watching.stop_reason,
        on_start=watching.begin,
        on_silence=listener.silence,
    )


class _Watching:
    """Reads along while a run goes on, and looks at the pictures. Made ready once the trainer is started: it loads for seconds,
    nobody waits for this.
    """

    _watch: Watching
    _looking: Looking

    def __init__(self, job: _Job, listener: Listener, *, may_stop: bool) -> None:
        self._job, self._listener, self._may_stop = job, listener, may_stop

    def begin(self) -> None:
        """Tell that the run has begun, load what understands its lines, and begin to look at the pictures."""
        from orchestrator.diagnose.case import make_case
        from orchestrator.diagnose.looking import Looking
        from orchestrator.diagnose.watching import Watching

        job, listener = self._job, self._listener
        listener.begins(job.rundir, job.plan.steps.total_steps)
        case = make_case(job.prepared.loaded, None, job.plan)
        stop_on = job.plan.stop_on if self._may_stop else ()
        self._watch = Watching(case, stop_on, job.rundir.telemetry, listener.event, listener.told)
        self._looking = Looking(replace(case, dataset=job.prepared.dataset))
        self._looking.begin()

    def on_line(self, line: str, _seconds: float) -> None:
        """Take one line of the trainer."""
        self._watch.on_line(line)

    def stop_reason(self) -> str | None:
        """Return why the run should be stopped now, if it should. What the pictures say is told, and stops nothing."""
        news = self._looking.news()
        if news is not None:
            self._listener.told(news)
        return self._watch.stop_reason()

    def end(self, launched: Launched) -> tuple[Dataset | None, tuple[Text, ...]]:
        """Return the data set with what was seen of it meanwhile, and what is to be said of that."""
        return self._looking.end(0.0) if launched.interrupted else self._looking.end()


def _finish(job: _Job, launched: Launched, watching: _Watching, language: Language) -> Finished:
    """Read back what the run left, write down how it ended, judge and report it."""
    from orchestrator.diagnose.case import make_case
    from orchestrator.observe.read import read_run
    from orchestrator.report.judged import report_own
    from orchestrator.run.outcome import judge_outcome, what_went_wrong
    from orchestrator.run.run_record import end_record, write_run_record

    seen = read_run(job.rundir.root)
    final = next((c for c in seen.checkpoints if c.is_final), None)
    outcome = judge_outcome(launched, job.rundir, checkpoint=final)
    record = end_record(job.record, outcome)
    dataset, told = watching.end(launched)
    case = make_case(job.prepared.loaded, dataset, job.plan, seen, outcome)
    return report_own(
        case,
        job.rundir,
        record,
        language,
        further=job.build.warnings,
        notes=(*what_went_wrong(launched), *told),
        write_first=write_run_record,
    )
