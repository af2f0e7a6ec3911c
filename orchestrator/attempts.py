"""One run from its first launch to its last: what is watched, what is kept, and what is tried again.

    claim an attempt -> launch -> watch and keep -> settle -> judge -> once more, or done

The journal says what happened; this module writes it and nobody else does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.backends.attempt import Start
    from orchestrator.backends.protocol import Build
    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.looking import Looking
    from orchestrator.diagnose.watching import Watching
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe
    from orchestrator.run.journal import Journal
    from orchestrator.run.keeper import Keeper
    from orchestrator.run.launch import Launched
    from orchestrator.run.publish import Verdict
    from orchestrator.run.run_record import RunRecord
    from orchestrator.run.stop import Ahead, How

STEP_EVERY_S = 30.0
"""How often the journal notes how far the run has come."""


class Listener(Protocol):
    """Who watches a run while it goes on."""

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        """Hear where the run lies and how long it will be."""

    def told(self, text: Text) -> None:
        """Hear about a decision or a finding on the way."""

    def event(self, event: LogEvent) -> None:
        """Hear about a line of the trainer that means something. Steps are those of the whole run."""

    def silence(self, seconds: float) -> None:
        """Hear that the trainer has printed nothing for so long."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run folder with what went into it."""

    loaded: LoadedRecipe
    dataset: Dataset | None
    plan: Plan
    build: Build
    rundir: RunDir
    record: RunRecord
    journal: Journal


@dataclass(frozen=True, slots=True)
class Done:
    """How the last attempt went."""

    launched: Launched
    watch: AttemptWatch
    rundir: RunDir
    """Of that attempt."""


def train(job: Job, listener: Listener, start: Start, *, why: str, may_stop: bool) -> Done:
    """Launch the trainer, and once more where the end was of the kind that passes. Returns how the last attempt went."""
    from orchestrator.run.history import read_history
    from orchestrator.run.outcome import judge_outcome
    from orchestrator.run.retry import next_try

    while True:
        done = _attempt(job, listener, start, why=why, may_stop=may_stop)
        outcome = judge_outcome(done.launched, done.rundir)
        again = next_try(read_history(job.rundir), outcome, done.launched)
        if again is None:
            return done
        listener.told(again.told)
        if not _waited(again.wait_s):
            return done
        start, why = start_of(job, done.rundir.attempt + 1), again.why


def start_of(job: Job, attempt: int) -> Start:
    """Return where a further attempt begins: at the newest whole state, from nothing where there is none."""
    from orchestrator.backends.attempt import Start
    from orchestrator.run.states import find_epoch_states, newest_whole_state, quarantine

    state, damaged = newest_whole_state(find_epoch_states(job.rundir.root, job.plan.output_name))
    for one in damaged:
        quarantine(one.state.path, job.rundir.root, one.problem.en)
        job.journal.add("quarantined", file=job.rundir.relative(one.state.path), reason=one.problem.en)
    if state is None:
        return Start(attempt)
    return Start(attempt, state.epoch * job.plan.steps.steps_per_epoch, job.rundir.relative(state.path))


def _waited(seconds: float) -> bool:
    """Wait; False where the user wants to end meanwhile."""
    from orchestrator.run.process_group import signals_noted

    until = time.monotonic() + seconds
    with signals_noted() as noted:
        while time.monotonic() < until and not noted:
            time.sleep(0.1)
    return not noted


def _attempt(job: Job, listener: Listener, start: Start, *, why: str, may_stop: bool) -> Done:
    """One launch of the trainer, from its folder to its settled files."""
    from orchestrator.backends.attempt import attempt_build
    from orchestrator.run.create import claim_attempt
    from orchestrator.run.inputs import start_marking
    from orchestrator.run.keeper import Keeper
    from orchestrator.run.launch import Patience, launch
    from orchestrator.run.stop import SafeStop, forget_request

    build = attempt_build(job.build, start)
    rundir = claim_attempt(job.rundir, start.attempt, build.files)
    forget_request(rundir)
    job.journal.attempt = start.attempt
    job.journal.add("attempt-started", first_step=start.first_step, state=start.state, why=why)
    plan = job.plan
    keeper = Keeper(rundir, plan.output_name, start.first_step, plan.steps.steps_per_epoch, verify)
    watch = AttemptWatch(job, rundir, start.first_step, listener, keeper, may_stop=may_stop)
    stop = SafeStop(rundir, lambda: keeper.saved_states, watch.ahead, watch.on_stop_asked)
    if not rundir.inputs_json.exists():
        start_marking(plan, rundir, job.record.trainer)
    keeper.start()
    (command,) = build.commands
    try:
        launched = launch(
            command, rundir, watch.on_line, watch.stop_reason, patience=Patience(), on_start=watch.begin,
            on_silence=watch.on_silence, is_due=stop.is_due,
        )  # fmt: skip
    finally:
        watch.write_down(keeper.finish())
    watch.settle(launched)
    return Done(launched, watch, rundir)


