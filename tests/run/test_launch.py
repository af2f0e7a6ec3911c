from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from orchestrator.backends.protocol import Command
from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.process import launch as launch_module
from orchestrator.run.process.launch import launch
from orchestrator.run.process.launched import NO_OUTPUT
from orchestrator.run.process.patience import Limits, Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Text

    Make = Callable[[str], Command]

REPO = Path(__file__).parents[2]
ENDED_S = 30.0
"""The trainers here sleep a minute. A request that comes between two of Python's own instructions is not seen by a sleep that begins
right after it; the next rung of the ladder then ends it, five seconds later."""


def ignore(_line: str, _seconds: float) -> None:
    pass


def go_on() -> str | None:
    return None


@pytest.fixture
def quick_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_module, "LADDER", ((0.0, "interrupt"), (0.3, "terminate"), (0.6, "kill")))


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(is_true: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if is_true():
            return True
        time.sleep(0.02)
    return is_true()


def test_a_trainer_finds_what_lies_beside_its_script(
    rundir: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside.py").write_text("print('found')", encoding="utf-8")
    (tmp_path / "train.py").write_text("import beside", encoding="utf-8")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    seen: list[str] = []
    command = Command((sys.executable, str(tmp_path / "train.py")), {})
    done = launch(command, rundir, lambda line, _seconds: seen.append(line), go_on)
    assert (done.exit_code, seen) == (0, ["found"])


def test_lines_exit_code_and_times_come_back(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        """
        print("running training")
        print("on stderr", file=sys.stderr)
        print(os.getcwd()); print(sys.stdin.read() == "")
        sys.exit(7)
        """
    )
    seen: list[tuple[str, float]] = []
    result = launch(command, rundir, lambda line, seconds: seen.append((line, seconds)), go_on)
    assert [line for line, _ in seen] == ["running training", "on stderr", str(rundir.root), "True"]
    assert result.exit_code == 7
    assert result.tail == tuple(line for line, _ in seen)
    assert result.first_output_s is not None
    assert 0 < result.first_output_s <= seen[0][1] <= result.seconds
    assert not result.interrupted
    assert result.stopped_because is None


def test_the_console_log_is_the_output_byte_for_byte(rundir: RunDir, fake_trainer: Make) -> None:
    output = (
        b"a\r\nsteps:   0%| | 0/2 [00:00<?]\rsteps: 50%|\xe2\x96\x88 | 1/2 [00:00<?]\r\n\n\xff\xfe broken\x1b[A\nno end"
    )
    command = fake_trainer(f"os.write(1, {output!r})")
    launch(command, rundir, ignore, go_on)
    assert rundir.console_log.read_bytes() == output


def test_ten_thousand_progress_updates_cost_little_and_the_last_one_arrives(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        r"""
        for n in range(10001):
            sys.stderr.write(f"\rsteps:  {n // 100}%|xxxxx     | {n}/10000 [00:06<01:42,  6.05it/s, avr_loss=0.0701]")
        sys.stderr.write("\n")
        print("model saved.")
        """
    )
    seen: list[str] = []
    before = time.process_time()
    result = launch(command, rundir, lambda line, _: seen.append(line), go_on)
    used = time.process_time() - before
    assert result.exit_code == 0
    assert "| 10000/10000 [" in seen[-2]
    assert seen[-1] == "model saved."
    assert result.tail == ("model saved.",), "progress updates do not push other lines out of the tail"
    assert result.first_step_s is not None
    assert used < 2.0, "200 us an update would be 20 times what is measured"
    assert rundir.console_log.read_bytes().count(b"\r") == 10001


def test_a_progress_update_is_seen_before_the_next_one_ends_it(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        r"""
        os.write(2, b"\rsteps:   0%|          | 0/2 [00:00<?, ?it/s]")
        os.write(2, b"\rsteps:  50%|#####     | 1/2 [00:00<?, ?it/s, avr_loss=0.1]")
        time.sleep(5)
        """
    )
    seen: list[str] = []
    launch(
        command, rundir, lambda line, _: seen.append(line), lambda: "seen" if any("1/2" in x for x in seen) else None
    )
    assert seen[:2] == [
        "steps:   0%|          | 0/2 [00:00<?, ?it/s]",
        "steps:  50%|#####     | 1/2 [00:00<?, ?it/s, avr_loss=0.1]",
    ]


def test_a_line_without_end_is_cut_at_64_kib(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        r"os.write(1, b''); [os.write(1, b'x' * 65536) for _ in range(160)]; print(); print('after')"
    )
    seen: list[str] = []
    launch(command, rundir, lambda line, _: seen.append(line), go_on)
    assert seen[0].startswith("x" * 65536 + " [")
    assert seen[0].endswith(f"[{159 * 65536} bytes cut]")
    assert seen[1] == "after"
    assert rundir.console_log.stat().st_size < 70_000


def test_secrets_never_reach_the_log_nor_the_watcher(
    rundir: RunDir, fake_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_UPLOAD_TOKEN", "canary-one-12345")
    plain = fake_trainer(
        """
        print("token is", os.environ["MY_UPLOAD_TOKEN"], os.environ["WANDB_API_KEY"])
        print("hf_abcdefghijklmnopqrstuv", "keep_tokens = 1")
        print("huggingface_token='canary-three'")
        """
    )
    command = Command(plain.argv, {**plain.environment, "WANDB_API_KEY": "canary-two-67890"})
    seen: list[str] = []
    result = launch(command, rundir, lambda line, _: seen.append(line), go_on)
    everything = rundir.console_log.read_text() + "".join(seen) + "".join(result.tail)
    for canary in ("canary", "hf_abc"):
        assert canary not in everything
    assert "keep_tokens = 1" in everything
    assert "token is *** ***" in everything


def test_a_reason_to_stop_ends_the_run(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer("print('nan'); time.sleep(60)")
    seen: list[str] = []
    result = launch(command, rundir, lambda line, _: seen.append(line), lambda: "nan-loss" if seen else None)
    assert result.stopped_because == "nan-loss"
    assert not result.interrupted
    assert result.seconds < ENDED_S
    assert result.exit_code not in {0, None}


@pytest.mark.usefixtures("quick_ladder")
def test_a_trainer_that_ignores_requests_is_killed(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        """
        signal.signal(signal.SIGINT, lambda *a: print("got INT"))
        signal.signal(signal.SIGTERM, lambda *a: print("got TERM"))
        print("up")
        while True: time.sleep(0.05)
        """
    )
    seen: list[str] = []
    result = launch(command, rundir, lambda line, _: seen.append(line), lambda: "enough" if seen else None)
    assert seen == ["up", "got INT", "got TERM"]
    assert result.exit_code == -signal.SIGKILL
    assert result.seconds < ENDED_S


def press_ctrl_c(times: int, ready: threading.Event) -> None:
    ready.wait(10)
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.25)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_request_to_end_reach_the_trainer_and_what_was_saved_stays(
    rundir: RunDir, fake_trainer: Make, number: int
) -> None:
    command = fake_trainer(
        f"""
        open({str(rundir.output / "x-000001.safetensors")!r}, "w").write("saved")
        try: print("ready"); time.sleep(60)
        except KeyboardInterrupt: print("closing files"); sys.exit(1)
        """
    )
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    seen: list[str] = []

    def watch(line: str, _seconds: float) -> None:
        seen.append(line)
        if line == "ready":
            os.kill(os.getpid(), number)

    result = launch(command, rundir, watch, go_on)
    assert result.interrupted
    assert seen == ["ready", "closing files"]
    assert result.exit_code == 1
    assert result.stopped_because is None
    assert (rundir.output / "x-000001.safetensors").read_text() == "saved"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_second_ctrl_c_means_now(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        """
        for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
        print("ready"); time.sleep(60)
        """
    )
    ready = threading.Event()
    fingers = threading.Thread(target=press_ctrl_c, args=(2, ready))
    fingers.start()
    result = launch(command, rundir, lambda _line, _s: ready.set(), go_on)
    fingers.join()
    assert result.interrupted
    assert result.exit_code == -signal.SIGKILL
    assert result.seconds < 9, "the ladder alone would take ten"


def test_children_in_sessions_of_their_own_end_too(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        """
        import subprocess
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
        print(child.pid)
        """
    )
    seen: list[str] = []
    result = launch(command, rundir, lambda line, _: seen.append(line), go_on)
    assert result.exit_code == 0
    assert result.seconds < ENDED_S, "the child keeps the pipe open for a minute"
    assert not is_alive(int(seen[0]))


def test_silence_is_told_with_more_patience_before_the_first_step(rundir: RunDir, fake_trainer: Make) -> None:
    program = r"""
        print("loading"); time.sleep(0.7)
        os.write(2, b"\rsteps:  50%|#####     | 1/2 [00:00<?, ?it/s]"); time.sleep(0.85)
        print("done")
        """
    patience = Patience(Limits(start_s=30, step_s=0.3))
    told: list[float] = []

    def hear(line: str, seconds: float) -> None:
        if line.startswith("steps:"):
            patience.hear_step(1, seconds)

    result = launch(
        fake_trainer(program),
        rundir,
        hear,
        go_on,
        patience=patience,
        on_silence=lambda seconds, _: told.append(seconds),
    )
    assert len(told) == 2, "once at the limit, once when the silence has doubled"
    assert 0.3 <= told[0] < 0.6 <= told[1]
    assert result.exit_code == 0
    assert result.longest_silence_s >= 0.5


def test_silence_ends_the_run_only_when_asked(rundir: RunDir, fake_trainer: Make) -> None:
    patience = Patience(Limits(start_s=0.2), is_ending=True)
    result = launch(fake_trainer("print('up'); time.sleep(60)"), rundir, ignore, go_on, patience=patience)
    assert result.stopped_because == NO_OUTPUT
    assert result.seconds < ENDED_S


def test_where_a_silent_trainer_stands_is_written_into_the_log_and_is_no_sign_of_life(
    rundir: RunDir, fake_trainer: Make
) -> None:
    command = fake_trainer(
        """
        import faulthandler, subprocess
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        def waits_for_the_card(): time.sleep(60)
        print("up"); waits_for_the_card()
        """
    )
    told: list[tuple[float, int]] = []
    patience = Patience(Limits(start_s=0.6), is_ending=True)
    result = launch(
        command, rundir, ignore, go_on, patience=patience, on_silence=lambda *said: told.append(said),
    )  # fmt: skip
    assert "in waits_for_the_card" in rundir.console_log.read_text()
    assert [stacks for _, stacks in told] == [1], "the child would have been ended by the signal"
    assert result.stopped_because == NO_OUTPUT


def test_a_failing_watcher_does_not_cost_the_run(rundir: RunDir, fake_trainer: Make) -> None:
    def fail(_line: str, _seconds: float) -> None:
        raise ZeroDivisionError

    result = launch(fake_trainer("print(1); print(2)"), rundir, fail, go_on)
    assert result.exit_code == 0
    assert len(result.watcher_errors) == 1
    assert "ZeroDivisionError" in result.watcher_errors[0]


def test_what_watches_is_made_ready_after_the_start_and_before_the_first_line(
    rundir: RunDir, fake_trainer: Make
) -> None:
    order: list[str] = []
    started = rundir.root / "started"

    def begin() -> None:
        assert wait_until(started.exists, 10), "the trainer runs already"
        order.append("begin")

    command = fake_trainer(f"open({str(started)!r}, 'w').close(); print('line')")
    launch(command, rundir, lambda line, _: order.append(line), go_on, on_start=begin)
    assert order == ["begin", "line"]


def test_an_error_while_getting_ready_ends_the_trainer(rundir: RunDir, fake_trainer: Make) -> None:
    pids: list[int] = []

    def is_there() -> bool:
        pids.extend(c.pid for c in psutil.Process().children() if "fake_trainer.py" in " ".join(c.cmdline()))
        return bool(pids)

    def begin() -> None:
        assert wait_until(is_there, 10)
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        launch(fake_trainer("time.sleep(60)"), rundir, ignore, go_on, on_start=begin)
    assert wait_until(lambda: not is_alive(pids[0]), 5)


def test_a_slow_watcher_does_not_stop_the_trainer(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        f"""
        for n in range(20000): os.write(1, b"x" * 99 + bytes([10]))
        open({str(rundir.root / "end")!r}, "w").write("x")
        """
    )
    seen: list[bool] = []

    def wait_for_end(_line: str, _seconds: float) -> None:
        if not seen:
            seen.append(wait_until((rundir.root / "end").exists, 10))

    launch(command, rundir, wait_for_end, go_on)
    assert seen == [True], "two megabytes were written while the watcher slept on the first line"


def test_a_log_that_cannot_be_written_is_told(rundir: RunDir, fake_trainer: Make) -> None:
    rundir.console_log.mkdir()
    told: list[Text] = []
    result = launch(fake_trainer("print('goes on')"), rundir, ignore, go_on, on_log_trouble=told.append)
    assert [text.en.split(" (")[0] for text in told] == ["the console log cannot be written"]
    assert result.exit_code == 0
    assert result.tail == ("goes on",)
    assert result.log_error


def test_a_full_disk_does_not_stop_the_trainer(rundir: RunDir, fake_trainer: Make) -> None:
    rundir.console_log.symlink_to("/dev/full")
    result = launch(fake_trainer("print('a'); time.sleep(0.1); print('b')"), rundir, ignore, go_on)
    assert result.exit_code == 0
    assert result.tail == ("a", "b")
    assert "No space left" in result.log_error


def test_a_missing_interpreter_is_an_environment_fault(rundir: RunDir) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        launch(Command(("/no/such/python", "x.py")), rundir, ignore, go_on)
    assert "/no/such/python" in caught.value.problems[0].what.en


def test_a_killed_tool_takes_the_trainer_with_it(rundir: RunDir, fake_trainer: Make) -> None:
    command = fake_trainer(
        """
        import subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
        open("pids.part", "w").write(f"{os.getpid()} {child.pid}"); os.rename("pids.part", "pids")
        time.sleep(60)
        """
    )
    tool = textwrap.dedent(f"""
        from pathlib import Path
        from orchestrator.backends.protocol import Command
        from orchestrator.core.rundir import RunDir
        from orchestrator.run.process.launch import launch
        launch(Command({command.argv!r}), RunDir(Path({str(rundir.root)!r})), lambda *a: None, lambda: None)
    """)
    owner = subprocess.Popen([sys.executable, "-c", tool], cwd=REPO)
    pids = rundir.root / "pids"
    assert wait_until(pids.exists, 20)
    trainer, child = (int(word) for word in pids.read_text().split())
    assert is_alive(trainer)
    assert is_alive(child)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert wait_until(lambda: not is_alive(trainer) and not is_alive(child), 10)


def test_a_killed_helper_is_replaced_within_a_second(rundir: RunDir, fake_trainer: Make) -> None:
    lost: list[float] = []
    killed: list[float] = []

    def kill_helper(_line: str, _seconds: float) -> None:
        (helper,) = helpers()
        killed.append(time.monotonic())
        os.kill(helper, signal.SIGKILL)

    result = launch(
        fake_trainer("print('up'); time.sleep(1)"), rundir, kill_helper, lambda: "seen" if lost else None,
        on_lost_helper=lambda: lost.append(time.monotonic()),
    )  # fmt: skip
    assert result.stopped_because == "seen"
    assert lost[0] - killed[0] < 1
    assert not helpers()


def helpers() -> list[int]:
    """Return the helper processes of this process."""
    return [c.pid for c in psutil.Process().children() if any(word.endswith("reaper.py") for word in c.cmdline())]
