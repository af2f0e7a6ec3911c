from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Command
from orchestrator.core.observation import Checkpoint
from orchestrator.run.process import launch as launch_module
from orchestrator.run.process.last_words import without_home
from orchestrator.run.process.launch import launch
from orchestrator.run.process.launched import Launched
from orchestrator.run.process.oom_kills import count_oom_kills
from orchestrator.run.process.outcome import judge_outcome, outcome_of_trained
from orchestrator.run.process.patience import Limits, Patience
from orchestrator.run.records.history import Attempt, History
from orchestrator.run.records.model import Ending
from tests.several_processes import (
    ABORTED,
    ASKED_TO_END,
    BEHIND_A_BAR,
    KILLED,
    OTHERS,
    OUT_OF_MEMORY,
    OUT_OF_MEMORY_THEN_ABORTED,
    OWN_ERROR,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.rundir import RunDir
    from orchestrator.run.records.model import Outcome

    Make = Callable[[str], Command]

FINAL = Checkpoint(
    "attempts/001/output/x.safetensors", 20, None, is_final=True, size_bytes=9, is_readable=True, up_count=4
)
SAVE = "open('attempts/001/output/x.safetensors', 'wb').write(b'x' * 9); print('model saved.')\n"
LAUNCHER = """
import subprocess, sys
command = [sys.executable, "-S", "-E", "-u", "-c", sys.argv[1]]
done = subprocess.run(command)
if done.returncode: raise subprocess.CalledProcessError(done.returncode, command)
"""


def run(command: Command, rundir: RunDir, patience: Patience | None = None) -> Outcome:
    launched = launch(command, rundir, lambda *_: None, lambda: None, patience=patience or Patience())
    return judge_outcome(launched, rundir)


def through_launcher(program: str) -> Command:
    """Start `program` the way `accelerate launch` does: as a child whose exit code becomes a CalledProcessError."""
    return Command((sys.executable, "-S", "-E", "-u", "-c", LAUNCHER, program))


def test_a_good_run_is_a_success(rundir: RunDir, fake_trainer: Make) -> None:
    outcome = run(fake_trainer(r"print('\rsteps:  50%|###   | 1/2 [00:01<00:01, avr_loss=0.1]');" + SAVE), rundir)
    assert outcome.ending is Ending.SUCCEEDED
    assert outcome.cause == "ok"
    assert outcome.exit_code == 0
    assert outcome.seconds is not None
    assert outcome.first_step_seconds is not None
    assert outcome.last_lines == ()


def test_the_innermost_traceback_is_quoted_not_the_launchers(rundir: RunDir) -> None:
    program = """
def load():
    raise ValueError("bad caption file: 初音.txt")
print("epoch 1/2")
load()
"""
    outcome = run(through_launcher(program), rundir)
    assert outcome.ending is Ending.FAILED
    assert outcome.cause == "crash"
    assert outcome.exit_code == 1
    assert outcome.message.en == "the trainer crashed: ValueError: bad caption file: 初音.txt"
    assert "初音.txt" in outcome.message.zh
    assert outcome.last_lines[0] == "Traceback (most recent call last):"
    assert outcome.last_lines[-1] == "ValueError: bad caption file: 初音.txt"
    assert not any("CalledProcessError" in line for line in outcome.last_lines)


@pytest.mark.parametrize(
    ("raised", "cause", "word"),
    [
        (
            "class OutOfMemoryError(RuntimeError): pass\nOutOfMemoryError.__module__='torch'\nraise OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')",
            "out-of-memory",
            "gradient_checkpointing",
        ),
        ("raise RuntimeError('CUDA error: out of memory')", "out-of-memory", "train_batch_size"),
        (
            "raise RuntimeError('[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.')",
            "out-of-host-memory",
            "RAM",
        ),
        ("raise MemoryError", "out-of-host-memory", "RAM"),
        ("f = open('/dev/full', 'wb', 0); f.write(b'x')", "disk-full", "disk is full"),
        (
            "raise RuntimeError('PytorchStreamWriter failed writing file data/0: file write failed')",
            "disk-full",
            "disk is full",
        ),
        ("raise AssertionError('network for Text Encoder cannot be trained')", "crash", "network for Text Encoder"),
        (
            "raise RuntimeError('Error(s) in loading state_dict:\\n\\tsize mismatch for x')",
            "crash",
            "Error(s) in loading state_dict",
        ),
    ],
)
def test_crashes_are_told_apart(rundir: RunDir, raised: str, cause: str, word: str) -> None:
    outcome = run(through_launcher(raised), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.FAILED, cause)
    assert word in outcome.message.en
    assert outcome.message.zh != outcome.message.en


def test_a_long_message_is_kept_in_the_last_lines(rundir: RunDir) -> None:
    outcome = run(through_launcher("raise RuntimeError('Error(s) in loading:\\n\\tsize mismatch for x')"), rundir)
    assert outcome.last_lines[-1] == "\tsize mismatch for x"


def test_a_traceback_right_behind_a_progress_bar_is_found(rundir: RunDir, fake_trainer: Make) -> None:
    program = r"sys.stderr.write('\rsteps:  50%|###   | 1/2 [00:01<00:01, avr_loss=0.1]'); raise KeyError('x')"
    assert run(fake_trainer(program), rundir).message.en == "the trainer crashed: KeyError: 'x'"


def test_ranks_and_colours_do_not_hide_a_traceback(rundir: RunDir) -> None:
    tail = (
        "[rank1]: Traceback (most recent call last):",
        '[rank1]:   File "x.py", line 1',
        "[rank1]: \x1b[31mValueError: x\x1b[0m",
        "Traceback (most recent call last):",
        "  x",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
    )
    assert judge_outcome(Launched(1, 1.0, 0.1, tail=tail), rundir).message.en == "the trainer crashed: ValueError: x"


@pytest.mark.parametrize(
    ("said", "cause", "quoted"),
    [
        (KILLED, "killed", ""),
        (KILLED.replace(" (SIGKILL)", "").replace(" (SIGTERM)", ""), "killed", ""),
        (KILLED.replace("-9", "-15").replace("SIGKILL", "SIGTERM"), "crash", ""),
        (ABORTED, "crash", ""),
        (OUT_OF_MEMORY, "out-of-memory", "torch.OutOfMemoryError: CUDA out of memory"),
        (OUT_OF_MEMORY_THEN_ABORTED, "out-of-memory", "torch.OutOfMemoryError: CUDA out of memory"),
        (OWN_ERROR, "crash", "KeyError: 'one'"),
        (OWN_ERROR.replace("rank      : 1 (local_rank: 1)", "rank      : 0 (local_rank: 0)"), "crash", "KeyError: 'one'"),
        (OWN_ERROR.replace("[rank1]: ", "").replace("[rank0]: ", ""), "crash", "KeyError: 'one'"),
        (OTHERS, "crash", "RuntimeError: [pair.cc:553]"),
        (BEHIND_A_BAR, "out-of-memory", "torch.OutOfMemoryError: CUDA out of memory"),
    ],
    ids=[
        "killed", "killed, older torch", "SIGTERM", "aborted", "out of memory", "out of memory, then aborted", "own error",
        "both within a second", "without ranks", "others only", "behind a bar",
    ],
)  # fmt: skip
def test_of_several_processes_the_first_that_failed_counts(rundir: RunDir, said: str, cause: str, quoted: str) -> None:
    outcome = judge_outcome(Launched(1, 1.0, 0.1, tail=tuple(said.splitlines())), rundir)
    assert outcome.cause == cause
    if quoted:
        assert outcome.last_lines[-1].startswith(quoted)


@pytest.mark.parametrize(
    ("tail", "exit_code"),
    [
        (("subprocess.CalledProcessError: Command died with <Signals.SIGTERM: 15>.",), 1),
        (("step 3",), -15),
        (("step 3",), 143),
        (tuple(ASKED_TO_END.splitlines()), 1),
    ],
)
def test_a_trainer_that_somebody_ended_is_no_crash_of_native_code(
    rundir: RunDir, tail: tuple[str, ...], exit_code: int
) -> None:
    outcome = judge_outcome(Launched(exit_code, 1.0, 0.1, tail=tail), rundir)
    assert (outcome.cause, outcome.message.en) == ("crash", "the trainer was ended from outside (SIGTERM)")


@pytest.mark.parametrize("others", ["", OTHERS])
@pytest.mark.parametrize(("is_end_asked", "cause"), [(True, "interrupted"), (False, "crash")])
def test_a_launcher_of_several_processes_that_is_ended_from_outside(
    rundir: RunDir, is_end_asked: bool, cause: str, others: str
) -> None:
    launched = Launched(
        1, 1.0, 0.1, tail=tuple((others + ASKED_TO_END).splitlines()), is_end_asked=is_end_asked, first_step_s=0.5
    )
    assert judge_outcome(launched, rundir).cause == cause


@pytest.mark.parametrize("launcher", [True, False])
def test_a_killed_trainer(rundir: RunDir, fake_trainer: Make, launcher: bool) -> None:
    program = "import os; os.kill(os.getpid(), 9)"
    outcome = run(through_launcher(program) if launcher else fake_trainer(program), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.FAILED, "killed")
    assert "RAM" in outcome.message.en


def test_a_kill_by_the_system_for_memory_is_known_from_the_kernels_count(rundir: RunDir) -> None:
    killed = Launched(-9, 1.0, 0.1, oom_kills=1)
    assert judge_outcome(killed, rundir).cause == "out-of-host-memory"
    assert judge_outcome(replace(killed, oom_kills=0), rundir).cause == "killed"


INTERRUPTED = ("Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "KeyboardInterrupt")
MISTAKE = (*INTERRUPTED[:2], "ValueError: bad caption file")


@pytest.mark.parametrize(
    "launched", [Launched(-15, 9.0, 1.0), Launched(-9, 9.0, 1.0), Launched(1, 9.0, 1.0, tail=INTERRUPTED)]
)
def test_a_signal_that_the_trainer_got_as_well_is_the_wish_to_end_and_no_crash(
    rundir: RunDir, launched: Launched
) -> None:
    asked = replace(launched, is_end_asked=True, first_step_s=2.0)
    assert judge_outcome(launched, rundir).ending is Ending.FAILED
    assert judge_outcome(asked, rundir).ending is Ending.INTERRUPTED
    assert judge_outcome(replace(asked, tail=MISTAKE, exit_code=1), rundir).cause == "crash"
    assert judge_outcome(replace(asked, tail=(), exit_code=-11), rundir).cause == "crash"


def test_the_kernels_count_is_read_during_a_launch(
    rundir: RunDir, fake_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([4, 6])
    monkeypatch.setattr(launch_module, "count_oom_kills", lambda: next(counts))
    assert launch(fake_trainer("pass"), rundir, lambda *_: None, lambda: None).oom_kills == 2


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        ("0::/a/b\n", "a/b/memory.events", "low 0\noom 1\noom_kill 3\noom_group_kill 0\n"),
        ("0::/gone\n", "memory.events", "oom_kill 3\n"),
        ("4:memory:/d\n1:name=x:/\n", "memory/d/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
    ],
)
def test_where_the_kernels_count_stands(tmp_path: Path, group: str, file: str, text: str) -> None:
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroups"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(group)
    (cgroups / file).parent.mkdir(parents=True)
    (cgroups / file).write_text(text)
    assert count_oom_kills(proc, cgroups) == 3
    (cgroups / file).unlink()
    assert count_oom_kills(proc, cgroups) is None
    (proc / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    assert count_oom_kills(proc, cgroups) == 7


def test_a_native_crash(rundir: RunDir) -> None:
    outcome = run(through_launcher("import os; os.kill(os.getpid(), 11)"), rundir)
    assert outcome.cause == "crash"
    assert "SIGSEGV" in outcome.message.en
    windows = Launched(
        1, 1.0, 0.1, tail=("subprocess.CalledProcessError: Command '[x]' returned non-zero exit status 3221225477.",)
    )
    assert "access violation" in judge_outcome(windows, rundir).message.en


def test_refused_arguments(rundir: RunDir) -> None:
    program = "import sys; print('usage: x\\ntrain_network.py: error: unrecognized arguments: --x', file=sys.stderr); sys.exit(2)"
    outcome = run(through_launcher(program), rundir)
    assert outcome.cause == "refused-arguments"
    assert "unrecognized arguments: --x" in outcome.message.en


def test_an_end_without_words(rundir: RunDir, fake_trainer: Make) -> None:
    outcome = run(fake_trainer("print('a'); sys.exit(3)"), rundir)
    assert outcome.cause == "crash"
    assert "exit code 3" in outcome.message.en
    assert outcome.last_lines == ("a",)


def test_no_data_with_exit_code_0_is_a_failure(rundir: RunDir, fake_trainer: Make) -> None:
    line = "ERROR No data found. Please verify arguments (train_data_dir must be the parent of folders with images)"
    outcome = run(fake_trainer(f"print({line!r})"), rundir)
    assert (outcome.ending, outcome.exit_code, outcome.cause) == (Ending.FAILED, 0, "no-data")


def test_no_final_file_with_exit_code_0_is_a_failure(rundir: RunDir, fake_trainer: Make) -> None:
    (rundir.output / "x-000001.safetensors").write_bytes(b"x")
    (rundir.output / "x-step00000300.safetensors").write_bytes(b"x")
    (rundir.output / "empty.safetensors").touch()
    outcome = run(fake_trainer("print('model saved.')"), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.FAILED, "no-model")


def test_a_file_without_the_success_line_is_no_success(rundir: RunDir, fake_trainer: Make) -> None:
    (rundir.output / "x.safetensors").write_bytes(b"x")
    outcome = run(fake_trainer("print('epoch 1/2')"), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.FAILED, "no-model")


@pytest.mark.parametrize(
    ("final", "cause"),
    [
        (FINAL, "ok"),
        (replace(FINAL, is_readable=False, problem="cut short"), "bad-model"),
        (replace(FINAL, nonfinite_count=3), "nan"),
        (replace(FINAL, zero_up_count=4), "zero-model"),
        (replace(FINAL, zero_up_count=3), "ok"),
    ],
)
def test_the_content_of_the_final_file_counts(rundir: RunDir, final: Checkpoint, cause: str) -> None:
    launched = Launched(0, 1.0, 0.1, tail=("model saved.",))
    outcome = judge_outcome(launched, rundir, checkpoint=final)
    assert outcome.cause == cause
    assert (outcome.ending is Ending.SUCCEEDED) == (cause == "ok")


@pytest.mark.parametrize("name", ["alice-251129", "alice-20251129"])
def test_a_name_that_ends_in_a_date_is_no_save_point(rundir: RunDir, name: str) -> None:
    launched = Launched(0, 10.0, 1.0, first_step_s=2.0, tail=("model saved.",))
    rundir.output.mkdir(parents=True, exist_ok=True)
    (rundir.output / f"{name}-000003.safetensors").write_bytes(b"x" * 9)
    assert judge_outcome(launched, rundir, output_name=name).cause == "no-model"
    (rundir.output / f"{name}.safetensors").write_bytes(b"x" * 9)
    assert judge_outcome(launched, rundir, output_name=name).cause == "ok"


def test_a_rescued_run_is_a_success_with_a_warning(rundir: RunDir) -> None:
    launched = Launched(1, 10.0, 1.0, first_step_s=2.0, tail=("OSError: [Errno 28] No space left on device",))
    assert judge_outcome(launched, rundir).cause == "disk-full"
    rundir.output.mkdir(parents=True, exist_ok=True)
    (rundir.output / "x.safetensors").write_bytes(b"x" * 9)
    for final in (None, FINAL):
        outcome = judge_outcome(replace(launched, is_rescued=True), rundir, checkpoint=final, planned_steps=20)
        assert (outcome.ending, outcome.cause) == (Ending.SUCCEEDED, "rescued")
        assert "disk" in outcome.message.en
        assert outcome.last_lines == launched.tail


def test_a_crash_after_a_whole_final_file_is_a_success_with_a_remark(rundir: RunDir, fake_trainer: Make) -> None:
    outcome = run(fake_trainer(SAVE + "os.kill(os.getpid(), signal.SIGSEGV)"), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.SUCCEEDED, "exit-error")
    assert outcome.exit_code == -signal.SIGSEGV
    assert outcome.last_lines == ("model saved.",)


def test_interrupted_and_stopped(rundir: RunDir) -> None:
    assert judge_outcome(Launched(-2, 1.0, 0.1, interrupted=True), rundir).ending is Ending.INTERRUPTED
    outcome = judge_outcome(Launched(-2, 1.0, 0.1, "nan"), rundir)
    assert (outcome.ending, outcome.cause) == (Ending.STOPPED, "nan")


def test_ctrl_c_after_a_good_end_is_still_a_success(rundir: RunDir) -> None:
    launched = Launched(0, 1.0, 0.1, interrupted=True, tail=("model saved.",))
    assert judge_outcome(launched, rundir, checkpoint=FINAL).ending is Ending.SUCCEEDED


def test_a_run_ended_for_silence(rundir: RunDir, fake_trainer: Make) -> None:
    outcome = run(fake_trainer("time.sleep(60)"), rundir, Patience(Limits(start_s=0.2), is_ending=True))
    assert (outcome.ending, outcome.cause) == (Ending.STOPPED, "no-output")
    assert "printed nothing" in outcome.message.en


def test_a_full_log_disk_explains_an_end_without_words(rundir: RunDir) -> None:
    launched = Launched(1, 1.0, 0.1, log_error="[Errno 28] No space left on device")
    assert judge_outcome(launched, rundir).cause == "disk-full"


def test_what_is_quoted_does_not_tell_the_users_home(rundir: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/canary")
    tail = (
        "Traceback (most recent call last):",
        '  File "/home/canary/sd-scripts/train_network.py", line 1, in <module>',
        "FileNotFoundError: [Errno 2] No such file or directory: '/home/canary/models/初音.safetensors'",
    )
    outcome = judge_outcome(Launched(1, 1.0, 0.1, tail=tail), rundir)
    assert outcome.last_lines[1] == '  File "~/sd-scripts/train_network.py", line 1, in <module>'
    assert "'~/models/初音.safetensors'" in outcome.message.en
    assert "'~/models/初音.safetensors'" in outcome.message.zh
    assert "canary" not in str(outcome)
    without_words = judge_outcome(Launched(3, 1.0, 0.1, tail=("saving to /home/canary",)), rundir)
    assert without_words.last_lines == ("saving to ~",)


@pytest.mark.parametrize(
    ("home", "text", "shown"),
    [
        ("/home/bob", "/home/bob/x, /home/bob.", "~/x, ~."),
        ("/home/bob", "file:///home/bob/x", "file://~/x"),
        ("/home/bob", "/home/bobby/x /home/bob-2 /home/bob.old", "/home/bobby/x /home/bob-2 /home/bob.old"),
        ("/home/bob", "/mnt/home/bob/x", "/mnt/home/bob/x"),
        ("/home/a+b (c)", "'/home/a+b (c)/x'", "'~/x'"),
        ("/", "/home/bob/x", "/home/bob/x"),
    ],
)
def test_only_the_home_folder_itself_is_shortened(home: str, text: str, shown: str) -> None:
    assert without_home(text, Path(home)) == shown


def test_ctrl_c_needs_no_traceback(rundir: RunDir) -> None:
    tail = ("Traceback (most recent call last):", '  File "x.py", line 1', "KeyboardInterrupt")
    assert judge_outcome(Launched(-2, 1.0, 0.1, interrupted=True, tail=tail), rundir).last_lines == ()
    assert judge_outcome(Launched(-2, 1.0, 0.1, "nan", tail=tail), rundir).last_lines == tail


@pytest.mark.parametrize(
    ("ending", "cause", "wanted"),
    [
        ("", "", "ok"),
        ("succeeded", "rescued", "rescued"),
        ("interrupted", "interrupted", "ok"),
        ("failed", "crash", "exit-error"),
    ],
)
def test_what_was_trained_and_never_told(rundir: RunDir, ending: str, cause: str, wanted: str) -> None:
    (rundir.output / "x.safetensors").write_bytes(b"x" * 9)
    last = Attempt(1, started_at="2000-01-01T00:00:00.000+00:00", ending=ending, cause=cause, exit_code=1, seconds=3.0)
    outcome = outcome_of_trained(rundir, History(attempts=(last,)), "x", FINAL)
    assert (outcome.ending, outcome.cause, outcome.seconds) == (Ending.SUCCEEDED, wanted, 3.0)
    unreadable = replace(FINAL, is_readable=False)
    assert outcome_of_trained(rundir, History(attempts=(last,)), "x", unreadable).cause == "bad-model"
