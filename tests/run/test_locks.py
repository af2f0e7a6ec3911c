from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.errors import EXIT_REFUSED, InputError
from orchestrator.core.rundir import RunDir
from orchestrator.run.records.identity import boot_id, identity_of, lives
from orchestrator.run.records.locks import gpu_locked, gpus_of, is_going_on, read_owner, run_locked

RELIABILITY = {
    "D01": "a second process in one run folder: refused with exit 2, naming process and beginning",
    "D02": "the holder of a lock killed with -9: the next one has it at once",
    "D03": "a process number used again, and another start of the machine: not taken for the old one",
}
HOLD = """
import sys, time
from pathlib import Path
from orchestrator.core.rundir import RunDir
from orchestrator.run.records.locks import run_locked
with run_locked(RunDir(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_told_who_holds_the_folder(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    run = RunDir(tmp_path)
    try:
        assert is_going_on(run)
        before = sorted(p.name for p in tmp_path.iterdir())
        with pytest.raises(InputError) as refused, run_locked(run):
            pass
        assert refused.value.exit_code == EXIT_REFUSED
        said = refused.value.problems[0].what
        owner = read_owner(run.owner_json)
        assert owner is not None
        assert f"process {holder.pid}, since {owner.since}" in said.en
        assert str(holder.pid) in said.zh
        assert sorted(p.name for p in tmp_path.iterdir()) == before
    finally:
        holder.kill()
        holder.communicate()


def test_a_lock_dies_with_its_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    run = RunDir(tmp_path)
    holder.kill()
    holder.communicate()
    assert not is_going_on(run)
    began = time.monotonic()
    with run_locked(run):
        assert is_going_on(run)
    assert time.monotonic() - began < 1
    assert not is_going_on(run)


def test_another_process_of_the_same_number_is_another_one() -> None:
    me = identity_of()
    assert me is not None
    assert me.boot == boot_id()
    assert lives(me)
    assert not lives(replace(me, started="1"))
    assert not lives(replace(me, boot="another start of the machine"))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert identity_of(child.pid) is None


def test_a_dead_child_that_nobody_has_waited_for_does_not_live() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    child = os.fork()
    if child == 0:
        os._exit(0)
    time.sleep(0.2)
    try:
        assert identity_of(child) is None
    finally:
        os.waitpid(child, 0)


def test_one_run_for_each_gpu(tmp_path: Path) -> None:
    with gpu_locked(tmp_path, "0", "alice-001"):
        with gpu_locked(tmp_path, "1", "bob-001"):
            pass
        with (
            pytest.raises(InputError, match=r"GPU 0 trains another run \(alice-001, process"),
            gpu_locked(tmp_path, "0", "bob-001"),
        ):
            pass
    with gpu_locked(tmp_path, "0", "bob-001"):
        pass


@pytest.mark.parametrize(
    ("count", "visible", "gpus"),
    [
        (1, None, ("0",)),
        (2, None, ("0", "1")),
        (1, "3,1", ("3",)),
        (2, "3, 1", ("3", "1")),
        (1, "GPU-8a", ("GPU-8a",)),
        (1, "", ()),
        (2, "-1", ()),
        (2, "1,-1,0", ("1",)),
    ],
)
def test_the_gpus_of_a_run_are_the_first_visible_ones(count: int, visible: str | None, gpus: tuple[str, ...]) -> None:
    assert gpus_of(count, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == gpus
