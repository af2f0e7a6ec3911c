from __future__ import annotations

import pytest

from orchestrator.core.finding import Confidence, Finding, Severity, State, Status, Verdict
from orchestrator.core.text import Text
from orchestrator.diagnose.headline import headline
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import outcome


def _verdict(*said: tuple[Severity, Status], state: State | None = None) -> Verdict:
    return Verdict(
        tuple(
            Finding("R900", "x", status, severity, Confidence.HIGH, Text("It is so.", "正是如此。"), state=state)
            for severity, status in said
        )
    )


FIRED = Status.FIRED


@pytest.mark.parametrize(
    ("verdict", "ending", "begins"),
    [
        (_verdict((Severity.STOP, FIRED)), Ending.SUCCEEDED, "Failed. It is so."),
        (_verdict((Severity.STOP, FIRED)), Ending.UNKNOWN, "It is so."),
        (_verdict((Severity.STOP, FIRED), state=State.BROKEN), Ending.SUCCEEDED, "Broken. It is so."),
        (_verdict((Severity.FIX, FIRED), state=State.BROKEN), Ending.SUCCEEDED, "Broken. It is so."),
        (_verdict((Severity.FIX, FIRED)), Ending.SUCCEEDED, "Finished. 1 finding to fix, first: It is so."),
        (_verdict((Severity.WATCH, FIRED)), Ending.SUCCEEDED, "Finished. Nothing to fix, 1 thing to look at"),
        (_verdict((Severity.INFO, FIRED)), Ending.SUCCEEDED, "Finished. No fault found."),
        (_verdict(), Ending.FAILED, "Failed: ok"),
        (_verdict(), Ending.STOPPED, "Ended early: ok"),
        (_verdict(), Ending.INTERRUPTED, "You interrupted the run."),
        (_verdict((Severity.FIX, FIRED)), Ending.UNKNOWN, "1 finding to fix"),
    ],
)  # fmt: skip
def test_the_line_says_how_it_ended_and_the_worst(verdict: Verdict, ending: Ending, begins: str) -> None:
    said = headline(verdict, outcome(ending))
    assert said.en.startswith(begins)
    assert said.zh != said.en


def test_a_crash_is_called_a_failure_and_a_lost_run_broken() -> None:
    stop = _verdict((Severity.STOP, FIRED), state=State.BROKEN)
    assert headline(stop, outcome(Ending.FAILED, "crash", 1)).en == "Failed. It is so."
    assert headline(stop, outcome(Ending.FAILED, "nan", 0)).en == "Broken. It is so."


def test_what_could_not_be_judged_is_never_called_healthy() -> None:
    said = headline(_verdict((Severity.INFO, Status.INCONCLUSIVE)), outcome())
    assert "Not proof that it learned well: 1 question could not be judged." in said.en
    assert "healthy" not in said.en


def test_before_a_run_there_is_no_ending() -> None:
    assert headline(_verdict()).en == "No fault found."


def test_where_learning_was_measured_the_line_does_not_take_it_back() -> None:
    learned = _verdict((Severity.INFO, Status.CLEAR), state=State.LEARNING).findings
    open_question = _verdict((Severity.INFO, Status.INCONCLUSIVE)).findings
    said = headline(Verdict((*learned, *open_question)), outcome())
    assert "1 question could not be judged." in said.en
    assert "Not proof" not in said.en
