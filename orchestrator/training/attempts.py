"""One run from its first launch to its last: what is watched, what is kept, and what is tried again.

    claim an attempt -> launch -> watch and keep -> settle -> judge -> once more, or done

The journal says what happened; this module writes it and nobody else does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.backends.attempt import Start
    from orchestrator.core.rundir import RunDir
    from orchestrator.run.process.launched import Launched
    from orchestrator.run.saved.publish import Verdict
    from orchestrator.training.job import Job, Listener
    from orchestrator.training.watch import AttemptWatch


MARKED_WITHIN_S = 60.0
"""How long the end of an attempt waits for the marks of what it began with: ten thousand pictures take seconds."""


@dataclass(frozen=True, slots=True)
class Done:
    """How the last attempt went."""

    job: Job
    """As that attempt trained it: its plan may be another one than that of the run's beginning."""
    launched: Launched
    watch: AttemptWatch
    rundir: RunDir
    """Of that attempt."""
    notes: tuple[Text, ...] = ()
    """What is to be said in the report of what could not be done."""


def train(job: Job, listener: Listener, start: Start, *, why: str, may_stop: bool, asked: Sequence[int] = ()) -> Done:
    """Launch the trainer, and again where that may help: see run/process/retry.py and replan.py. Returns how the last attempt went.

    `asked`: signals that asked this process to end; where there is one, nothing further is begun.
    Raises EnvironmentFault where the first attempt cannot be begun. Where a further one cannot, the last that was is returned
    with a note: what it trained is to be reported all the same.
    """
    done = _attempt(job, listener, start, asked, why=why, may_stop=may_stop)
    while True:
        following = _what_follows(done, listener)
        if following is None or asked or not waited(following.wait_s, done.rundir):
            return done
        try:
            done = _further(following, done, listener, asked, may_stop=may_stop)
        except (EnvironmentFault, OSError) as error:
            note = _not_begun(error)
            listener.told(note)
            return replace(done, notes=(note,))


def _further(following: _Following, done: Done, listener: Listener, asked: Sequence[int], *, may_stop: bool) -> Done:
    from orchestrator.run.records.history import read_history
    from orchestrator.training.begun_from import start_text

    done.watch.end(is_hurried=True)  # what it has seen of the pictures is kept, the next one goes on from there
    job, start = following.job, start_of(following.job, done.rundir.attempt + 1)
    listener.told(start_text(job, start, read_history(job.rundir)))
    return _attempt(job, listener, start, asked, why=following.why, may_stop=may_stop)


def _not_begun(error: EnvironmentFault | OSError) -> Text:
    why = error.problems[0].what if isinstance(error, EnvironmentFault) else reason_of(error)
    return Text(f"a further attempt could not be begun: {why.en}", f"无法开始下一次尝试：{why.zh}")


@dataclass(frozen=True, slots=True)
class _Following:
    """A further attempt."""

    job: Job
    why: str
    wait_s: float = 0.0


def _what_follows(done: Done, listener: Listener) -> _Following | None:
    """Decide and tell what comes after an attempt; None: nothing. Who asked for the end gets no further one."""
    from orchestrator.run.process.outcome import judge_outcome
    from orchestrator.run.process.retry import fails_there_again, next_try, poison_text, rungs_climbed
    from orchestrator.run.records.history import read_history
    from orchestrator.training.replan import with_less_memory

    if done.launched.is_end_asked:
        return None
    job = done.job
    history = read_history(job.rundir)
    outcome = judge_outcome(done.launched, done.rundir, output_name=job.plan.output_name)
    wishes = job.loaded.recipe.train
    again = next_try(history, outcome, done.launched, may_restart=wishes.on_hang == "restart")
    if again is not None:
        listener.told(again.told)
        return _Following(job, again.why, again.wait_s)
    if wishes.on_oom == "adapt":
        smaller = with_less_memory(
            job.plan, job.record, job.rundir, outcome, rungs=rungs_climbed(history), tell=listener.told
        )
        if smaller is not None:
            listener.told(smaller.told)
            steps = smaller.plan.steps
            job.journal.add("planned", total_steps=steps.total_steps, steps_per_epoch=steps.steps_per_epoch)
            return _Following(replace(job, plan=smaller.plan, build=smaller.build), "out-of-memory")
    if outcome.ending.value == "failed" and (step := fails_there_again(history)):
        listener.told(poison_text(step))
    return None


def start_of(job: Job, attempt: int) -> Start:
    """Return where a further attempt begins: at the newest whole state, from nothing where there is none."""
    from orchestrator.backends.attempt import Start
    from orchestrator.run.saved.quarantine import quarantine
    from orchestrator.run.saved.states import find_epoch_states, newest_whole_state

    state, damaged = newest_whole_state(find_epoch_states(job.rundir.root, job.plan.output_name))
    for one in damaged:
        quarantine(one.state.path, job.rundir.root, one.problem.en)
        job.journal.add("quarantined", file=job.rundir.relative(one.state.path), reason=one.problem.en)
    is_replanned = bool(job.plan.changes)
    if state is None:
        return Start(attempt, is_replanned=is_replanned)
    first_step = state.epoch * job.plan.steps.steps_per_epoch
    return Start(attempt, first_step, job.rundir.relative(state.path), is_replanned)


