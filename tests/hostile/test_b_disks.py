"""Disks that fill under a run: nothing torn is left under a good name, nothing saved is lost, nothing ends without a word."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from orchestrator.backends.protocol import Build, Command
from orchestrator.core import durable
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.rundir import RunDir
from orchestrator.run.process.launch import launch
from orchestrator.run.records.create import create_run
from orchestrator.run.records.journal import Journal, read_journal
from orchestrator.run.saved.ballast import free_ballast, make_ballast
from orchestrator.run.saved.disk import free_bytes_at
from orchestrator.run.saved.disk_gate import DiskGate, Pushes
from tests.run.small_trainer import english

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.text import Text
    from orchestrator.run.process.launched import Launched

    Mount = Callable[[str], Path]

TRAINER = Path(__file__).with_name("full_disk_trainer.py")
MIB = 1024 * 1024
SAVE, EVERY, STEPS = MIB, 5, 20
ERRNOS = (errno.EDQUOT, errno.EIO, errno.EROFS)
_STEP = re.compile(r"^steps:.*\|\s*([1-9]\d*)/\d+ \[")
RELIABILITY = {
    "B02": "a run that needs more than a tmpfs of 16 MiB has, refused before anything is started",
    "B03": f"a tmpfs full before the 2nd of {STEPS // EVERY} saves: held, no torn file, let go by hand",
    "B05": "2 MiB of console text on a tmpfs of 1 MiB: the run ends well",
    "B06": f"space comes back while held: {STEPS} of {STEPS} steps, {STEPS // EVERY} of {STEPS // EVERY} files",
    "B07": "a journal of 300 entries over a full and freed disk: none lost, none torn",
    "B08": "a tmpfs without inodes before a save: held as in B03",
    "B09": f"{len(ERRNOS)} refusals of the system (quota, device, read-only) while a run folder is made",
    "B10": "a read-only file system as runs folder, refused before the start",
    "B12": "a file system without hard links: files are copied and renamed",
}


def saves(step: int) -> tuple[int, int] | None:
    return None if step >= STEPS else ((step // EVERY + 1) * EVERY, SAVE)


class Run:
    """A fake trainer on a small disk, with a gate that is asked where a stop rule would be."""

    def __init__(self, root: Path, *, words: int = 0, spare: int = 64 * 1024) -> None:
        self.rundir = RunDir(root / "runs" / "n-001")
        self.rundir.output.mkdir(parents=True)
        self.rundir.logs.mkdir()
        self.told: list[Text] = []
        self.step = 0
        self.words = words
        self.group: int | None = None
        self.free_when_held: Callable[[], None] | None = None
        pushes = Pushes(self.free, self.hold, self.let_go, lambda: free_ballast(self.rundir.ballast), self.told.append)
        self.gate = DiskGate(saves, pushes)
        self.spare = spare

    def free(self) -> int:
        """The gate leaves room for records of some MiB; a test's disk is smaller than that."""
        free = free_bytes_at(self.rundir.output)
        return free + 8 * MIB - self.spare if free else 0

    def hold(self) -> bool:
        children = psutil.Process().children()
        self.group = next(c.pid for c in children if TRAINER.name in " ".join(c.cmdline()))
        os.killpg(self.group, signal.SIGSTOP)
        if self.free_when_held is not None:
            threading.Timer(1.0, self.free_when_held).start()
        return True

    def let_go(self) -> None:
        assert self.group is not None
        os.killpg(self.group, signal.SIGCONT)

    def on_line(self, line: str, _seconds: float) -> None:
        if found := _STEP.match(line):
            self.step = int(found[1])

    def reason(self) -> str | None:
        self.gate.tick(time.monotonic(), self.step)
        return None

    def launch(self) -> Launched:
        argv = [sys.executable, "-S", "-u", str(TRAINER), "--folder", str(self.rundir.output), "--steps", str(STEPS)]
        argv += ["--every", str(EVERY), "--bytes", str(SAVE), "--pace", "0.1", "--words", str(self.words)]
        return launch(Command(tuple(argv), {"PYTHONUTF8": "1"}), self.rundir, self.on_line, self.reason)

    def files(self) -> list[int]:
        return [path.stat().st_size for path in sorted(self.rundir.output.glob("*.safetensors"))]


