"""The verbs about runs that may still go on, from any terminal. None of them holds up the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.command_line import in_form, in_language

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Language

    OnBegin = Callable[[RunDir], None]

MOST_LISTED = 30
in_runs = click.option(
    "--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), help="Where runs lie (default: `runs`)."
)
of_run = click.argument("run", type=click.Path(path_type=Path), metavar="RUN")


in_background = click.option(
    "--detach", is_flag=True, help="Return once the trainer is started; the run goes on without this terminal."
)


def detached(work: Callable[[OnBegin], int], form: str, lang: Language) -> int:
    """Do `work` in a session of its own and return once its trainer is started, or with its exit code where it is not.

    `work` is given what has to be called with the run folder as soon as it goes on by itself.
    """
    from orchestrator.run.process.detach import Worker, split

    side = split()
    if isinstance(side, Worker):
        return work(side.leave)
    if side.run is None:
        return side.exit_code
    from orchestrator.report import tell_list

    return tell_list.left_alone(side.run, form, lang)


def stay(_rundir: RunDir) -> None:
    """Hear where the run lies, and go on in this terminal."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--from-scratch", is_flag=True, help="Begin anew, where no saved state is whole.")
@click.option("--no-stop", is_flag=True, help="Never stop the trainer early.")
@click.option("--share-gpu", is_flag=True, help="Train though another run uses the GPU.")
@in_background
@in_form
@in_language
def resume(
    run: Path, from_scratch: bool, no_stop: bool, share_gpu: bool, detach: bool, form: str, lang: Language
) -> int:
    """Go on with a run from its newest saved state.

    RUN is a run folder, or its name in `runs`.
    """

    def work(on_begin: OnBegin) -> int:
        from orchestrator import pipeline
        from orchestrator.outside import find_run
        from orchestrator.report import tell, tell_runs
        from orchestrator.report.watcher import Watcher
        from orchestrator.run.records.private import keep_private

        keep_private()
        with Watcher(sys.stderr if form == "json" else sys.stdout, lang, on_begin) as watcher:
            root = find_run(run, Path("runs")).root
            done = pipeline.resume_run(
                root, watcher, lang, from_scratch=from_scratch, may_stop=not no_stop, shares_gpu=share_gpu
            )
        if done is None:
            return tell_runs.nothing_left(root, form, lang)
        return tell.finished(done.report, done.files, done.problems, form, lang)

    return detached(work, form, lang) if detach else work(stay)


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path), metavar="[RUN]")
@in_runs
@in_form
@in_language
def status(run: Path | None, runs_dir: Path, form: str, lang: Language) -> int:
    """Say what a run does now, or how it ended.

    RUN is a run folder, or its name; without it the run that goes on, else the newest one.
    """
    from orchestrator.observe.present import look_at
    from orchestrator.outside import find_run
    from orchestrator.report import tell_now

    return tell_now.status(look_at(find_run(run, runs_dir)), form, lang)


@click.command(name="list")
@click.option(
    "-n", "--lines", "most", type=click.IntRange(min=1), default=MOST_LISTED, show_default=True, help="Most runs shown."
)
@click.option("--all", "shows_all", is_flag=True, help="Show every run.")
@in_runs
@in_form
@in_language
def list_(most: int, shows_all: bool, runs_dir: Path, form: str, lang: Language) -> int:
    """List the runs of a folder, the newest first."""
    from orchestrator.outside import all_runs
    from orchestrator.report import tell_list

    return tell_list.runs(all_runs(runs_dir), None if shows_all else most, form, lang)


@click.command()
@of_run
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended. Ctrl-C ends this view alone.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=20, show_default=True, help="Last lines shown.")
@in_runs
@in_form
@in_language
def logs(run: Path, follow: bool, lines: int, runs_dir: Path, form: str, lang: Language) -> int:
    """Show what the trainer prints.

    Of the run's newest attempt, safe for any terminal. With `--format json` each line is an object.
    """
    from orchestrator.core.text import Text
    from orchestrator.outside import find_run, follow_log
    from orchestrator.report.tell_log import LogView

    rundir = find_run(run, runs_dir)
    with LogView(sys.stdout, form, lang) as view:
        try:
            for shown in follow_log(rundir, lines, is_following=follow):
                view.show(shown)
        except KeyboardInterrupt:
            return 0
    if not view.has_shown and form != "json":
        click.echo(Text("the trainer has written nothing yet", "训练器尚无输出").to(lang), err=True)
    return 0


@click.command()
@of_run
@click.option("--now", is_flag=True, help="Do not wait for the next saved state.")
@click.option("--no-wait", is_flag=True, help="Ask, and do not wait until it has ended.")
@in_runs
@in_form
@in_language
def stop(run: Path, now: bool, no_wait: bool, runs_dir: Path, form: str, lang: Language) -> int:
    """End a run at its next saved state."""
    from orchestrator import outside
    from orchestrator.report import tell_list
    from orchestrator.report.tell_log import Waiting
    from orchestrator.run.records.private import keep_private

    keep_private()
    rundir = outside.find_run(run, runs_dir)
    with Waiting(sys.stderr if form == "json" else sys.stdout, lang) as waiting:
        asked = outside.stop(rundir, "now" if now else "safe", waiting.show, waits=not no_wait)
    return tell_list.stopped(asked.present, form, lang, was_going_on=asked.was_going_on)


@click.command()
@of_run
@in_runs
@in_form
@in_language
def attach(run: Path, runs_dir: Path, form: str, lang: Language) -> int:
    """Watch a run that goes on. Ctrl-C ends the watching alone."""
    from orchestrator import outside
    from orchestrator.observe.present import look_at
    from orchestrator.report import tell_list, tell_now
    from orchestrator.report.watcher import Watcher

    rundir = outside.find_run(run, runs_dir)
    try:
        with Watcher(sys.stderr if form == "json" else sys.stdout, lang) as watcher:
            outside.attach(rundir, watcher)
    except KeyboardInterrupt:
        return tell_list.let_go(rundir.root, form, lang)
    return tell_now.status(look_at(rundir), form, lang)


VERBS = (resume, status, list_, logs, stop, attach)
