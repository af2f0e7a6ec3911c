"""Starting the trainer and staying with it until it ends. The only place that starts training.

The trainer gets its own process group. A thread drains its output (see pump.py), this thread hands the lines to `on_line`,
asks `should_stop`, and ends the group when the user or a rule wants it: interrupt, then terminate, then kill, in ten seconds.
A helper process ends the trainer when this process dies without a chance to do so (see reaper.py).
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.run.process import process_group
from orchestrator.run.process.launched import NO_OUTPUT, Launched
from orchestrator.run.process.lifeline import lifeline
from orchestrator.run.process.oom_kills import count_oom_kills
from orchestrator.run.process.patience import Patience
from orchestrator.run.process.process_group import Hold
from orchestrator.run.process.pump import Line, Pump, Waiting, secret_values
from orchestrator.run.process.stop import read_request
from orchestrator.run.process.stragglers import STRAGGLER_S, end_stragglers, reap

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from orchestrator.backends.protocol import Command
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Text
    from orchestrator.run.process.lifeline import Lifeline
    from orchestrator.run.process.process_group import Push

TICK_S = 0.1
LADDER: tuple[tuple[float, Push], ...] = ((0.0, "interrupt"), (5.0, "terminate"), (10.0, "kill"))
"""Seconds after the wish to stop -> what the group is sent."""
TAIL_LINES = 1000
"""Eight processes that fail together say about 350: a traceback has some 30 lines, the launcher's summary 8 for each."""
TAIL_LINE_CHARACTERS = 2000
ANSWER_S = 2.0
"""What is printed so soon after the stacks were asked for may be the answer, which is no sign of life."""
_ANSWER = re.compile(r"\s*$|(Current )?[Tt]hread 0x[0-9a-f]+ |  File \".*\", line \d+ in |  \.\.\.$")
"""A line of faulthandler's."""
_STEP = re.compile(r"^steps:\s.*\|\s*([1-9]\d*)/\d+ \[")


@dataclass(slots=True)
class _Watch:
    """One launch while it goes on."""

    process: subprocess.Popen[bytes]
    token: str
    line: Lifeline
    noted: list[int]
    """Signals that asked this process to end."""
    pump: Pump
    waiting: Waiting
    patience: Patience
    clock: Callable[[], float]
    started_at: float
    on_line: Callable[[str, float], None] | None
    should_stop: Callable[[], str | None] | None
    on_silence: Callable[[float, int], None] | None
    on_lost_helper: Callable[[], None] | None
    on_log_trouble: Callable[[Text], None] | None
    is_due: Callable[[int], bool] | None
    hold: Hold
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    first_step_s: float | None = None
    stop_asked_at: float | None = None
    signals_then: int = 0
    """Signals that had come when stopping began."""
    is_interrupted: bool = False
    stopped_because: str | None = None
    pushes: int = 0
    heard_at: float = 0.0
    """When the trainer last said something of its own accord."""
    asked_for_stacks_at: float | None = None
    longest_silence_s: float = 0.0
    errors: list[str] = field(default_factory=list)


