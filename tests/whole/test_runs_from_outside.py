"""Runs looked at, followed and stopped from another terminal, on folders made for it; nothing is trained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from orchestrator import outside
from orchestrator.core.errors import InputError
from orchestrator.core.rundir import RunDir
from orchestrator.run.process.stop import forget_request, read_request
from orchestrator.run.records.journal import Journal
from orchestrator.run.records.run_index import list_runs
from tests.made_runs import add_to_log, bar, held, leave_dead_owner, make_run, save_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.core.observation import LogEvent
    from orchestrator.core.text import Text

LORA_RUN = [sys.executable, "-m", "orchestrator.cli"]
RELIABILITY = {
    "D08": "status and list over and over while journal and log are written: never a wait, never half a record"
}


def lora_run(*arguments: str | Path, cwd: Path, lang: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LORA_RUN, *map(str, arguments), "--lang", lang], cwd=cwd, capture_output=True, text=True, check=False
    )


def wait_until(is_true: Callable[[], bool], seconds: float = 20.0) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if is_true():
            return True
        time.sleep(0.02)
    return is_true()


@contextmanager
def going_on(run: RunDir, work: Callable[[], None]) -> Iterator[threading.Thread]:
    """Hold the run on another thread until `work` has returned."""
    is_held = threading.Event()

    def hold() -> None:
        with held(run):
            is_held.set()
            work()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    try:
        yield thread
    finally:
        thread.join()


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.events: list[LogEvent] = []

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        self.begun.append((rundir.attempt, total_steps))

    def told(self, text: Text) -> None: ...

    def found(self, text: Text) -> None: ...

    def event(self, event: LogEvent) -> None:
        self.events.append(event)

    def silence(self, seconds: float) -> None: ...


def test_status_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    with closing(Journal(run.journal)) as journal:
        event, facts = save_state(run, 1)
        journal.add(event, **facts)
        journal.add(
            "published", file="alice-000001.safetensors", source="attempts/001/output/a.safetensors", step=20, epoch=1,
            is_final=False, bytes=9, sha256="0",
        )  # fmt: skip
    add_to_log(run, bar(33))
    with held(run):
        for words in ((), ("alice-001",), (run.root,)):
            done = lora_run("status", *words, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            assert done.stdout.splitlines() == [
                "alice-001: going on, training",
                "  step       33/100 (33%), 2 it/s, about 34 s left",
                "  loss       0.0934",
                "  attempt    1, from the beginning",
                "  saved      state of epoch 1, step 20; a crash now would lose 13 steps, 6.5 s",
                "  published  1 file in runs/alice-001/checkpoints, newest alice-000001.safetensors",
                "  next       `lora-run attach runs/alice-001` watches it, `lora-run stop runs/alice-001` ends it",
            ]
        zh = lora_run("status", cwd=tmp_path, lang="zh").stdout
        assert "alice-001：进行中，训练中" in zh
        assert "此刻崩溃会损失 13 步" in zh
    leave_dead_owner(run)
    done = lora_run("status", cwd=tmp_path)
    assert done.stdout.startswith("alice-001: cut off at step 33 of 100\n")
    assert "`lora-run resume runs/alice-001` goes on from step 20" in done.stdout


def test_status_for_programs(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", attempts=2)
    body = json.loads(lora_run("status", "--format", "json", cwd=tmp_path).stdout)
    assert (body["exit_code"], body["standing"], body["phase"], body["attempt"]) == (0, "cut-off", None, 2)
    assert (body["step"], body["total_steps"], body["unsaved_steps"]) == (20, 100, 20)
    assert "--from-scratch" in body["next_step"]["en"]


@pytest.mark.parametrize("verb", ["status", "logs", "stop", "attach"])
def test_a_run_that_is_none_is_refused(tmp_path: Path, verb: str) -> None:
    (tmp_path / "runs").mkdir()
    done = lora_run(verb, "nobody", cwd=tmp_path)
    assert done.returncode == 2
    assert "nobody is no run folder" in done.stderr


def test_no_runs_at_all(tmp_path: Path) -> None:
    done = lora_run("status", cwd=tmp_path)
    assert (done.returncode, "there are no runs in runs" in done.stderr) == (2, True)
    done = lora_run("list", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "no runs yet\n", "")
    (tmp_path / "file").touch()
    for arguments, why in (
        (("list", "--runs-dir", "file"), "it is a file"),
        (("list", "--runs-dir", "nowhere"), "there is no such folder"),
        (("status", "file"), "it is a file"),
    ):
        done = lora_run(*arguments, cwd=tmp_path)
        assert (done.returncode, why in done.stderr) == (2, True), done.stderr


def test_a_trainer_that_never_wrote_has_no_log_yet(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.console_log.unlink(missing_ok=True)
    done = lora_run("logs", run.root, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "the trainer has written nothing yet\n")


def test_the_wish_to_stop_is_the_users_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    def work() -> None:
        wait_until(run.stop_request.exists)

    with going_on(run, work):
        assert lora_run("stop", run.root, "--no-wait", cwd=tmp_path).returncode == 0
    assert run.stop_request.stat().st_mode & 0o077 == 0


def test_the_newest_run_is_the_one_that_goes_on(tmp_path: Path) -> None:
    old = make_run(tmp_path, "old-001", started_at="2026-01-01T00:00:00+00:00")
    time.sleep(0.002)  # the journal's own clock has milliseconds
    make_run(tmp_path, "new-001")
    assert outside.find_run(None, tmp_path).root.name == "new-001"
    with held(old):
        assert outside.find_run(None, tmp_path).root.name == "old-001"


def test_list_in_words_and_for_programs(tmp_path: Path) -> None:
    for number in range(1, 4):
        make_run(tmp_path / "runs", f"a-{number:03d}")
    done = lora_run("list", "-n", "2", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["run", "state", "steps", "begun", "model", "verdict"]
    assert "cut off  0/100" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 more run: `--all` shows every one"
    body = json.loads(lora_run("list", "--format", "json", "--all", cwd=tmp_path).stdout)
    assert (body["count"], len(body["runs"])) == (3, 3)
    assert "意外中断" in lora_run("list", cwd=tmp_path, lang="zh").stdout


def test_logs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    add_to_log(run, "one\ntwo \x1b[31mred\x1b[0m\x1b]52;c;x\x07 [bold]text[/bold]\n" + bar(3) + bar(4))
    done = lora_run("logs", "alice-001", "-n", "2", cwd=tmp_path)
    assert done.returncode == 0
    first, last = done.stdout.splitlines()
    assert first == "two red [bold]text[/bold]"
    assert "4/100" in last
    as_json = lora_run("logs", "alice-001", "-n", "2", "--format", "json", cwd=tmp_path).stdout
    assert [json.loads(line)["line"] for line in as_json.splitlines()] == [first, last]


def test_following_ends_with_the_run_and_goes_on_to_a_further_attempt(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    second = RunDir(run.root, 2)
    add_to_log(run, "zero\none\n")
    seen: list[str] = []

    def work() -> None:
        wait_until(lambda: "one" in seen)
        second.output.mkdir(parents=True)
        add_to_log(second, "of the second\n")
        wait_until(lambda: "of the second" in seen)
        add_to_log(second, "last words\nunfinished")

    with going_on(run, work):
        for shown in outside.follow_log(run, 1, is_following=True):
            seen.append(f"attempt {shown.attempt}" if isinstance(shown, RunDir) else shown.text)  # noqa: PERF401 - read meanwhile
    assert seen == ["one", "attempt 2", "of the second", "last words", "unfinished"]


def test_ctrl_c_ends_the_view_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    add_to_log(run, "one\n")
    with held(run):
        process = subprocess.Popen(
            [*LORA_RUN, "logs", "alice-001", "-f"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1] == b""
        assert process.returncode == 0
        assert read_request(run) is None


def test_attaching_shows_what_the_trainer_does_until_the_end(tmp_path: Path) -> None:
    run = make_run(tmp_path, attempts=2)
    add_to_log(run, bar(1, 80) + bar(2, 80) + bar(3, 80))
    heard = Heard()

    def work() -> None:
        wait_until(lambda: bool(heard.events))
        add_to_log(run, bar(9, 80) + "\n")

    with going_on(run, work):
        outside.attach(run, heard)
    assert heard.begun == [(2, 100)]
    assert [event.values["step"] for event in heard.events] == [23, 29]


def test_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    leave_dead_owner(run)
    with pytest.raises(InputError) as refused:
        outside.attach(run, Heard())
    (problem,) = refused.value.problems
    assert "cut off at step 0 of 100" in problem.what.en
    assert problem.fix is not None
    assert "lora-run resume" in problem.fix.en


def test_stopping_asks_once_more_where_an_attempt_began_meanwhile(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    said: list[Text] = []

    def work() -> None:
        assert wait_until(lambda: read_request(run) == "safe")
        forget_request(run)
        assert wait_until(lambda: read_request(run) == "safe")
        with closing(Journal(run.journal)) as journal:
            journal.add("run-ended", ending="interrupted", cause="interrupted")

    with going_on(run, work):
        asked = outside.stop(run, "safe", said.append, waits=True)
    assert asked.was_going_on
    assert asked.present.run.standing == "interrupted"
    assert said


def test_a_run_that_is_held_by_a_full_disk_is_said_to_stop_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_state_every_steps", lambda _run: 20)
    run = make_run(tmp_path)
    add_to_log(run, bar(5))
    said: list[Text] = []
    with closing(Journal(run.journal)) as journal:
        journal.add("disk", told="paused", is_held=True)

    def work() -> None:
        assert wait_until(lambda: bool(said))

    with going_on(run, work):
        outside.stop(run, "safe", said.append, waits=True)
    assert said[0].en == "stopping now"


def test_stop_now_without_waiting(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    with held(run):
        done = lora_run("stop", "alice-001", "--now", "--no-wait", "--format", "json", cwd=tmp_path)
        assert read_request(run) == "now"
    body = json.loads(done.stdout)
    assert (body["exit_code"], body["was_going_on"], body["standing"]) == (0, True, "going-on")


def test_a_run_that_does_not_go_on_cannot_be_stopped(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    done = lora_run("stop", "alice-001", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("nothing to stop")
    assert read_request(run) is None


def test_looking_while_the_records_are_being_written(tmp_path: Path) -> None:
    """D08: a thousand lines are written while a list and a status are read over and over: never half of one, never a wait."""
    from orchestrator.observe.present import look_at

    run = make_run(tmp_path / "runs")
    steps: list[int] = []
    longest = 0.0

    def work() -> None:
        with closing(Journal(run.journal)) as journal:
            for step in range(1, 101):
                add_to_log(run, bar(step)[: -step % 7 or None])
                journal.add("step", step=step)
                os.sched_yield()

    with going_on(run, work) as thread:
        while thread.is_alive():
            begun = time.perf_counter()
            now = look_at(run)
            (listed,) = list_runs(run.root.parent, tmp_path / "cache")
            longest = max(longest, time.perf_counter() - begun)
            assert now.history.damage == ()
            assert listed.standing != "unreadable"
            steps.append(now.step)
    assert steps == sorted(steps)
    assert longest < 2.0