def waited(seconds: float, rundir: RunDir) -> bool:
    """Wait; False where the user wants to end meanwhile, by a signal or by `lora-run stop`."""
    from orchestrator.run.process.process_group import signals_noted
    from orchestrator.run.process.stop import read_request

    until = time.monotonic() + seconds
    with signals_noted() as noted:
        while time.monotonic() < until and not noted and read_request(rundir) is None:
            time.sleep(0.1)
    return not noted and read_request(rundir) is None


def _attempt(job: Job, listener: Listener, start: Start, asked: Sequence[int], *, why: str, may_stop: bool) -> Done:
    """One launch of the trainer, from its folder to its settled files. Signals in `asked` came before it."""
    from orchestrator.backends.attempt import attempt_build
    from orchestrator.run.process.launch import launch
    from orchestrator.run.process.stop import SafeStop
    from orchestrator.run.records.create import claim_attempt
    from orchestrator.run.records.inputs import start_marking
    from orchestrator.run.saved.ballast import free_ballast, make_ballast
    from orchestrator.run.saved.keeper import Keeper
    from orchestrator.training.watch import AttemptWatch

    build = attempt_build(job.build, start)
    rundir = claim_attempt(job.rundir, start.attempt, {**build.files, **_plan_file(job, start)})
    job.journal.attempt = start.attempt
    plan = job.plan
    changes = {"changes": dict(plan.changes)} if plan.changes else {}
    job.journal.add("attempt-started", first_step=start.first_step, state=start.state, why=why, **changes)
    keeper = Keeper(rundir, plan.output_name, start.first_step, plan.steps.steps_per_epoch, verify)
    watch = AttemptWatch(job, rundir, start.first_step, listener, keeper, may_stop=may_stop)
    stop = SafeStop(rundir, lambda: keeper.saved_states, watch.ahead, watch.on_stop_asked)
    no_ballast = make_ballast(rundir.ballast)
    if no_ballast is not None:
        listener.told(no_ballast)
    marking = None if rundir.inputs_json.exists() else start_marking(plan, rundir, job.record.trainer)
    keeper.start()
    (command,) = build.commands
    try:
        launched = launch(
            command, rundir, watch.on_line, watch.stop_reason, patience=watch.patience, on_start=watch.begin,
            on_silence=watch.on_silence, on_lost_helper=watch.on_lost_helper,
            on_log_trouble=watch.on_log_trouble, is_due=lambda signals: stop.is_due(signals + len(asked)), hold=watch.hold,
        )  # fmt: skip
    finally:
        if marking is not None:
            marking.join(MARKED_WITHIN_S)  # a run that was stopped early is gone on with too
        free_ballast(rundir.ballast)  # what is still to be written now needs its room
        watch.write_down(keeper.finish())
    if not launched.interrupted and _rescue(job, rundir, start, listener):
        launched = replace(launched, is_rescued=True)
        watch.write_down(keeper.finish())
    watch.settle(launched)
    return Done(job, launched, watch, rundir)


def _rescue(job: Job, rundir: RunDir, start: Start, listener: Listener) -> bool:
    """Make the final file again from the final state, where the trainer saved that and only the file failed. Return whether."""
    from orchestrator.run.records.history import read_history
    from orchestrator.run.saved.rescue import CannotRescue, rescue_network
    from orchestrator.run.saved.whole_state import state_problem

    plan = job.plan
    target, state = (rundir.output / f"{plan.output_name}{end}" for end in (".safetensors", "-state"))
    if target.exists() or not state.is_dir() or state_problem(state) is not None:
        return False
    published = read_history(rundir).published
    try:
        rescue_network(
            state, target, step=plan.steps.total_steps - start.first_step, epoch=plan.steps.epochs,
            save_precision=plan.option("save_precision"), like=rundir.checkpoints / published[-1].file if published else None,
        )  # fmt: skip
    except CannotRescue as error:
        job.journal.add("not-rescued", reason=error.reason.en)
        return False
    job.journal.add("rescued", file=rundir.relative(target), state=rundir.relative(state))
    listener.told(
        Text(
            f"the final file could not be written; it was made from the last saved state: {target.name}",
            f"最终文件未能写入；已用最后保存的状态生成：{target.name}",
        )
    )
    return True


def _plan_file(job: Job, start: Start) -> dict[str, str]:
    """Return the attempt's own plan by its path in the run folder; none where it is the run's."""
    from orchestrator.core.record import record_text
    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record

    if not start.is_replanned:
        return {}
    path = RunDir(job.rundir.root, start.attempt).attempt_plan
    return {job.rundir.relative(path): record_text("plan", PLAN_RECORD_VERSION, plan_record(job.plan))}


def verify(path: Path) -> Verdict:
    """Read a network file whole; say what it is, and what is wrong with it."""
    from orchestrator.core.safetensors_header import TensorFileError, read_header
    from orchestrator.observe.files import read_checkpoint
    from orchestrator.run.saved.publish import Verdict

    seen = read_checkpoint(path, deep=True)
    if not seen.is_readable:
        return Verdict(seen.problem or "cannot be read")
    if not seen.key_count:
        return Verdict("it holds no tensors")
    if seen.nonfinite_count:
        return Verdict(f"{seen.nonfinite_count} of its tensors hold NaN or infinity")
    try:
        keys = frozenset(read_header(path).tensors)
    except (OSError, TensorFileError) as error:
        return Verdict(str(error))
    return Verdict("", keys, seen.step, seen.epoch, seen.is_final)
