"""The console log on a disk that fills, with a file that goes away, and longer than what is kept of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.observe.console_file import read_console
from orchestrator.run.process.console_log import ConsoleLog, part_path
from tests.run.small_trainer import english

if TYPE_CHECKING:
    from collections.abc import Callable

REPO = Path(__file__).parents[2]
RELIABILITY = {
    "G01": "300 MB without a line end through the pump, memory and disk bounded",
    "G09": "the log deleted, and moved, while the run writes on",
    "B05 (console log)": "a tmpfs of 64 KiB full under the log, and free again",
}


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def log_at(tmp_path: Path, part_bytes: int = 10**9) -> tuple[ConsoleLog, Path, Clock]:
    path, clock = tmp_path / "console.log", Clock()
    return ConsoleLog(path, clock, part_bytes), path, clock


def lines(first: int, last: int) -> bytes:
    return b"".join(b"line %04d\n" % number for number in range(first, last))


def test_the_beginning_and_the_newest_part_are_kept(tmp_path: Path) -> None:
    log, path, _ = log_at(tmp_path, part_bytes=1000)
    for number in range(1000):
        log.write(lines(number, number + 1))
    log.close()
    parts = [part_path(path, number) for number in (1, 2, 3)]
    assert [part.name for part in parts] == ["console.log", "console.2.log", "console.3.log"]
    assert all(part.stat().st_size <= 1100 for part in parts)
    assert parts[0].read_bytes().startswith(lines(0, 100))
    newest = parts[1].read_bytes() + parts[2].read_bytes()
    assert newest == lines(1000 - len(newest) // 10, 1000)
    assert 1000 < len(newest) <= 2000
    assert log.dropped_bytes == 10_000 - 1000 - len(newest)
    (told,) = english(log.take_warnings())
    assert "only its beginning and its newest part are kept" in told
    assert log.take_warnings() == []


def test_nothing_is_dropped_of_a_log_that_fits(tmp_path: Path) -> None:
    log, path, _ = log_at(tmp_path, part_bytes=1000)
    log.write(lines(0, 90))
    log.write(lines(90, 180))
    log.write(lines(180, 270))
    log.close()
    assert b"".join(part_path(path, n).read_bytes() for n in (1, 2, 3)) == lines(0, 270)
    assert (log.dropped_bytes, log.error, log.take_warnings()) == (0, "", [])


def test_a_rotated_log_is_read_as_one(tmp_path: Path) -> None:
    log, path, _ = log_at(tmp_path, part_bytes=4000)
    log.write("running training / 学習開始\n  total optimization steps / 学習ステップ数: 500\n".encode())
    for step in range(1, 501):
        bar = f"\rsteps:  {step // 5}%|█▌        | {step}/500 [00:06<01:42,  1.30s/it, avr_loss=0.1]"
        log.write(bar.encode())
    log.close()
    reading = read_console(path)
    assert reading.facts["total_steps"] == 500
    assert reading.facts["last_step"] == 500
    steps = list(reading.progress.steps)
    assert steps[0] == 1
    assert 450 in steps
    assert 250 not in steps
    assert any("its middle was dropped" in note for note in reading.notes)


def test_a_log_that_is_deleted_is_begun_anew(tmp_path: Path) -> None:
    log, path, clock = log_at(tmp_path)
    log.write(lines(0, 3))
    path.unlink()
    clock.now = 1.5
    log.write(lines(3, 6))
    log.close()
    text = path.read_bytes()
    assert text.endswith(lines(3, 6))
    assert b"was deleted or moved" in text
    assert "begun anew" in english(log.take_warnings())[0]
    assert "deleted or moved" in log.error


def test_a_log_that_is_moved_keeps_what_it_had(tmp_path: Path) -> None:
    log, path, clock = log_at(tmp_path)
    log.write(lines(0, 3))
    path.rename(tmp_path / "console.log.1")
    clock.now = 1.5
    log.write(lines(3, 6))
    log.close()
    assert (tmp_path / "console.log.1").read_bytes() == lines(0, 3)
    assert path.read_bytes().endswith(lines(3, 6))


def test_the_folder_of_the_log_may_go_too(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "folder").mkdir()
    log = ConsoleLog(tmp_path / "folder" / "console.log", clock)
    log.write(lines(0, 1))
    (tmp_path / "folder").rename(tmp_path / "away")
    clock.now = 1.5
    log.write(lines(1, 2))
    (tmp_path / "folder").mkdir()
    clock.now = 3.0
    log.write(lines(2, 3))
    log.close()
    assert (tmp_path / "folder" / "console.log").read_bytes().endswith(lines(2, 3))


def test_what_a_full_disk_swallowed_is_counted_where_it_was(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("size=64k")
    (folder / "other").write_bytes(b"x" * 40_000)
    log = ConsoleLog(folder / "console.log", Clock())
    for number in range(0, 8000, 100):
        log.write(lines(number, number + 100))
    assert "No space left" in log.error
    (folder / "other").unlink()
    log.write(lines(8000, 8001))
    log.close()
    text = (folder / "console.log").read_bytes()
    first, lost, last = text.partition(b"\n[")
    assert last.endswith(lines(8000, 8001))
    assert int(last.split(b" ")[0]) == 80_000 - len(first)
    assert "cannot be written" in english(log.take_warnings())[0]
    assert lost
    assert tmp_path.exists()


def test_a_gigantic_line_takes_neither_memory_nor_disk(tmp_path: Path) -> None:
    program = f"""
import os, resource, subprocess, sys, time
from pathlib import Path
from orchestrator.run.process.pump import Pump, Waiting
writer = subprocess.Popen(
    [sys.executable, "-S", "-c", "import os\\nfor _ in range(300): os.write(1, b'x' * 1000000)\\nos.write(1, b'\\\\nend\\\\n')"],
    stdout=subprocess.PIPE)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pump = Pump(writer.stdout.fileno(), Path({str(tmp_path / "console.log")!r}), Waiting(), ())
pump.start(); pump.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, pump.log_error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert int(done.stdout.split()[0]) < 20_000, "KiB"
    text = (tmp_path / "console.log").read_bytes()
    assert len(text) < 70_000
    assert text.endswith(b"bytes cut]\nend\n")