def fill(folder: Path, leave_bytes: int) -> Path:
    filler = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler.write_bytes(b"f" * (free - leave_bytes))
    return filler


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.run.saved import disk_gate

    monkeypatch.setattr(disk_gate, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(disk_gate, "LOOK_HELD_EVERY_S", 0.2)
    monkeypatch.setattr(disk_gate, "FULL_BYTES", 1024)


@pytest.mark.usefixtures("quick_looks")
@pytest.mark.parametrize("kind", ["bytes", "inodes"])
def test_b03_b06_b08_held_before_the_save_and_on_again(small_disk: Mount, kind: str) -> None:
    folder = small_disk("size=16m,nr_inodes=40")
    run = Run(folder)
    if kind == "bytes":
        filler = fill(folder, int(1.8 * MIB))  # room for one save, not for two
        run.free_when_held = filler.unlink
    else:
        names = [folder / f"f{number}" for number in range(100)]
        with contextlib.suppress(OSError):
            for name in names:
                name.touch()
        names[0].unlink()  # for the console log
        names[1].unlink()  # for the first file

        def free_names() -> None:
            for name in names:
                name.unlink(missing_ok=True)

        run.free_when_held = free_names
    done = run.launch()
    assert run.files() == [SAVE] * (STEPS // EVERY)
    assert (done.exit_code, run.step) == (0, STEPS)
    first, last = english(run.told)
    # A save that is being written while its step is not yet told takes the room that is looked for: held one save early.
    assert re.search(r"paused before the save at step (5|10)\b", first)
    assert "there is room again" in last
    assert run.gate.held_s >= 0.9


@pytest.mark.usefixtures("quick_looks")
def test_b03_without_a_gate_the_disk_tears_a_file(small_disk: Mount) -> None:
    """What the gate is for: the same disk, the same trainer."""
    folder = small_disk("size=16m")
    run = Run(folder)
    fill(folder, int(1.8 * MIB))
    run.gate.release(0.0)
    done = run.launch()
    assert done.exit_code == 1
    assert run.files()[0] == SAVE
    assert 0 < run.files()[1] < SAVE


@pytest.mark.usefixtures("quick_looks")
def test_b03_the_user_may_end_it_while_it_is_held(small_disk: Mount) -> None:
    folder = small_disk("size=16m")
    run = Run(folder)
    fill(folder, int(1.8 * MIB))
    asked = run.reason

    def reason() -> str | None:
        asked()
        if run.gate.is_held:
            run.gate.release(time.monotonic())
            return "the user"
        return None

    run.reason = reason  # type: ignore[method-assign]
    began = time.monotonic()
    done = run.launch()
    assert done.stopped_because == "the user"
    assert run.files() == [SAVE]
    assert time.monotonic() - began < 15


@pytest.mark.usefixtures("quick_looks")
def test_b05_a_disk_full_of_log_does_not_end_the_run(small_disk: Mount, tmp_path: Path) -> None:
    folder = small_disk("size=1m")
    run = Run(folder, words=100_000)
    output = tmp_path / "elsewhere"
    output.mkdir()
    run.rundir.output.rmdir()
    run.rundir.output.symlink_to(output)
    assert make_ballast(run.rundir.ballast, 256 * 1024) is None
    run.gate.release(0.0)  # the files have room, the log has none
    done = run.launch()
    assert (done.exit_code, run.files()) == (0, [SAVE] * (STEPS // EVERY))
    assert "No space left" in done.log_error
    assert free_ballast(run.rundir.ballast) == 256 * 1024
    run.rundir.report_json.write_text("{}" * 1000)


def test_b07_a_journal_over_a_full_disk_loses_nothing(small_disk: Mount) -> None:
    folder = small_disk("size=256k")
    ballast = folder / ".ballast"
    assert make_ballast(ballast, 128 * 1024) is None
    journal = Journal(folder / "journal.jsonl")
    filler = fill(folder, 8 * 1024)
    for number in range(150):
        journal.add("step", step=number)
    assert journal.error
    whole = read_journal(folder / "journal.jsonl")
    assert whole.damage == ()
    assert 0 < len(whole.entries) < 150
    assert free_ballast(ballast)
    for number in range(150, 300):
        journal.add("step", step=number)
    journal.close()
    filler.unlink()
    reading = read_journal(folder / "journal.jsonl")
    assert [entry.facts["step"] for entry in reading.entries] == list(range(300))
    assert (reading.damage, journal.error) == ((), "")


@pytest.mark.parametrize("number", ERRNOS)
def test_b09_what_the_system_refuses_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(EnvironmentFault) as caught:
        create_run(tmp_path / "runs", "n", Build({}, (), ()))
    (problem,) = caught.value.problems
    assert problem.code == "cannot-write"
    assert problem.why is not None
    assert problem.why.en == os.strerror(number)
    assert problem.why.zh != problem.why.en
    assert list((tmp_path / "runs").iterdir()) == []


def test_b10_a_read_only_disk_is_found_before_the_start(small_disk: Mount) -> None:
    folder = small_disk("size=1m,ro")
    with pytest.raises(EnvironmentFault) as caught:
        create_run(folder / "runs", "n", Build({}, (), ()))
    assert caught.value.exit_code == 4
    assert caught.value.problems[0].why is not None
    assert "Read-only" in caught.value.problems[0].why.en


def test_b12_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(_source: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    source, target = tmp_path / "n.safetensors", tmp_path / "kept.safetensors"
    source.write_bytes(b"x" * 1000)
    monkeypatch.setattr(os, "link", no_links)
    durable.link_or_copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_ino != source.stat().st_ino
    with pytest.raises(FileExistsError):
        durable.link_or_copy(source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept.safetensors", "n.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=16m", "size=1g,nr_inodes=20"])
def test_b02_a_run_without_room_is_refused_at_once(small_disk: Mount, tmp_path: Path, options: str) -> None:
    folder = small_disk(options)
    pictures = tmp_path / "images"
    pictures.mkdir()
    from PIL import Image

    for index in range(8):
        Image.new("RGB", (64, 64), (index * 20, 10, 10)).save(pictures / f"{index}.png")
        (pictures / f"{index}.txt").write_text("zxq", encoding="utf-8")
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        "recipe_version: 1\nname: tiny\nsubject: {kind: object, trigger: zxq, class_tokens: man}\n"
        "base_model: {family: pocket}\nconcepts: [{image_dir: images}]\ntrain: {target_steps: 12}\n"
        "sample: {prompts: []}\n",
        encoding="utf-8",
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", str(recipe), "--runs-dir", str(folder / "runs"), "--lang", "en"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert list(folder.iterdir()) == [], "nothing was laid down"
    assert time.monotonic() - began < 60
    assert "Traceback" not in said
    if "nr_inodes" in options:
        assert re.search(r"may write \d+ files, the file system of .* has room for \d+", said)
    else:
        assert re.search(r"may write [\d.]+ MiB, [\d.]+ MiB are free at ", said)
        assert "ballast 64.0 MiB" in said
        assert "--runs-dir" in said
