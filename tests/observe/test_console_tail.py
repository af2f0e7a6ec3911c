"""The console log while it grows: its last lines, a further attempt, a log that was put aside; nothing drives the terminal."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.rundir import RunDir
from orchestrator.observe.console_tail import ConsoleTail, Lines, newest_part, start_of_last_lines
from orchestrator.run.process.console_log import ConsoleLog
from tests.made_runs import add_to_log, bar, make_run

if TYPE_CHECKING:
    from pathlib import Path


EVIL = [
    b"\x1b]52;c;cm0gLXJm\x07", b"\x1b]8;;https://evil.test\x1b\\click\x1b]8;;\x1b\\", b"\x1b[2J\x1b[31m", b"\x9b2J",
    b"\x1b]0;title", b"\x08\x08\x00\x7f", "\u202eabc\u2066".encode(), b"\xc2\x9d52;c;x\xc2\x9c", b"\xff\xfe", b"\x1bP1$r\x1b\\",
]  # fmt: skip
RELIABILITY = {
    "G04": f"escapes, OSC 8 and 52, C1 codes, direction marks in the log ({len(EVIL)}): `logs` shows none of them raw",
    "G09": "the log cut short, put aside, gone on with in further parts: `logs -f` and `attach` go on",
}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("end", ["", "\n", "\n" + bar(3)])
def test_the_last_lines_are_those_of_the_text(tmp_path: Path, count: int, end: str) -> None:
    text = "\n".join(f"line {n} " + "x" * (n * 997 % 9000) for n in range(60)) + end
    path = tmp_path / "console.log"
    path.write_text(text, newline="")
    lines = text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
    wanted = lines[len(lines) - count :]
    assert path.read_bytes()[start_of_last_lines(path, count) :].decode().rstrip("\n").split("\n") == (wanted or [""])


def test_fewer_lines_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    assert start_of_last_lines(path, 5) == 0
    path.write_text("one\ntwo\n")
    assert start_of_last_lines(path, 5) == 0


def test_what_is_added_is_read_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    tail = ConsoleTail(run)
    assert tail.read_new() == b""
    add_to_log(run, "one\n")
    assert tail.read_new() == b"one\n"
    assert tail.read_new() == b""
    add_to_log(run, "two\n")
    assert tail.read_new() == b"two\n"
    tail.close()


def test_a_log_that_is_cut_short_put_aside_or_taken_away(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    tail = ConsoleTail(run)
    add_to_log(run, "a long first line\n")
    tail.read_new()
    run.console_log.write_text("cut\n")
    assert tail.read_new() == b"cut\n"
    run.console_log.rename(run.console_log.with_suffix(".1"))
    assert tail.read_new() == b""
    with run.console_log.with_suffix(".1").open("a") as still_written:
        still_written.write("the rest\n")
    add_to_log(run, "new file\n")
    assert tail.read_new() == b"the rest\n"
    assert tail.read_new() == b"new file\n"
    tail.close()


def test_a_further_attempt_is_gone_on_with(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    add_to_log(run, "first\n")
    tail = ConsoleTail(run)
    assert tail.read_new() == b"first\n"
    second, third = RunDir(run.root, 2), RunDir(run.root, 3)
    for later in (second, third):
        later.output.mkdir(parents=True)
    add_to_log(third, "third\n")
    tail.read_new()
    assert tail.run.attempt == 2
    assert tail.read_new() == b"third\n"
    assert tail.run.attempt == 3
    tail.close()


def test_a_log_that_goes_on_in_further_parts(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    tail = ConsoleTail(run)
    log = ConsoleLog(run.console_log, time.monotonic, part_bytes=100)
    for number in range(40):
        line = f"line {number:02d} {'x' * 40}\n".encode()
        log.write(line)
        read = tail.read_new()
        assert read.endswith(line), number
    log.close()
    tail.close()
    assert newest_part(run.console_log).name == "console.3.log"
    with closing(ConsoleTail(run)) as late:
        assert late.read_new().endswith(line)


def shown(*chunks: bytes) -> list[tuple[str, bool]]:
    lines = Lines()
    return [(line.text, line.is_ended) for chunk in chunks for line in lines.feed(chunk)]


def test_of_a_bar_the_last_refresh_stays() -> None:
    text = (bar(1) + bar(2) + bar(3)).encode()
    assert [is_ended for _, is_ended in shown(text, b"\nnext\n")] == [False, True, True]
    assert shown(text + b"\nnext\n")[0][0].endswith("3/100 [00:10<00:20,  2.00it/s, avr_loss=0.0934]")


def test_windows_line_ends() -> None:
    assert shown(b"one\r\ntwo\r\n") == [("one", True), ("two", True)]


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_drives_the_terminal(evil: bytes) -> None:
    for text, _ in shown(b"before " + evil + b" after\n", evil):
        assert text.isprintable()


def test_a_line_without_an_end_costs_no_memory() -> None:
    lines = Lines()
    for _ in range(200):
        (line,) = lines.feed(b"x" * 1_000_000)
    assert len(line.text) <= 8192
