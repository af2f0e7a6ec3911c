"""What is tried once more, what never, and what an exit code does not say."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from orchestrator import pipeline
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem, Severity
from orchestrator.core.record import write_record
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import same
from orchestrator.diagnose.looking import Looking
from orchestrator.pipeline import read_end
from orchestrator.report import judged
from orchestrator.run.process import launch, process_group
from orchestrator.run.process.launched import Launched
from orchestrator.run.process.retry import WAIT_S, next_try
from orchestrator.run.process.stop import read_request, request_stop
from orchestrator.run.records import create
from orchestrator.run.records.history import Attempt, History
from orchestrator.run.records.journal import Journal
from orchestrator.run.records.model import Ending, Outcome
from orchestrator.training import attempts
from orchestrator.training.resume import open_run, start_again
from tests.reliability.conftest import EPOCHS, PER_EPOCH
from tests.several_processes import OTHERS, OWN_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from orchestrator.core.observation import LogEvent
    from orchestrator.report.judged import Finished
    from orchestrator.run.records.run_record import RunRecord
    from tests.reliability.conftest import Runs

RELIABILITY = {
    "A03": "the trainer killed with -9 in the middle: tried again once after 30 s from its newest state, steps exact",
    "A14": "trained, and the tool died while the report was written, an older one lying there (4, two of them failed): resume writes it, trains nothing",
    "A17": "exit code 0 with no file, no tensors, NaN, an epoch short, an old file copied there (5): failed with that reason",
    "A18": "a crash in native code after a good final file: succeeded, told as a warning, exit code 0 or 1 by the findings alone",
    "A19": "the same step ends two attempts: no third, and it is told; mistakes are never tried again",
    "A20": "a crash that passes: once more after 30 s; passing twice is a failure",
    "A22": "killed, and Linux has counted one process killed for memory: the machine's memory, not `killed`, not tried again",
}
TOTAL = PER_EPOCH * EPOCHS


def test_a_killed_trainer_goes_on_from_its_newest_state(runs: Runs) -> None:
    done = runs.start({"1": {"at": 10, "do": "kill"}})
    first, second = runs.history.attempts
    assert (first.ending, first.cause, first.last_step) == ("failed", "killed", 9)
    assert (second.why, second.first_step, second.state) == ("retry", 8, "attempts/001/output/tiny-000002-state")
    assert second.last_step == TOTAL
    assert done.launched.exit_code == 0
    assert runs.waits == [WAIT_S] == [30.0]
    assert runs.heard.has("once more in 30 s")
    assert runs.heard.has(
        f"going on from step 8 of {TOTAL}, 8 to go; 1 step after it was not saved and is trained again"
    )


def test_a_crash_that_passes_is_tried_once(runs: Runs) -> None:
    runs.start({"1": {"at": 3, "do": "passing"}, "2": {"at": 5, "do": "passing"}})
    assert [a.why for a in runs.history.attempts] == ["start", "retry"]
    assert runs.history.attempts[-1].ending == "failed"
    assert runs.waits == [30.0]
    assert runs.heard.has(f"beginning anew: {TOTAL} steps; 2 steps that had been trained were not saved")


def test_the_same_step_twice_is_told_and_no_third_time_tried(runs: Runs) -> None:
    runs.start({"1": {"at": 7, "do": "passing"}, "2": {"at": 7, "do": "passing"}})
    assert len(runs.history.attempts) == 2
    assert runs.heard.has("two attempts failed at step 6")


def test_a_stop_asked_for_during_the_wait_holds_for_the_next_try(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_meanwhile(_seconds: float, _rundir: object) -> bool:
        request_stop(runs.rundir, "now")
        return True

    monkeypatch.setattr(attempts, "waited", asked_meanwhile)
    runs.start({"1": {"at": 3, "do": "passing"}})
    _, second = runs.history.attempts
    assert (second.why, second.ending) == ("retry", "interrupted")


@pytest.mark.parametrize(
    ("what", "ending", "cause"), [("kill", "interrupted", "interrupted"), ("oom", "failed", "out-of-memory")]
)
def test_who_asked_for_the_end_gets_no_further_try(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, what: str, ending: str, cause: str
) -> None:
    def at_first_step(event: LogEvent) -> None:  # before it, the request would end the run with nothing trained
        if event.kind == "progress" and event.values["step"]:
            request_stop(runs.rundir, "safe")

    monkeypatch.setattr(runs.heard, "event", at_first_step)
    runs.start({"1": {"at": 3, "do": what}}, "train.on_oom=adapt")
    (only,) = runs.history.attempts
    assert (only.ending, only.cause, runs.waits) == (ending, cause, [])


def test_a_stop_asked_for_while_resume_looks_at_its_inputs_holds_and_an_older_one_does_not(runs: Runs) -> None:
    runs.start({"1": {"at": 10, "do": "mistake"}})
    runs.plan_faults({})
    request_stop(runs.rundir, "now")
    with ExitStack() as held:
        job = open_run(runs.rundir.root, held)
        assert read_request(runs.rundir) is None
        request_stop(runs.rundir, "now")
        start = start_again(job, runs.heard)
        assert start is not None
        attempts.train(job, runs.heard, start, why="resume", may_stop=True)
    assert runs.history.attempts[-1].ending == "interrupted"


def test_one_look_at_the_pictures_at_a_time(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(self: Looking) -> None:
        while True:
            self._go_on()
            time.sleep(0.01)

    alive: list[int] = []

    def count(*_: object) -> None:
        alive.append(sum(thread.name == "looking" for thread in threading.enumerate()))

    monkeypatch.setattr(Looking, "_look", look)
    monkeypatch.setattr(runs.heard, "begins", count)
    done = runs.start({"1": {"at": 10, "do": "kill"}})
    count()
    done.watch.end(is_hurried=True)
    assert alive == [0, 0, 1]


def test_a_further_attempt_that_cannot_be_begun_costs_no_report(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    real = create.claim_attempt

    def claim(rundir: RunDir, attempt: int, files: Mapping[str, str]) -> RunDir:
        if attempt == 2:
            RunDir(rundir.root, 2).attempt_dir.mkdir()
            raise EnvironmentFault([Problem("cannot-write", same("the disk is full"))])
        return real(rundir, attempt, files)

    monkeypatch.setattr(create, "claim_attempt", claim)
    finished = runs.whole({"1": {"at": 10, "do": "kill"}})
    assert finished.report.case.outcome is not None
    assert finished.report.case.outcome.cause == "killed"
    assert (runs.rundir.root / "report.html").is_file()
    assert runs.history.ending == "failed"
    assert "further attempt could not be begun: the disk is full" in runs.rundir.report_json.read_text()


def test_ctrl_c_between_two_attempts_or_while_the_report_is_written(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return False

    monkeypatch.setattr(attempts, "_rescue", press)
    runs.whole({"1": {"at": 10, "do": "kill"}})
    assert [a.cause for a in runs.history.attempts] == ["killed"]
    assert (runs.rundir.root / "report.html").is_file()
    with process_group.signals_noted(is_once=True) as noted:
        press()
        assert noted == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            press()


def test_a_mistake_is_never_tried_again(runs: Runs) -> None:
    runs.start({"1": {"at": 3, "do": "mistake"}})
    (only,) = runs.history.attempts
    assert (only.ending, only.cause) == ("failed", "crash")
    assert not runs.waits


def test_who_resumes_a_run_wants_it_tried_anew_but_not_at_a_step_that_failed_twice() -> None:
    def failed(number: int, why: str, step: int) -> Attempt:
        return Attempt(number, last_step=step, why=why, ending="failed", cause="killed")

    outcome = Outcome(Ending.FAILED, -9, "killed", same(""))
    killed = Launched(-9, 1.0, 0.1)
    tried = (failed(1, "start", 5), failed(2, "retry", 9))
    assert next_try(History(attempts=tried), outcome, killed) is None
    assert next_try(History(attempts=(*tried, failed(3, "resume", 12))), outcome, killed) is not None
    assert next_try(History(attempts=(*tried, failed(3, "resume", 9))), outcome, killed) is None


def test_what_the_other_processes_say_makes_no_mistake_pass() -> None:
    outcome = Outcome(Ending.FAILED, 1, "crash", same(""))
    history = History(attempts=(Attempt(1, last_step=5, ending="failed", cause="crash"),))
    nccl = "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp"
    others = OTHERS.replace("RuntimeError: [pair.cc:553] Connection closed by peer", nccl)
    assert next_try(history, outcome, Launched(1, 1.0, 0.1, tail=tuple(others.splitlines()))) is not None
    mistake = OWN_ERROR.replace(OTHERS, others)
    assert next_try(history, outcome, Launched(1, 1.0, 0.1, tail=tuple(mistake.splitlines()))) is None
    timeout = mistake.replace(
        "KeyError: 'one'", "[E] Watchdog caught collective operation timeout\n[rank1]: RuntimeError: aborted"
    )
    assert next_try(history, outcome, Launched(1, 1.0, 0.1, tail=tuple(timeout.splitlines()))) is not None
    long_ago = ("HTTP Error 503", *["step"] * 500, "Segmentation fault")
    assert next_try(history, outcome, Launched(-11, 1.0, 0.1, tail=long_ago)) is None
    alone = ("CUDA error: unspecified launch failure", "AssertionError: can only test a child process")
    assert next_try(history, outcome, Launched(1, 1.0, 0.1, tail=alone)) is not None


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("no-file", "no-model", "left no final file"),
        ("zero-tensors", "bad-model", "holds no tensors"),
        ("nan", "nan", "hold NaN"),
        ("short", "steps-short", f"from step {TOTAL - PER_EPOCH} of {TOTAL}"),
        ("stale", "stale-model", "before the training began"),
        ("no-data", "no-data", "found no pictures"),
    ],
)
def test_exit_code_0_without_a_good_result_is_a_failure(runs: Runs, fault: str, cause: str, words: str) -> None:
    _, outcome = read_end(runs.start({"1": {"do": fault}}))
    assert (outcome.exit_code, outcome.ending, outcome.cause) == (0, Ending.FAILED, cause)
    assert words in outcome.message.en
    assert outcome.message.zh != outcome.message.en
    assert len(runs.history.attempts) == 1


def test_a_crash_after_the_final_file_is_a_success_with_a_warning(runs: Runs) -> None:
    finished = runs.whole({"1": {"do": "segv-after-save"}})
    outcome = finished.report.case.outcome
    assert outcome is not None
    assert (outcome.ending, outcome.cause, outcome.exit_code) == (Ending.SUCCEEDED, "exit-error", 1)
    assert len(runs.history.attempts) == 1
    (told,) = [f for f in finished.report.verdict.findings if f.name == "trainer-crashed" and f.is_fired]
    assert told.severity in (Severity.INFO, Severity.WATCH)
    assert "exit code 1" in outcome.message.en


def test_a_final_file_that_a_full_disk_tore_is_made_anew_and_the_run_is_a_success(runs: Runs) -> None:
    finished = runs.whole({"1": {"do": "torn-final"}})
    outcome = finished.report.case.outcome
    assert outcome is not None
    assert (outcome.ending, outcome.cause, outcome.exit_code) == (Ending.SUCCEEDED, "rescued", 1)
    history = runs.history
    (only,) = history.attempts
    assert (only.ending, only.cause) == ("succeeded", "rescued")
    assert (history.published[-1].file, history.published[-1].is_final) == ("tiny.safetensors", True)
    assert (runs.rundir.checkpoints / "tiny.safetensors").is_file()
    severities = {f.name: f.severity for f in finished.report.verdict.findings if f.is_fired}
    assert severities["disk-full"] is Severity.WATCH


def test_a_process_that_linux_killed_for_memory_is_no_killed_one(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([4, 5])
    monkeypatch.setattr(launch, "count_oom_kills", lambda: next(counts))
    runs.start({"1": {"at": 3, "do": "kill"}})
    (only,) = runs.history.attempts
    assert (only.cause, runs.waits) == ("out-of-host-memory", [])


def test_a_stop_asked_for_ends_the_wait(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    request_stop(run, "safe")
    began = time.monotonic()
    assert not attempts.waited(20.0, run)
    assert time.monotonic() - began < 5


def test_a_run_whose_tool_died_before_the_report_is_reported(runs: Runs) -> None:
    runs.start({})  # trained to its end; nobody judged it
    assert not (runs.rundir.root / "report.html").exists()
    done = pipeline.resume_run(runs.rundir.root, runs.heard, "en")
    assert done is not None
    assert (runs.rundir.root / "report.html").is_file()
    assert (runs.history.ending, len(runs.history.attempts)) == ("succeeded", 1)
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is None


@pytest.mark.parametrize("is_recorded", [False, True], ids=["before run.json", "after run.json"])
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({}, "ok"),
        ({"1": {"do": "segv-after-save"}}, "exit-error"),
        ({"1": {"do": "zero-model"}}, "zero-model"),
        ({"1": {"do": "stale"}}, "stale-model"),
    ],
)
def test_a_run_whose_tool_died_while_the_report_was_written_is_reported(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, fault: dict[str, dict[str, object]], cause: str, is_recorded: bool
) -> None:
    def die(
        _case: object, rundir: RunDir, record: RunRecord, *_: object, write_first: Callable[..., None], **__: object
    ) -> Finished:
        if is_recorded:
            write_first(rundir, record)
        write_record(rundir.report_json, "report", 2, {"outcome": {"ending": "failed", "cause": "killed"}})
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(judged, "report_own", die)
        with pytest.raises(KeyboardInterrupt):
            runs.whole(fault)
    assert runs.history.cause == cause
    done = pipeline.resume_run(runs.rundir.root, runs.heard, "en")
    assert done is not None
    assert done.report.case.outcome is not None
    assert done.report.case.outcome.cause == cause
    assert json.loads(runs.rundir.report_json.read_text())["outcome"]["cause"] == cause
    assert done.report.case.outcome.ending.value == runs.history.ending
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is None


def test_what_is_judged_anew_and_the_journal_agree_afterwards(runs: Runs) -> None:
    runs.start({})
    with closing(Journal(runs.rundir.journal)) as journal:
        journal.add("run-ended", ending="interrupted", cause="interrupted")  # Ctrl-C after the final file
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is not None
    assert (runs.history.ending, runs.history.cause) == ("succeeded", "ok")
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is None


def test_a_journal_without_the_beginning_of_its_attempt_is_enough(runs: Runs) -> None:
    runs.start({})
    lines = runs.rundir.journal.read_bytes().splitlines(keepends=True)
    runs.rundir.journal.write_bytes(b"".join(b"{torn\n" if b"attempt-started" in line else line for line in lines))
    assert not runs.history.attempts
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is not None
    assert pipeline.resume_run(runs.rundir.root, runs.heard, "en") is None


def test_the_time_of_a_run_is_that_of_all_its_attempts(runs: Runs) -> None:
    done = runs.start({"1": {"at": 7, "do": "passing"}})
    first, _second = runs.history.attempts
    assert first.seconds > 0
    _, outcome = read_end(done)
    assert outcome.seconds == pytest.approx(first.seconds + done.launched.seconds, abs=0.2)
