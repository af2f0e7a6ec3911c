"""What each verb says at its end, as text for people or JSON for programs, and the exit code that goes with it."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any, TextIO

from orchestrator.core.errors import EXIT_ENVIRONMENT, EXIT_FINDINGS, EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, EXIT_TRAINER_FAILED
from orchestrator.core.finding import Severity
from orchestrator.core.record import to_plain
from orchestrator.core.text import Text
from orchestrator.report import terminal
from orchestrator.report.record import problems_record, report_record, verdict_record
from orchestrator.run.model import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.finding import Problem, Verdict
    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.report.model import ReportData
    from orchestrator.run.doctor import Check

BEFORE_AFTER = Text("not looked at: the pictures' pixels; run for a diagnosis", "未检查：图片的像素内容")


def line(text: str) -> None:
    """Print one line of a long task."""
    terminal.make_console().print(text)


def problems(found: Sequence[Problem], form: str, language: Language) -> None:
    """Tell mistakes of form."""
    if form == "json":
        _json({"problems": problems_record(found, language)})
    else:
        terminal.show_problems(found, language, terminal.make_console(sys.stderr))


def checked(
    verdict: Verdict, found: Sequence[Problem], dataset: Dataset | None, plan: Plan | None, form: str, language: Language
) -> int:
    """Tell what `check` saw. Returns 2 where nothing may run, 1 with findings to fix, else 0."""
    is_refused = bool(found) or verdict.worst is Severity.STOP
    code = EXIT_REFUSED if is_refused else EXIT_FINDINGS if verdict.worst is Severity.FIX else EXIT_OK
    if form == "json":
        _json(
            {
                "exit_code": code,
                "problems": problems_record(found, language),
                **verdict_record(verdict, language),
                "pictures": dataset.train_picture_count if dataset else None,
                "total_steps": plan.steps.total_steps if plan else None,
                "not_looked_at": list(dataset.not_looked_at) if dataset else ["pictures", "captions"],
            }
        )
        return code
    console = terminal.make_console()
    if found:
        terminal.show_problems(found, language, console)
    terminal.show_verdict(verdict, language, console)
    if dataset is not None and plan is not None and not is_refused:
        terminal.show_summary(dataset, plan, language, console)
    terminal.show_not_looked_at(dataset, language, console)
    return code