def verify(path: Path) -> Verdict:
    """Read a network file whole; say what it is, and what is wrong with it."""
    from orchestrator.core.safetensors_header import TensorFileError, read_header
    from orchestrator.observe.files import read_checkpoint
    from orchestrator.run.publish import Verdict

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


class AttemptWatch:
    """Reads along while an attempt goes on, looks at the pictures, and writes the journal.

    What reads along is made ready once the trainer is started: it loads for seconds, nobody waits for this.
    """

    _watch: Watching
    _looking: Looking

    def __init__(
        self, job: Job, rundir: RunDir, first_step: int, listener: Listener, keeper: Keeper, *, may_stop: bool
    ) -> None:
        self._job, self._rundir, self._listener, self._keeper = job, rundir, listener, keeper
        self._may_stop, self._first_step = may_stop, first_step
        self._step = first_step
        self._noted_at = time.monotonic()
        self._pace: tuple[float, int] | None = None
        """When the first step was seen, and which."""

    def begin(self) -> None:
        """Tell that the attempt has begun, load what understands its lines, and begin to look at the pictures."""
        from orchestrator.diagnose.case import make_case
        from orchestrator.diagnose.looking import Looking
        from orchestrator.diagnose.watching import Watching

        job, listener = self._job, self._listener
        listener.begins(self._rundir, job.plan.steps.total_steps)
        case = make_case(job.loaded, None, job.plan)
        stop_on = job.plan.stop_on if self._may_stop else ()
        self._watch = Watching(case, stop_on, self._rundir.telemetry, self._on_event, listener.told)
        self._looking = Looking(replace(case, dataset=job.dataset))
        self._looking.begin()

    def on_line(self, line: str, _seconds: float) -> None:
        """Take one line of the trainer."""
        self._watch.on_line(line)

    def _on_event(self, event: LogEvent) -> None:
        if event.kind == "progress":
            event = replace(event, values={**event.values, "step": event.values["step"] + self._first_step})
            self._step = max(self._step, int(event.values["step"]))
            if self._pace is None and self._step > self._first_step:
                self._pace = (time.monotonic(), self._step)
        self._listener.event(event)

    def stop_reason(self) -> str | None:
        """Return why the run should be stopped now, if it should. What the pictures say is told, and stops nothing."""
        news = self._looking.news()
        if news is not None:
            self._listener.told(news)
        self.write_down(self._keeper.take())
        now = time.monotonic()
        if now - self._noted_at >= STEP_EVERY_S:
            self._noted_at = now
            self._job.journal.add("step", step=self._step)
        return self._watch.stop_reason()

    def write_down(self, found: list[tuple[str, dict[str, Any]]]) -> None:
        """Write what the keeper found into the journal."""
        for event, facts in found:
            self._job.journal.add(event, **facts)

    def on_silence(self, seconds: float) -> None:
        """Note that the trainer has been silent for long."""
        self._job.journal.add("silent", seconds=round(seconds))
        self._listener.silence(seconds)

    def ahead(self) -> Ahead | None:
        """Return what lies before the next saved state, None where none will come."""
        from orchestrator.run.stop import Ahead

        plan = self._job.plan
        every = state_every_steps(plan)
        if every is None or self._step <= self._first_step:
            return None
        to_go = min(every - self._step % every, plan.steps.total_steps - self._step)
        saved = max(self._first_step, self._step - self._step % every)
        return Ahead(to_go, self._seconds_for(to_go), self._step - saved)

    def _seconds_for(self, steps: int) -> float | None:
        if self._pace is None or self._step <= self._pace[1]:
            return None
        seconds = time.monotonic() - self._pace[0]
        return steps * seconds / (self._step - self._pace[1])

    def on_stop_asked(self, how: How, ahead: Ahead | None) -> None:
        """Note and tell that the run is to end."""
        from orchestrator.run.stop import asked_text

        self._job.journal.add("stop-asked", how=how, step=self._step)
        self._listener.told(asked_text(how, ahead))

    def settle(self, launched: Launched) -> None:
        """Write down how the attempt ended."""
        from orchestrator.run.outcome import judge_outcome

        outcome = judge_outcome(launched, self._rundir)
        self._job.journal.add(
            "attempt-ended", step=self._step, ending=outcome.ending.value, cause=outcome.cause,
            exit_code=launched.exit_code,
        )  # fmt: skip

    def end(self, launched: Launched) -> tuple[Dataset | None, tuple[Text, ...]]:
        """Return the data set with what was seen of it meanwhile, and what is to be said of that."""
        return self._looking.end(0.0) if launched.interrupted else self._looking.end()


def state_every_steps(plan: Plan) -> int | None:
    """Return the steps from one saved state to the next, None where the run saves none at epoch ends."""
    options: Mapping[str, Any] = {name: decided.value for name, decided in plan.train.items()}
    every = options.get("save_every_n_epochs")
    if not options.get("save_state") or not every:
        return None
    return int(every) * plan.steps.steps_per_epoch
