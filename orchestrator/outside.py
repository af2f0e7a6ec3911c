"""What is done to a run from another terminal: it is found, followed, watched, asked to end. It never waits for any of this."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text, plural
from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.console_tail import ConsoleTail, Lines, newest_console, newest_part, start_of_last_lines
from orchestrator.observe.present import TAIL_BYTES, first_step_of, look_at, own_progress
from orchestrator.report.tell_now import next_step, standing_line
from orchestrator.run.process.pump import Splitter
from orchestrator.run.process.stop import Ahead, How, read_request, request_stop, when_text
from orchestrator.run.records.history import read_history
from orchestrator.run.records.locks import is_going_on
from orchestrator.run.records.run_index import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.observe.console_tail import Shown
    from orchestrator.observe.present import Present
    from orchestrator.run.records.listed import Listed
    from orchestrator.training.job import Listener

POLL_S = 0.25
USUAL_RUNS_DIR = Path("runs")


def find_run(run: Path | None, runs_dir: Path) -> RunDir:
    """Return the run at `run`, or of that name in `runs_dir`; without `run` the one that goes on, else the newest one.

    Raises InputError where there is none.
    """
    if run is None:
        runs = all_runs(runs_dir)
        if not runs:
            raise InputError([_no_runs(runs_dir)])
        newest = next((listed for listed in runs if listed.standing == "going-on"), runs[0])
        return RunDir(runs_dir.absolute() / newest.name)
    for folder in (run, runs_dir / run):
        if RunDir(folder).run_json.is_file():
            return RunDir(folder.absolute())
    from orchestrator.report.run_facts import no_run

    raise InputError([no_run(run)])


def all_runs(runs_dir: Path) -> list[Listed]:
    """Return the runs of a folder, newest first. Raises InputError where there is no such folder; the usual one comes with the first run."""
    if not runs_dir.is_dir():
        if runs_dir == USUAL_RUNS_DIR and not os.path.lexists(runs_dir):
            return []
        raise InputError([_no_runs(runs_dir)])
    return list_runs(runs_dir)


def follow_log(rundir: RunDir, lines: int, *, is_following: bool) -> Iterator[Shown | RunDir]:
    """Yield the last `lines` of the newest attempt's log; following, what is added too, until the run has ended.

    A further attempt is told by its run folder, before its lines. Raises OSError where the log is there and cannot be read.
    """
    log = newest_part(newest_console(rundir).console_log)
    with closing(ConsoleTail(rundir, start_of_last_lines(log, lines))) as tail:
        shown, attempt = Lines(), tail.run.attempt
        while True:
            is_over = not (is_following and is_going_on(rundir))  # before reading: what is written last is still read
            data = tail.read_new()
            if tail.run.attempt != attempt:
                shown, attempt = Lines(), tail.run.attempt
                yield tail.run
            if data:
                yield from shown.feed(data)
            elif is_over:
                return
            else:
                time.sleep(POLL_S)


def attach(rundir: RunDir, listener: Listener) -> None:
    """Show a run that goes on as its own terminal would, until it has ended. Raises InputError where it does not go on."""
    present = look_at(rundir)
    if present.phase is None:
        raise InputError([_does_not_go_on(present)])
    total = present.run.total_steps
    listener.begins(present.rundir, total)
    with closing(ConsoleTail(rundir, _near_end(newest_part(present.rundir.console_log)))) as tail:
        reader = _Reader(listener, rundir, tail.run.attempt)
        while True:
            is_over = not is_going_on(rundir)
            data = tail.read_new()
            if tail.run.attempt != reader.attempt:
                reader = _Reader(listener, rundir, tail.run.attempt)
            if data:
                reader.feed(data)
            elif is_over:
                return
            else:
                time.sleep(POLL_S)


class _Reader:
    """Tells a listener what the lines of one attempt mean."""

    def __init__(self, listener: Listener, rundir: RunDir, attempt: int) -> None:
        history = read_history(rundir)
        self.attempt = attempt
        self._listener, self._total = listener, history.total_steps
        self._first = first_step_of(history, attempt)
        self._parser, self._splitter = ConsoleParser(), Splitter()

    def feed(self, data: bytes) -> None:
        """Take what was added to the log. Of several refreshes of the bar the last one is told: they came while nobody looked."""
        newest = None
        lines = [text for text, _ in self._splitter.feed(data)]
        for line in (*lines, bytes(self._splitter.pending)):  # a refresh is ended by the next one only
            event = self._parser.feed(line.decode("utf-8", "backslashreplace"))
            if event is not None and event.kind == "progress":
                newest = own_progress(event, self._first, self._total) or newest
            elif event is not None:
                self._listener.event(event)
        if newest is not None:
            self._listener.event(newest)


def _near_end(log: Path) -> int:
    try:
        return max(0, log.stat().st_size - TAIL_BYTES)
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of the wish to end a run."""

    present: Present
    """As it stands afterwards."""
    was_going_on: bool


