"""Reading along while an attempt goes on: what is told, what is written into the journal, when it falls silent."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text
from orchestrator.run.process.process_group import Hold

if TYPE_CHECKING:
    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.looking import Looking
    from orchestrator.diagnose.watching import Watching
    from orchestrator.run.process.launched import Launched
    from orchestrator.run.process.patience import Patience
    from orchestrator.run.process.stop import Ahead, How
    from orchestrator.run.saved.disk_gate import DiskGate
    from orchestrator.run.saved.keeper import Keeper
    from orchestrator.training.job import Job, Listener

HELPER_REPLACED = Text(
    "the reaper, a helper process that ends the trainer should lora-run die, was killed; another one was started",
    "reaper（lora-run 意外退出时负责结束训练器的辅助进程）被终止，已重新启动",
)
STEP_EVERY_S = 30.0
"""How often the journal notes how far the run has come."""


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
        self.patience = patience_for(job)
        self.hold = Hold()
        self._gate = self._make_gate()
        self._seconds = 0.0
        self._noted_at = time.monotonic()
        self._pace: tuple[float, int] | None = None
        """When the first step was seen, and which."""

    def _make_gate(self) -> DiskGate:
        """Return what looks at the disk before each save. It is told in steps of the whole run."""
        from orchestrator.backends.network_size import network_size
        from orchestrator.plan.saves import saves_of
        from orchestrator.run.saved.ballast import free_ballast
        from orchestrator.run.saved.disk import free_bytes_at
        from orchestrator.run.saved.disk_gate import DiskGate, Pushes

        output, ballast = self._rundir.output, self._rundir.ballast
        pushes = Pushes(
            lambda: free_bytes_at(output), self.hold.hold, self.hold.let_go, lambda: free_ballast(ballast),
            self._tell_of_disk,
        )  # fmt: skip
        saves = saves_of(self._job.plan, network_size(self._job.plan))
        return DiskGate(saves.next_after, pushes, first_step=self._first_step)

    def _tell_of_disk(self, text: Text) -> None:
        self._job.journal.add("disk", told=text.en, is_held=self.hold.is_held)
        self._listener.told(text)

    def begin(self) -> None:
        """Tell that the attempt has begun, load what understands its lines, and begin to look at the pictures."""
        from orchestrator.diagnose.case import make_case
        from orchestrator.diagnose.looking import Looking
        from orchestrator.diagnose.watching import Watching

        job, listener = self._job, self._listener
        listener.begins(self._rundir, job.plan.steps.total_steps)
        case = make_case(job.loaded, None, job.plan)
        stop_on = job.plan.stop_on if self._may_stop else ()
        self._watch = Watching(case, stop_on, self._rundir.telemetry, self._on_event, listener.found)
        self._looking = Looking(replace(case, dataset=job.dataset))
        self._looking.begin()

    def on_line(self, line: str, seconds: float) -> None:
        """Take one line of the trainer."""
        self._seconds = seconds
        self._watch.on_line(line)

    def _on_event(self, event: LogEvent) -> None:
        if event.kind == "progress":
            event = replace(event, values={**event.values, "step": event.values["step"] + self._first_step})
            self._step = max(self._step, int(event.values["step"]))
            self.patience.hear_step(self._step - self._first_step, self._seconds)
            if self._pace is None and self._step > self._first_step:
                self._pace = (time.monotonic(), self._step)
        else:
            self.patience.hear(event.kind)
        self._listener.event(event)

    def stop_reason(self) -> str | None:
        """Return why the run should be stopped now, if it should. What the pictures say is told, and stops nothing.

        Where the disk has no room for the next save, the trainer is held here until there is.
        """
        news = self._looking.news()
        if news is not None:
            self._listener.told(news)
        self.write_down(self._keeper.take())
        now = time.monotonic()
        if now - self._noted_at >= STEP_EVERY_S:
            self._noted_at = now
            self._job.journal.add("step", step=self._step)
        self._gate.tick(now, self._step)
        return self._watch.stop_reason()

    def write_down(self, found: list[tuple[str, dict[str, Any]]]) -> None:
        """Write what the keeper found into the journal."""
        from orchestrator.run.saved.publish import not_published_text

        for event, facts in found:
            self._job.journal.add(event, **facts)
            if event == "not-published":
                self._listener.told(not_published_text(facts["file"], facts["reason"]))

    def on_silence(self, seconds: float, stacks: int) -> None:
        """Note that the trainer has been silent for long; `stacks` of its processes were asked where they stand."""
        from orchestrator.run.process.patience import silence_text

        phase = self.patience.phase
        self._job.journal.add("silent", seconds=round(seconds, 1), phase=phase, stacks=stacks)
        self._listener.silence(seconds)
        self._listener.told(silence_text(phase, stacks))

    def on_lost_helper(self) -> None:
        """Note that the helper, which ends the trainer when this process dies, had died itself and was replaced."""
        self._job.journal.add("helper-replaced")
        self._listener.told(HELPER_REPLACED)

    def on_log_trouble(self, text: Text) -> None:
        """Note that the console log is no longer whole."""
        self._job.journal.add("console-log", told=text.en)
        self._listener.told(text)

    def ahead(self) -> Ahead | None:
        """Return what lies before the next saved state, None where none will come."""
        from orchestrator.run.process.stop import Ahead

        plan = self._job.plan
        every = plan.state_every_n_epochs and plan.state_every_n_epochs * plan.steps.steps_per_epoch
        if every is None or self._step <= self._first_step or self.hold.is_held:  # held: nobody knows for how long
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
        from orchestrator.run.process.stop import asked_text

        self._job.journal.add("stop-asked", how=how, step=self._step)
        self._listener.told(asked_text(how, ahead))

    def settle(self, launched: Launched) -> None:
        """Write down how the attempt ended."""
        from orchestrator.run.process.outcome import judge_outcome

        outcome = judge_outcome(launched, self._rundir, output_name=self._job.plan.output_name)
        self._job.journal.add(
            "attempt-ended", step=self._step, ending=outcome.ending.value, cause=outcome.cause,
            seconds=round(launched.seconds, 1),
            exit_code=launched.exit_code,
        )  # fmt: skip

    def end(self, *, is_hurried: bool) -> tuple[Dataset | None, tuple[Text, ...]]:
        """Return the data set with what was seen of it meanwhile, and what is to be said of that."""
        return self._looking.end(0.0) if is_hurried else self._looking.end()


def patience_for(job: Job) -> Patience:
    """Return how long this run's trainer may be silent."""
    from orchestrator.run.process.patience import Patience, limits_for
    from orchestrator.run.records.inputs import model_files

    model_bytes = sum(path.stat().st_size for _, path in model_files(job.plan))
    pictures = sum(len(subset.sizes) for subset in job.plan.subsets)
    return Patience(limits_for(model_bytes, pictures), is_ending=job.loaded.recipe.train.on_hang == "restart")
