"""Where an attempt goes on, in words: what was trained and not saved is trained again, and that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text, plural

if TYPE_CHECKING:
    from orchestrator.backends.attempt import Start
    from orchestrator.run.records.history import History
    from orchestrator.training.job import Job


def start_text(job: Job, start: Start, history: History) -> Text:
    """Say where a further attempt begins, and how much of what was trained is not in its state."""
    lost = max(0, reached(job.rundir, history) - start.first_step)
    total = job.plan.steps.total_steps
    if start.state is None:
        return _anew(total, lost)
    again = Text("", "")
    if lost:
        unsaved = plural(lost, "step after it was not saved and is", "steps after it were not saved and are")
        again = Text(f"; {unsaved} trained again", f"；其后的 {lost} 步没有保存，需要重新训练")
    left = total - start.first_step
    return Text(
        f"going on from step {start.first_step} of {total}, {left} to go{again.en}",
        f"从第 {start.first_step} 步（共 {total} 步）继续，还剩 {left} 步{again.zh}",
    )


def _anew(total: int, lost: int) -> Text:
    unsaved = Text("", "")
    if lost:
        trained = plural(lost, "step that had been trained was", "steps that had been trained were")
        unsaved = Text(f"; {trained} not saved", f"；已训练的 {lost} 步没有保存")
    return Text(f"beginning anew: {plural(total, 'step', 'steps')}{unsaved.en}", f"从头开始：{total} 步{unsaved.zh}")


def reached(rundir: RunDir, history: History) -> int:
    """Return the last step that was trained: the journal's, or the console's where the attempt was cut off."""
    from orchestrator.observe.console_file import read_console

    if not history.attempts:
        return 0
    last = history.attempts[-1]
    if last.ending:
        return last.last_step
    try:
        seen = read_console(RunDir(rundir.root, last.number).console_log).progress.steps
    except OSError:
        return last.last_step
    return max(last.last_step, last.first_step + max(seen, default=0))