def stop(rundir: RunDir, how: How, tell: Callable[[Text], None], *, waits: bool) -> Asked:
    """Ask a run to end and, where `waits`, stay until it has. `tell` hears twice a second how far it is.

    Raises EnvironmentFault where the run folder cannot be written.
    """
    if not is_going_on(rundir):
        return Asked(look_at(rundir), was_going_on=False)
    before, every = look_at(rundir), _state_every_steps(rundir)
    request_stop(rundir, how)
    while waits and is_going_on(rundir):
        if read_request(rundir) is None:  # who takes hold of the run forgets what was asked before
            request_stop(rundir, how)
        tell(_on_the_way(look_at(rundir), before, every, "now" if read_request(rundir) == "now" else how))
        time.sleep(2 * POLL_S)
    return Asked(look_at(rundir), was_going_on=True)


def _on_the_way(now: Present, before: Present, every: int | None, how: How) -> Text:
    """Say what the run that was asked to end does now, and when it will have ended."""
    if now.phase == "reporting":
        return Text("it has stopped; its report is being written", "已停止，正在写报告")
    if how == "now" or every is None or not now.step or now.phase == "paused":
        return Text("stopping now", "正在立即停止")
    if now.state is not None and now.state != before.state:
        return Text("a state is saved; stopping", "状态已保存，正在停止")
    steps = min(every - now.step % every, max(0, now.run.total_steps - now.step))
    ahead = Ahead(steps, steps / now.steps_per_second if now.steps_per_second else None, now.unsaved_steps)
    when, loses = when_text(ahead), plural(ahead.lost_steps, "step", "steps")
    return Text(
        f"stopping at the next saved state, {when.en}; with `--now` it would lose {loses}",
        f"将在下一个保存的状态处停止，{when.zh}；用 `--now` 则损失 {ahead.lost_steps} 步",
    )


def _state_every_steps(rundir: RunDir) -> int | None:
    from orchestrator.plan.saved import read_plan

    try:
        plan = read_plan(rundir.plan_json)
    except RecordError:
        return None
    return plan.state_every_n_epochs and plan.state_every_n_epochs * plan.steps.steps_per_epoch


def _does_not_go_on(present: Present) -> Problem:
    state = standing_line(present)
    return Problem(
        "not-going-on",
        Text(f"there is nothing to watch: {state.en}", f"没有可观看的训练：{state.zh}"),
        fix=next_step(present),
    )


def _no_runs(runs_dir: Path) -> Problem:
    why = Text("a run's folder lies where its recipe was started, under `runs`", "训练文件夹位于启动配方处的 `runs` 下")
    if not runs_dir.exists():
        why = Text(f"there is no such folder; {why.en}", f"没有这个文件夹；{why.zh}")
    elif not runs_dir.is_dir():
        why = Text(f"it is a file; {why.en}", f"它是文件；{why.zh}")
    return Problem(
        "no-runs",
        Text(f"there are no runs in {runs_dir}", f"{runs_dir} 中没有训练"),
        why,
        Text("name the folder of a run, or where runs lie with `--runs-dir`", "请给出训练文件夹，或用 `--runs-dir` 指明位置"),
    )  # fmt: skip