def launch(
    command: Command,
    rundir: RunDir,
    on_line: Callable[[str, float], None],
    should_stop: Callable[[], str | None],
    *,
    patience: Patience | None = None,
    on_start: Callable[[], None] | None = None,
    on_silence: Callable[[float, int], None] | None = None,
    on_lost_helper: Callable[[], None] | None = None,
    on_log_trouble: Callable[[Text], None] | None = None,
    is_due: Callable[[int], bool] | None = None,
    hold: Hold | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Launched:
    """Start `command` in the run folder and return when it and everything it started has ended.

    `on_line(text, seconds)` gets each line and the seconds since the start. `should_stop()` is asked about ten times a second;
    a text it returns ends the run and is kept as the reason. `on_silence(seconds, stacks)` is called when the trainer has been
    silent for longer than `patience` allows, and again whenever that time doubles; `stacks` of its processes were asked to write
    where they stand. `on_lost_helper()` is called when the helper had died and another was started, `on_log_trouble(text)` when
    the console log is no longer whole. `on_start()` is called once, before the first line is handed on: the trainer loads for
    seconds, so whatever is only needed to watch it belongs there. An error in it ends the run. `is_due(signals)` is asked as often, with the number of signals that asked this process to end; when it says so, the
    run is ended for the user. Without it the first signal ends the run. All are called on this thread. `hold` is handed the
    processes; while they are held their silence means nothing.

    Raises EnvironmentFault when the program cannot be started.
    """
    token = os.urandom(8).hex()
    oom_kills_before, began_at = count_oom_kills(), time.time()
    with lifeline(token) as line, process_group.signals_noted() as noted:
        started_at = clock()
        process = process_group.start_trainer(command, rundir.root, token)
        line.tell(f"group {process.pid}")
        waiting = Waiting()
        pump = _make_pump(process, command, rundir, waiting, clock)
        watch = _Watch(
            process, token, line, noted, pump, waiting, patience or Patience(), clock, started_at, on_line, should_stop,
            on_silence, on_lost_helper, on_log_trouble, is_due, hold or Hold(), heard_at=started_at,
        )  # fmt: skip
        watch.hold.bind(process, token)
        try:
            pump.start()
            if on_start is not None:
                on_start()
            _stay(watch)
            end_stragglers(process, token, pump)
            _hand_on(waiting.take(0.0)[0], watch)
            _tell_of_log(watch)
        except BaseException:
            process_group.push(process, token, "kill")
            if pump.is_alive():
                pump.join(timeout=STRAGGLER_S)
            raise
        finally:
            exit_code = reap(process, pump)
    oom_kills = (count_oom_kills() or 0) - (oom_kills_before or 0)
    is_end_asked = bool(noted) or read_request(rundir) is not None
    done = _sum_up(watch, exit_code, clock() - started_at, oom_kills)
    return replace(done, began_at=began_at, is_end_asked=is_end_asked)


def _make_pump(
    process: subprocess.Popen[bytes],
    command: Command,
    rundir: RunDir,
    waiting: Waiting,
    clock: Callable[[], float],
) -> Pump:
    if process.stdout is None:  # pragma: no cover - we asked for a pipe
        raise AssertionError
    hidden = secret_values({**os.environ, **command.environment})
    return Pump(process.stdout.fileno(), rundir.console_log, waiting, hidden, clock)


def _sum_up(watch: _Watch, exit_code: int | None, seconds: float, oom_kills: int) -> Launched:
    first = watch.pump.first_byte_at
    return Launched(
        exit_code,
        seconds,
        None if first is None else first - watch.started_at,
        watch.stopped_because,
        interrupted=watch.is_interrupted,
        first_step_s=watch.first_step_s,
        longest_silence_s=watch.longest_silence_s,
        oom_kills=max(0, oom_kills),
        tail=tuple(watch.tail),
        dropped_lines=watch.waiting.dropped_lines,
        log_error=watch.pump.log_error,
        watcher_errors=tuple(watch.errors),
    )


def _stay(watch: _Watch) -> None:
    """Hand on lines and climb the ladder until the leader of the group, when stopping the whole group, has ended."""
    while watch.process.poll() is None or _is_still_stopping(watch):
        lines, is_last = watch.waiting.take(TICK_S)
        _hand_on(lines, watch)
        if is_last and not lines:
            time.sleep(TICK_S / 10)  # the output is closed, the process not yet gone
        now = watch.clock()
        if watch.line.renew_if_lost():
            _tell(watch, "on_lost_helper")
        _tell_of_log(watch)
        if watch.stop_asked_at is None:
            _look_at_silence(watch, now)
            watch.is_interrupted = _is_due(watch)
            reason = None if watch.is_interrupted else watch.stopped_because or _ask(watch)
            if watch.is_interrupted or reason:
                watch.stopped_because = reason
                watch.stop_asked_at, watch.signals_then = now, len(watch.noted)
        if watch.stop_asked_at is not None:
            _climb(watch, now - watch.stop_asked_at)


def _is_still_stopping(watch: _Watch) -> bool:
    """Whether processes of a run that was asked to stop still live and may be given more time.

    `accelerate launch` ends at once on an interrupt, while the trainer it started may still be closing its files.
    """
    is_climbing = watch.stop_asked_at is not None and watch.pushes < len(LADDER)
    return is_climbing and process_group.is_any_left(watch.process, watch.token)


def _climb(watch: _Watch, waited_s: float) -> None:
    """Send what is due. Another Ctrl-C means: all of it, now."""
    is_urgent = len(watch.noted) > watch.signals_then
    watch.hold.let_go()  # a held process does not hear that it is to end
    while watch.pushes < len(LADDER) and (waited_s >= LADDER[watch.pushes][0] or is_urgent):
        process_group.push(watch.process, watch.token, LADDER[watch.pushes][1])
        watch.pushes += 1


def _hand_on(lines: list[Line], watch: _Watch) -> None:
    for line in lines:
        seconds = line.at - watch.started_at
        if not _ANSWER.match(line.text):
            watch.heard_at = max(watch.heard_at, line.at)
        if line.is_progress:
            if watch.first_step_s is None and _STEP.match(line.text):
                watch.first_step_s = seconds
        else:
            watch.tail.append(line.text[:TAIL_LINE_CHARACTERS])
        if watch.on_line is not None:
            try:
                watch.on_line(line.text, seconds)
            except Exception:  # noqa: BLE001 - watching must never cost a training run; it is told in the result
                watch.errors.append(traceback.format_exc())
                watch.on_line = None


def _is_due(watch: _Watch) -> bool:
    """Whether the user's wish to end is to be followed now."""
    if watch.is_due is None:
        return bool(watch.noted)
    try:
        return watch.is_due(len(watch.noted))
    except Exception:  # noqa: BLE001 - as below; what decides is gone, so the wish is followed at once
        watch.errors.append(traceback.format_exc())
        watch.is_due = None
        return bool(watch.noted)


def _ask(watch: _Watch) -> str | None:
    if watch.should_stop is None:
        return None
    try:
        return watch.should_stop()
    except Exception:  # noqa: BLE001 - as above
        watch.errors.append(traceback.format_exc())
        watch.should_stop = None
        return None


def _look_at_silence(watch: _Watch, now: float) -> None:
    if watch.hold.is_held:
        watch.heard_at = now
        return
    last, asked_at = watch.pump.last_byte_at, watch.asked_for_stacks_at
    if last is not None and (asked_at is None or not asked_at <= last <= asked_at + ANSWER_S):
        watch.heard_at = max(watch.heard_at, last)
    silent_s = now - watch.heard_at
    watch.longest_silence_s = max(watch.longest_silence_s, silent_s)
    answer = watch.patience.look(silent_s)
    if answer == "end":
        watch.stopped_because = NO_OUTPUT
    elif answer == "tell":
        watch.asked_for_stacks_at = now
        _tell(watch, "on_silence", silent_s, process_group.ask_for_stacks(watch.token))


def _tell_of_log(watch: _Watch) -> None:
    for trouble in watch.pump.take_warnings():
        _tell(watch, "on_log_trouble", trouble)


def _tell(watch: _Watch, name: str, *arguments: float | Text) -> None:
    """Call one of the callbacks that hear news, where there is one."""
    callback = getattr(watch, name)
    if callback is None:
        return
    try:
        callback(*arguments)
    except Exception:  # noqa: BLE001 - as above
        watch.errors.append(traceback.format_exc())
        setattr(watch, name, None)
