"""The one line at the top of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity, State, Status
from orchestrator.core.text import Text
from orchestrator.diagnose.state import primary_state
from orchestrator.run.records.model import nothing_trained

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding, Verdict
    from orchestrator.run.records.model import Outcome


def headline(verdict: Verdict, outcome: Outcome | None = None) -> Text:
    """Return the verdict in one line: broken, failed, stopped, with findings, or nothing found.

    Broken is only what the state of the run says too: a file that is missing is a failure of a run that may have learned.

    "Nothing found" is no proof of health; the line then says what could not be judged.
    """
    worst = verdict.fired[0] if verdict.fired else None
    ending = outcome.ending.value if outcome is not None else ""
    lost = _lost(verdict, outcome)
    if lost is not None:
        return lost
    if outcome is not None and ending == "failed":
        return _join(Text("Failed:", "训练失败："), outcome.message)
    if outcome is not None and ending == "stopped":
        return _join(Text("Ended early:", "提前结束："), outcome.message)
    if ending == "interrupted":
        return _interrupted(outcome, _summary(verdict, worst))
    if outcome is None or ending == "unknown":
        return _summary(verdict, worst)
    return _join(Text("Finished.", "训练完成。"), _summary(verdict, worst))


def _lost(verdict: Verdict, outcome: Outcome | None) -> Text | None:
    """Return the line of a broken run, or of one that something stops; None for every other."""
    ending = outcome.ending.value if outcome is not None else "unknown"
    primary, worst = primary_state(verdict), verdict.fired[0] if verdict.fired else None
    if primary.state is State.BROKEN and primary.because is not None:
        has_failed = outcome is not None and ending == "failed" and outcome.exit_code != 0
        prefix = Text("Failed.", "训练失败。") if has_failed else Text("Broken.", "训练已损坏。")
        return _join(prefix, primary.because.message)
    if worst is None or worst.severity is not Severity.STOP:
        return None
    return worst.message if ending == "unknown" else _join(Text("Failed.", "训练失败。"), worst.message)


def _interrupted(outcome: Outcome | None, summary: Text) -> Text:
    if nothing_trained(outcome):
        return Text(
            "You interrupted the run before its first step: nothing was trained.",
            "训练在第一步之前被你中断：没有训练任何内容。",
        )
    return _join(Text("You interrupted the run.", "训练被你中断。"), summary)


def _summary(verdict: Verdict, worst: Finding | None) -> Text:
    to_fix = [f for f in verdict.fired if f.severity in {Severity.STOP, Severity.FIX}]
    to_watch = [f for f in verdict.fired if f.severity is Severity.WATCH]
    if worst is not None and to_fix:
        plural = "finding" if len(to_fix) == 1 else "findings"
        return Text(
            f"{len(to_fix)} {plural} to fix, first: {worst.message.en}",
            f"{len(to_fix)} 项需要修正，首先是：{worst.message.zh}",
        )
    if worst is not None and to_watch:
        plural = "thing" if len(to_watch) == 1 else "things"
        return Text(
            f"Nothing to fix, {len(to_watch)} {plural} to look at, first: {worst.message.en}",
            f"没有必须修正的问题，有 {len(to_watch)} 项值得留意，首先是：{worst.message.zh}",
        )
    open_count = sum(1 for f in verdict.findings if f.status is Status.INCONCLUSIVE)
    nothing = Text("No fault found.", "未发现故障。")
    if not open_count:
        return nothing
    questions = "question" if open_count == 1 else "questions"
    if primary_state(verdict).state in {State.LEARNING, State.CONVERGED}:  # said beside it, with how sure that is
        still = Text(f"{open_count} {questions} could not be judged.", f"有 {open_count} 个问题无法判断。")
        return _join(nothing, still)
    return _join(
        nothing,
        Text(
            f"Not proof that it learned well: {open_count} {questions} could not be judged.",
            f"这并不证明训练良好：有 {open_count} 个问题无法判断。",
        ),
    )


def _join(first: Text, second: Text) -> Text:
    return Text(f"{first.en} {second.en}", f"{first.zh}{second.zh}")
